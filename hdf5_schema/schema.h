/* The tables of a study, one row of schema.c a column. These rows drive what the journal stores of a struct, the
 * datasets of the archive with their types and attributes, the check of both, and the reference in docs/archive.md: a
 * new column is one new line. A change of a line changes the formats that hold its table: raise ARCHIVE_SCHEMA_VERSION,
 * and for a table that the journal holds JOURNAL_VERSION. */
#ifndef SWEEP_HDF5_SCHEMA_SCHEMA_H
#define SWEEP_HDF5_SCHEMA_SCHEMA_H

#include "hdf5_schema/study_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum column_type {
    COLUMN_U32, /* at most 2^31 - 1, R's largest integer */
    COLUMN_I32,
    COLUMN_U64, /* at most 2^53, up to which doubles hold every integer */
    COLUMN_F64,
    COLUMN_TEXT,   /* char[size], UTF-8, zero-terminated */
    COLUMN_STATUS, /* enum run_status; its name in the archive */
};

struct column {
    const char *name; /* of the struct's field and of the dataset */
    enum column_type type;
    size_t offset, size; /* bytes, in the struct */
    const char *units;   /* NULL: it has none, as texts and names of things */
    const char *long_name;
};

/* Columns of one group that come from one struct. */
struct table {
    const char *group;
    const char *about;
    size_t struct_size;
    const struct column *columns;
    size_t column_count;
    size_t key_count; /* the first columns, which name a row: dimension scales of the group's others. 0: the table adds
                         columns to the group of the table before it */
};

enum table_number {
    TABLE_RUNS,           /* struct run_record */
    TABLE_OUTCOMES,       /* struct run_outcome, what does not depend on where and when a run ran */
    TABLE_SLICES,         /* struct run_slice */
    TABLE_EXECUTION,      /* struct run_outcome, the rest */
    TABLE_MIXTURES,       /* struct language_tokens, planned */
    TABLE_TOKENS,         /* struct language_tokens, seen */
    TABLE_CURVES,         /* struct curve_point */
    TABLE_LOSSES,         /* struct loss_point */
    TABLE_TRANSFER,       /* struct transfer_record */
    TABLE_ADAPTATION,     /* struct adaptation_record */
    TABLE_CROSSOVERS,     /* struct crossover_record */
    TABLE_LAWS,           /* struct law_record */
    TABLE_LAW_PARAMETERS, /* struct law_parameter_row */
    TABLE_COUNT
};
extern const struct table schema_tables[TABLE_COUNT];

/* Where the rows of a run stand in /curves and /losses. */
struct run_slice {
    uint64_t curve_start, curve_count, loss_start, loss_count;
};

/* A parameter of a fitted law, flat. */
struct law_parameter_row {
    uint32_t law_row; /* row of /laws */
    struct law_parameter parameter;
};

enum { STATUS_SIZE = 8 };
extern const char schema_status_names[4][STATUS_SIZE]; /* by enum run_status */

/* A row as bytes: its columns one behind the other, little-endian, texts at their full size. */
size_t schema_row_size(const struct table *table);
uint8_t *schema_encode(const struct table *table, const void *row, uint8_t *bytes); /* returns the end */
const uint8_t *schema_decode(const struct table *table, const uint8_t *bytes, void *row);

/* The first column of a row with a value that cannot be: an integer too large, a text without end, an unknown status.
 * NULL: there is none. */
const struct column *schema_impossible(const struct table *table, const void *row);

/* Little-endian integers of size bytes. */
void schema_put(uint8_t *bytes, uint64_t value, size_t size);
uint64_t schema_get(const uint8_t *bytes, size_t size);

#endif
