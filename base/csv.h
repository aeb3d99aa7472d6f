/* Tables of numbers and short texts as CSV (RFC 4180), a row at a time, so that a file may be larger than memory.
 *
 * The first line names the columns. Cells are separated by commas and blanks around them; one in double quotes may hold
 * commas and doubled quotes, but no end of line. Lines end in LF or CRLF, empty ones are skipped, a byte order mark is
 * taken. Errors name FILE:LINE:COL, COL being the number of the cell. */
#ifndef SWEEP_BASE_CSV_H
#define SWEEP_BASE_CSV_H

#include "base/error.h"

#include <stddef.h>
#include <stdio.h>

struct csv {
    FILE *file;
    const char *path;
    char *header, *line; /* the names and the cells of the row, as zero-terminated texts behind one another */
    size_t header_size, line_size;
    char **names, **cells; /* [columns] */
    int columns;
    size_t line_number; /* of the row read last; the first is 1 */
};

/* Opens a file and reads its names; csv_close after success. path must outlive the reader. csv_begin takes a stream
 * instead, which csv_close closes too; on failure it stays open. */
int csv_open(struct csv *csv, const char *path, struct error *error);
int csv_begin(struct csv *csv, FILE *file, const char *path, struct error *error);
void csv_close(struct csv *csv);

/* Reads the next row into cells: 1, 0 at the end, -1 when a row has not as many cells as there are names. */
int csv_next(struct csv *csv, struct error *error);

/* The number of the column by this name, -1: there is none. */
int csv_column(const struct csv *csv, const char *name);

/* The number in a cell of the row; fails when it is none, not even "nan" or "inf". An empty cell is none either. */
int csv_number(const struct csv *csv, int column, double *value, struct error *error);

#endif
