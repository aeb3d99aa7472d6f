#include "laws/data_constrained.h"
#include "laws/chinchilla.h"
#include "laws/law_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    E = REPEATED_E,
    A = REPEATED_A,
    B = REPEATED_B,
    ALPHA = REPEATED_ALPHA,
    BETA = REPEATED_BETA,
    RD = REPEATED_RD,
    RN = REPEATED_RN,
    P = REPEATED_PARAMETERS
};
enum { FIRST_STAGE_PASSES = 10 };
enum { COLUMN_LOG_UN, COLUMN_RN, COLUMN_LOG_UD, COLUMN_RD, COLUMNS };

/* ln of an effective size U + U R* (1 - e^(-R / R*)) and its first two derivatives by ln R*. */
struct effective {
    double log, first, second;
};

static struct effective effective_size(double log_unique, double repeats, double scale) {
    const double q = repeats / scale, decayed = exp(-q);
    const double extra = -scale * expm1(-q);
    const double slope = extra - repeats * decayed; /* d extra / d ln R* */
    const double bend = slope - repeats * q * decayed;
    const double first = slope / (1 + extra);
    return (struct effective){log_unique + log1p(extra), first, bend / (1 + extra) - first * first};
}

/* Adds a term with this share of the law, ln term = y[factor] - y[exponent] ln size, to the derivatives of point i. */
static void term_add(struct fit_block *block, size_t i, double share, const struct effective *size, double power,
                     int factor, int exponent, int scale) {
    const int parameters[] = {factor, exponent, scale}; /* ascending */
    const double slope[] = {1, -size->log, -power * size->first};
    for (int j = 0; j < 3; j++) {
        block->slope[parameters[j]][i] += share * slope[j];
        for (int k = 0; k <= j; k++)
            block->curvature[fit_pair(parameters[j], parameters[k])][i] += share * slope[j] * slope[k];
    }
    block->curvature[fit_pair(scale, exponent)][i] -= share * size->first;
    block->curvature[fit_pair(scale, scale)][i] -= share * power * size->second;
}

static void evaluate(const struct fit_law *law, const double *const *columns, const double *y, size_t count,
                     bool derivatives, struct fit_block *block) {
    const double constant = exp(y[E]), scale_D = exp(y[RD]), scale_N = exp(y[RN]);
    if (derivatives) {
        memset(block->slope, 0, (size_t)law->parameter_count * sizeof *block->slope);
        memset(block->curvature, 0, (size_t)fit_pair(law->parameter_count, 0) * sizeof *block->curvature);
    }
    for (size_t i = 0; i < count; i++) {
        const struct effective N = effective_size(columns[COLUMN_LOG_UN][i], columns[COLUMN_RN][i], scale_N);
        const struct effective D = effective_size(columns[COLUMN_LOG_UD][i], columns[COLUMN_RD][i], scale_D);
        const double size = exp(y[A] - y[ALPHA] * N.log), data = exp(y[B] - y[BETA] * D.log);
        const double loss = constant + size + data;
        block->log_loss[i] = log(loss);
        if (derivatives) {
            block->slope[E][i] = block->curvature[fit_pair(E, E)][i] = constant / loss;
            term_add(block, i, size / loss, &N, y[ALPHA], A, ALPHA, RN);
            term_add(block, i, data / loss, &D, y[BETA], B, BETA, RD);
        }
    }
}

/* A parameter that counts repetitions, from e^-1 to e^6. */
static struct fit_parameter repetitions(const char *name) {
    struct fit_parameter parameter = law_term(name);
    parameter.start_count = 8;
    memcpy(parameter.starts, (double[]){-1, 0, 1, 2, 3, 4, 5, 6}, 8 * sizeof *parameter.starts);
    return parameter;
}

static struct fit_law second_stage(const double *first) {
    struct fit_law law = {.name = "data-constrained",
                          .parameter_count = P,
                          .parameters = {law_constant("E"), law_term("A"), law_term("B"), law_exponent("alpha"),
                                         law_exponent("beta"), repetitions("RD"), repetitions("RN")},
                          .evaluate = evaluate};
    for (int j = 0; j < RD; j++) {
        law.parameters[j].held = true;
        law.parameters[j].value = first[j];
    }
    return law;
}

/* ln of U_N before the minimum with N: the compute-optimal parameters for U tokens. */
static double log_useful_size(const double *first, double U) {
    const double log_G = log(first[ALPHA] * first[A] / (first[BETA] * first[B])) / (first[ALPHA] + first[BETA]);
    return log_G + (log(U) + log_G) * first[BETA] / first[ALPHA];
}

static int check_rows(const struct repeated_table *table, const double *first, struct error *error) {
    const double *const columns[] = {table->N, table->D, table->U, table->L};
    bool repeated = false;
    for (int j = 0; j < RD; j++)
        if (!(first[j] > 0) || !isfinite(first[j]))
            return error_set(error, ERROR_INPUT,
                             "data-constrained fit: %s is %g; E, A, B, alpha and beta must be positive",
                             (const char *const[]){"E", "A", "B", "alpha", "beta"}[j], first[j]);
    for (size_t i = 0; i < table->count; i++) {
        for (int c = 0; c < 4; c++)
            if (!(columns[c][i] > 0) || !isfinite(columns[c][i]))
                return error_set(error, ERROR_INPUT,
                                 "data-constrained fit, row %zu: %c is %g; it must be positive and finite", i + 1,
                                 "NDUL"[c], columns[c][i]);
        repeated = repeated || table->D[i] > table->U[i];
    }
    if (!repeated)
        return error_set(error, ERROR_INPUT,
                         "data-constrained fit: no row has D above U; without repetition fit --law chinchilla");
    return 0;
}

int data_constrained_law(const struct repeated_table *table, const double *first, struct fit_law *law, double **room,
                         struct error *error) {
    if (check_rows(table, first, error) != 0)
        return -1;
    const size_t count = table->count;
    double *columns = malloc(COLUMNS * count * sizeof *columns);
    if (!columns)
        return error_set(error, ERROR_FAILED, "data-constrained fit of %zu points: not enough memory", count);
    *room = columns;
    *law = second_stage(first);
    law->count = count;
    law->losses = table->L;
    law->runs = table->runs;
    law->column_count = COLUMNS;
    for (int c = 0; c < COLUMNS; c++)
        law->columns[c] = columns + (size_t)c * count;
    for (size_t i = 0; i < count; i++) {
        const double log_N = log(table->N[i]), log_UN = fmin(log_N, log_useful_size(first, table->U[i]));
        const double unique = fmin(table->U[i], table->D[i]);
        columns[COLUMN_LOG_UN * count + i] = log_UN;
        columns[COLUMN_RN * count + i] = fmax(expm1(log_N - log_UN), 0);
        columns[COLUMN_LOG_UD * count + i] = log(unique);
        columns[COLUMN_RD * count + i] = table->D[i] / unique - 1;
    }
    return 0;
}

static void hold(struct fit_law *law, int parameter, double value) {
    law->parameters[parameter].held = !isnan(value);
    law->parameters[parameter].value = value;
}

static int chinchilla_fit(const struct loss_table *once, const uint64_t *runs, const double *held,
                          const struct fit_options *options, struct fit *fit, struct error *error) {
    struct fit_law law;
    double *room = NULL;
    int status = chinchilla_law(once, &law, &room, error);
    if (status == 0) {
        for (int j = 0; j < CHINCHILLA_PARAMETERS; j++)
            hold(&law, j, held[j]);
        law.runs = runs;
        status = fit_law(&law, options, fit, error);
    }
    free(room);
    return status;
}

/* Copies the points that repeat nothing, neither tokens nor, by the law `first` (NULL: not known yet), parameters; runs
 * [count] where they are known. */
static void select_once(const struct repeated_table *table, const double *first, double *room, uint64_t *runs,
                        struct loss_table *once) {
    double *N = room, *D = N + table->count, *L = D + table->count;
    *once = (struct loss_table){0, N, D, L};
    for (size_t i = 0; i < table->count; i++)
        if (table->D[i] <= table->U[i] && (!first || log(table->N[i]) <= log_useful_size(first, table->U[i]) + 1e-9)) {
            if (table->runs)
                runs[once->count] = table->runs[i];
            N[once->count] = table->N[i];
            D[once->count] = table->D[i];
            L[once->count++] = table->L[i];
        }
}

/* The Chinchilla law of the points that repeat nothing. Which have more parameters than their tokens can use follows
 * from the law itself: it is fitted again until the points stay the same, or are too few. */
static int first_stage(const struct repeated_table *table, const double *held, const struct fit_options *options,
                       struct fit *fit, struct error *error) {
    double *room = malloc((3 * table->count + 1) * sizeof *room);
    uint64_t *runs = malloc((table->count + 1) * sizeof *runs);
    if (!room || !runs) {
        free(room);
        free(runs);
        return error_set(error, ERROR_FAILED, "data-constrained fit: not enough memory");
    }
    struct loss_table once = {0};
    struct error reason = {0};
    int passes = 0;
    for (size_t points = 0; passes < FIRST_STAGE_PASSES; passes++, points = once.count) {
        struct fit next;
        select_once(table, passes > 0 ? fit->parameters : NULL, room, runs, &once);
        if ((passes > 0 && once.count == points) ||
            chinchilla_fit(&once, table->runs ? runs : NULL, held, options, &next, &reason) != 0)
            break;
        *fit = next;
    }
    free(room);
    free(runs);
    if (passes > 0)
        return 0;
    return error_set(error, reason.code,
                     "data-constrained fit, first stage, from the %zu rows with D <= U: %s; more such rows, or hold E, "
                     "A, B, alpha and beta",
                     once.count, reason.message);
}

/* Both stages in one answer: the first five parameters as the first stage has them, resamples [bootstraps] too. */
static void stages_join(const struct fit *first, double (*first_resamples)[FIT_PARAMETERS_MAX],
                        const struct fit_options *options, struct fit *fit) {
    for (int j = 0; j < RD; j++) {
        fit->standard_errors[j] = first->standard_errors[j];
        fit->low[j] = first->low[j];
        fit->high[j] = first->high[j];
    }
    fit->undetermined |= first->undetermined;
    for (int s = 0; first_resamples && s < options->bootstraps; s++)
        memcpy(options->resamples[s], first_resamples[s], RD * sizeof **first_resamples);
}

static int second_stage_fit(const struct repeated_table *table, const double *held, const double *first,
                            const struct fit_options *options, struct fit_law *law, struct fit *fit,
                            struct error *error) {
    double *room;
    if (data_constrained_law(table, first, law, &room, error) != 0)
        return -1;
    hold(law, RD, held[RD]);
    hold(law, RN, held[RN]);
    const int status = fit_law(law, options, fit, error);
    free(room);
    return status;
}

int data_constrained_fit(const struct repeated_table *table, const double *held, const struct fit_options *options,
                         struct fit_law *law, struct fit *fit, struct error *error) {
    struct fit first = {0};
    struct fit_options first_options = *options;
    bool all_held = true;
    for (int j = 0; j < RD; j++) {
        all_held = all_held && !isnan(held[j]);
        first.parameters[j] = first.low[j] = first.high[j] = held[j];
    }
    first_options.resamples = NULL;
    if (options->resamples && !all_held) {
        first_options.resamples = malloc((size_t)(options->bootstraps + 1) * sizeof *first_options.resamples);
        if (!first_options.resamples)
            return error_set(error, ERROR_FAILED, "data-constrained fit: not enough memory");
    }
    int status = all_held ? 0 : first_stage(table, held, &first_options, &first, error);
    if (status == 0)
        status = second_stage_fit(table, held, first.parameters, options, law, fit, error);
    if (status == 0) {
        stages_join(&first, first_options.resamples, options, fit);
        for (int j = 0; j < RD; j++)
            law->parameters[j].held = !isnan(held[j]);
    }
    free(first_options.resamples);
    return status;
}
