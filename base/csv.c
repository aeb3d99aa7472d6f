#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

static const int LINE_LIMIT = 1 << 20; /* bytes; a line beyond it is no table */

/* Reads the next line that is not empty, without its end. 1, 0 at the end of the file, -1. */
static int read_line(struct csv *csv, char **line, size_t *size, struct error *error) {
    for (;;) {
        ssize_t length = getline(line, size, csv->file);
        if (length < 0 && ferror(csv->file))
            return error_set_errno(error, ERROR_FAILED, "%s: cannot be read", csv->path);
        if (length < 0)
            return 0;
        csv->line_number++;
        while (length > 0 && ((*line)[length - 1] == '\n' || (*line)[length - 1] == '\r'))
            (*line)[--length] = '\0';
        if (length > LINE_LIMIT)
            return error_set(error, ERROR_INPUT, "%s:%zu: a line of %zd bytes; this is no table as CSV", csv->path,
                             csv->line_number, length);
        if (strlen(*line) != (size_t)length)
            return error_set(error, ERROR_INPUT, "%s:%zu: holds a zero byte; this is no text", csv->path,
                             csv->line_number);
        if (length > 0)
            return 1;
    }
}

/* Ends the cell at *text with a zero byte, quotes or the blanks around it taken off. Returns where the next one begins,
 * NULL behind the last; *text becomes NULL when a quote has no end. */
static char *cell_end(char **text) {
    char *from = *text, *to = *text; /* a cell in quotes stays where it begins */
    from += strspn(from, " \t");
    if (*from != '"') {
        char *comma = strchr(from, ','), *end = comma ? comma : from + strlen(from);
        while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *text = from;
        char *next = comma ? comma + 1 : NULL;
        *end = '\0';
        return next;
    }
    for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from != '"' || (from[1] != ',' && from[1] != '\0')) {
        *text = NULL;
        return NULL;
    }
    char *next = from[1] == ',' ? from + 2 : NULL;
    *to = '\0';
    return next;
}

/* Cuts a line into cells [most]; returns their number, which may be larger than most, or -1. */
static int cut_cells(const struct csv *csv, char *line, char **cells, int most, struct error *error) {
    int count = 0;
    for (char *cell = line; cell; count++) {
        char *text = cell;
        cell = cell_end(&text);
        if (!text)
            return error_set(error, ERROR_INPUT, "%s:%zu:%d: a quote without an end; end it before the comma",
                             csv->path, csv->line_number, count + 1);
        if (count < most)
            cells[count] = text;
    }
    return count;
}

int csv_begin(struct csv *csv, FILE *file, const char *path, struct error *error) {
    *csv = (struct csv){.file = file, .path = path};
    int status = read_line(csv, &csv->header, &csv->header_size, error);
    if (status == 0)
        status = error_set(error, ERROR_INPUT, "%s: empty; the first line must name the columns", path);
    if (status == 1) {
        char *names = csv->header;
        if (strncmp(names, "\xEF\xBB\xBF", 3) == 0)
            names += 3;
        int commas = 1;
        for (const char *c = names; *c; c++)
            commas += *c == ',';
        csv->names = calloc((size_t)commas, sizeof *csv->names);
        csv->cells = calloc((size_t)commas, sizeof *csv->cells);
        if (csv->names && csv->cells)
            status = csv->columns = cut_cells(csv, names, csv->names, commas, error);
        else
            status = error_set(error, ERROR_FAILED, "%s: no memory for %d columns", path, commas);
    }
    if (status > 0)
        return 0;
    csv->file = NULL;
    csv_close(csv);
    return -1;
}

int csv_open(struct csv *csv, const char *path, struct error *error) {
    FILE *file = fopen(path, "rbe");
    if (!file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    if (csv_begin(csv, file, path, error) == 0)
        return 0;
    fclose(file);
    return -1;
}

void csv_close(struct csv *csv) {
    if (csv->file)
        fclose(csv->file);
    free(csv->header);
    free(csv->line);
    free(csv->names);
    free(csv->cells);
    *csv = (struct csv){0};
}

int csv_next(struct csv *csv, struct error *error) {
    const int status = read_line(csv, &csv->line, &csv->line_size, error);
    if (status <= 0)
        return status;
    const int count = cut_cells(csv, csv->line, csv->cells, csv->columns, error);
    if (count >= 0 && count != csv->columns)
        return error_set(error, ERROR_INPUT, "%s:%zu: %d cells; the first line names %d columns", csv->path,
                         csv->line_number, count, csv->columns);
    return count < 0 ? -1 : 1;
}

int csv_column(const struct csv *csv, const char *name) {
    for (int c = 0; c < csv->columns; c++)
        if (strcmp(csv->names[c], name) == 0)
            return c;
    return -1;
}

int csv_number(const struct csv *csv, int column, double *value, struct error *error) {
    const char *cell = csv->cells[column];
    char *end;
    *value = strtod(cell, &end);
    if (end == cell || *end)
        return error_set(error, ERROR_INPUT, "%s:%zu:%d: %s is '%.40s'; it must be a number", csv->path,
                         csv->line_number, column + 1, csv->names[column], cell);
    return 0;
}
