/* The archive: one HDF5 file a study, written whole from a struct study_data and published by rename, so that a reader
 * never meets a writer. Its layout is described in docs/archive.md. */
#ifndef SWEEP_HDF5_SCHEMA_ARCHIVE_H
#define SWEEP_HDF5_SCHEMA_ARCHIVE_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

enum { ARCHIVE_SCHEMA_VERSION = 1 };

/* Writes path from data (temporary, fsync, rename). The same data give the same bytes. */
int archive_write(const char *path, const struct study_data *data, struct error *error);

/* Reads everything back. */
int archive_read(const char *path, struct study_data *data, struct error *error);

/* Verifies an archive: every dataset that the schema names is there with its type, axes, units and lengths; every run
 * number, offset and status is possible; points are in order. The first fault is the error. */
int archive_check(const char *path, struct error *error);

#endif
