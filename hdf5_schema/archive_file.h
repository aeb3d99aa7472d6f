/* What the writer and the reader of an archive share. */
#ifndef SWEEP_HDF5_SCHEMA_ARCHIVE_FILE_H
#define SWEEP_HDF5_SCHEMA_ARCHIVE_FILE_H

#include "base/error.h"
#include "hdf5_schema/schema.h"

#include <hdf5.h>

#define ARCHIVE_SEAL_MAGIC "SWEEPSUM"
enum { ARCHIVE_SEAL_SIZE = 16 };

/* Fills the seal of the size bytes before it. */
void archive_seal(uint8_t *seal, const void *bytes, size_t size);

/* Where the points of each run stand in data: slices [run_count]. Points are in order, their runs are in range. */
void archive_slices(const struct study_data *data, struct run_slice *slices);

/* How files are opened; H5Pclose it. V18 bounds: every reader of the last fifteen years knows the format. No file
 * locks: some parallel file systems have none, and no reader ever meets a writer. From here on HDF5 prints no error,
 * and loads no library that a file asks for. */
hid_t archive_access(void);

/* Sets the innermost reason that HDF5 gives for its last failure behind the message; -1. To be called before any other
 * function of HDF5, which would forget it. */
int archive_error(struct error *error, const char *path, const char *what);

/* The type of a column as the file stores it (file) or as an array of it stands in memory; H5Tclose it. */
hid_t archive_column_type(const struct column *column, bool file);

/* A fixed-length UTF-8 text of size bytes, its zero byte counted; H5Tclose it. */
hid_t archive_text_type(size_t size);

/* Bytes of one element of a column. */
size_t archive_element_size(const struct column *column);

#endif
