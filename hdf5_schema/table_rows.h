/* A study as the tables of the schema: an array of rows each. */
#ifndef SWEEP_HDF5_SCHEMA_TABLE_ROWS_H
#define SWEEP_HDF5_SCHEMA_TABLE_ROWS_H

#include "hdf5_schema/schema.h"

struct table_rows {
    const void *rows; /* [count] of schema_tables[i].struct_size bytes, in the order of the archive */
    size_t count;
};

/* Fills rows by enum table_number; most point into data, which must outlive them. -1: no memory. */
int table_rows_make(const struct study_data *data, struct table_rows rows[TABLE_COUNT]);
void table_rows_free(struct table_rows rows[TABLE_COUNT]);

#endif
