#include "laws/law_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISTINCT_MAX = 8 };

/* How many distinct values there are, counted up to most. */
static size_t count_distinct(const double *values, size_t count, size_t most) {
    double found[DISTINCT_MAX];
    size_t distinct = 0;
    for (size_t i = 0; i < count && distinct < most; i++) {
        size_t k = 0;
        while (k < distinct && found[k] != values[i])
            k++;
        if (k == distinct)
            found[distinct++] = values[i];
    }
    return distinct;
}

static int check_positive(const struct fit_law *law, const char *column, const double *values, size_t count,
                          struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!(values[i] > 0) || !isfinite(values[i]))
            return error_set(error, ERROR_INPUT, "%s fit, row %zu: %s is %g; it must be positive and finite", law->name,
                             i + 1, column, values[i]);
    return 0;
}

static int check_table(const struct fit_law *law, size_t count, const double *losses, const struct law_column *columns,
                       int column_count, struct error *error) {
    for (int c = 0; c < column_count; c++)
        if (check_positive(law, columns[c].name, columns[c].values, count, error) != 0)
            return -1;
    if (check_positive(law, "L", losses, count, error) != 0)
        return -1;
    if (count < LAW_POINTS_LEAST)
        return error_set(error, ERROR_INPUT, "%s fit: %zu points; at least %d are needed", law->name, count,
                         LAW_POINTS_LEAST);
    for (int c = 0; c < column_count; c++) {
        const size_t distinct = count_distinct(columns[c].values, count, columns[c].distinct_least);
        if (distinct < columns[c].distinct_least)
            return error_set(error, ERROR_INPUT, "%s fit: %zu distinct %s; at least %zu are needed", law->name,
                             distinct, columns[c].name, columns[c].distinct_least);
    }
    return 0;
}

static double logarithms(const double *values, size_t count, double sign, double *out) {
    double mean = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = sign * log(values[i]);
        mean += out[i] / (double)count;
    }
    return mean;
}

static double deviation(const double *values, size_t count, double mean) {
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += (values[i] - mean) * (values[i] - mean) / (double)count;
    return sqrt(square);
}

int law_table_lay(size_t count, const double *losses, const struct law_column *columns, int column_count,
                  struct fit_law *law, double **room, struct error *error) {
    if (check_table(law, count, losses, columns, column_count, error) != 0)
        return -1;
    *room = malloc((size_t)column_count * count * sizeof **room);
    if (!*room)
        return error_set(error, ERROR_FAILED, "%s fit of %zu points: not enough memory", law->name, count);
    double loss_mean = 0;
    for (size_t i = 0; i < count; i++)
        loss_mean += log(losses[i]) / (double)count;
    law->count = count;
    law->losses = losses;
    law->column_count = column_count;
    for (int c = 0; c < column_count; c++) {
        double *column = *room + (size_t)c * count;
        const double mean = logarithms(columns[c].values, count, columns[c].sign, column);
        law->columns[c] = column;
        if (columns[c].exponent == FIT_PARAMETERS_MAX)
            continue;
        law->parameters[columns[c].exponent].scale = 1 / deviation(column, count, mean);
        for (int j = 0; j < law->parameter_count; j++)
            if (columns[c].terms >> j & 1)
                law->parameters[j].link[columns[c].exponent] = -mean;
    }
    for (int j = 0; j < law->parameter_count; j++)
        if (law->parameters[j].logarithmic)
            law->parameters[j].offset = loss_mean;
    return 0;
}

struct fit_parameter law_term(const char *name) {
    struct fit_parameter term = {
        .logarithmic = true, .scale = 1, .start_count = 6, .starts = {-5, -4, -3, -2, -1, 0}, .limit = 1};
    snprintf(term.name, sizeof term.name, "%s", name);
    return term;
}

struct fit_parameter law_constant(const char *name) {
    struct fit_parameter term = law_term(name);
    term.start_count = 5;
    memcpy(term.starts, (double[]){-2, -1.5, -1, -0.5, 0}, 5 * sizeof *term.starts);
    return term;
}

struct fit_parameter law_exponent(const char *name) {
    struct fit_parameter exponent = {.scale = 1, .start_count = 5, .starts = {0, 0.5, 1, 1.5, 2}};
    snprintf(exponent.name, sizeof exponent.name, "%s", name);
    return exponent;
}

struct fit_parameter law_shift(const char *name) {
    struct fit_parameter shift = law_exponent(name);
    shift.start_count = 1;
    shift.limit = 0.5;
    return shift;
}
