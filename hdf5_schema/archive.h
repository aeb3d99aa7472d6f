/* The archive: one HDF5 file a study, written whole from a struct study_data and published by rename, so that a reader
 * never meets a writer. Its layout is described in docs/archive.md.
 *
 * Behind the HDF5 file proper, where HDF5 does not look, stands a seal of 16 bytes: "SWEEPSUM" and the checksum64 of
 * all bytes before it. A reader checks it first, so that the HDF5 library, which trusts what it reads, never sees a
 * damaged file. */
#ifndef SWEEP_HDF5_SCHEMA_ARCHIVE_H
#define SWEEP_HDF5_SCHEMA_ARCHIVE_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

#include <stdio.h>

enum { ARCHIVE_SCHEMA_VERSION = 4 };

#define ARCHIVE_MAGIC "\211HDF\r\n\032\n" /* its first 8 bytes, those of every HDF5 file */

/* Writes path from data (temporary, fsync, rename). The same data give the same bytes. Data that study_data_check
 * refuses are not written. */
int archive_write(const char *path, const struct study_data *data, struct error *error);

/* Reads everything back (to be freed by study_data_free) and verifies it on the way: the seal holds; every dataset that
 * the schema names is there with its type, axes, units and lengths; every run number, offset and status is possible;
 * points are in order. The first fault is the error. */
int archive_read(const char *path, struct study_data *data, struct error *error);

/* archive_read for its verdict alone. */
int archive_check(const char *path, struct error *error);

/* Writes the reference section of docs/archive.md: every group and dataset of the schema. */
int archive_write_reference(FILE *file);

#endif
