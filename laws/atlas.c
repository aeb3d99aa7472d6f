#include "laws/atlas.h"

#include "laws/vector_math.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const atlas_variant_names[ATLAS_VARIANTS] = {"target", "other", "transfer"};

/* A pool is what shares a tau: the target (whose tau is 1), all else, or one source. Columns of the law: ln N, then for
 * each pool its tokens D and its unique tokens U. */
enum { POOL_TARGET, POOL_OTHER, POOL_SOURCE, POOLS_MAX = POOL_SOURCE + ATLAS_SOURCES_MAX };
enum { COLUMN_N, COLUMN_D, COLUMN_U, POOL_COLUMNS = 2 };
enum { VALUES_LEAST = 3 };

static int pools_of(const struct fit_law *law) {
    return (law->column_count - 1) / POOL_COLUMNS;
}

/* ---- sources ---- */

static double tokens_of(const struct observation *row, size_t language) {
    return row->D * row->share[language];
}

void atlas_choose_sources(const struct mixture_table *table, struct atlas_sources *sources) {
    double tokens[ATLAS_SOURCES_MAX];
    sources->count = 0;
    for (size_t l = 0; l < table->languages; l++) {
        double sum = 0;
        for (size_t i = 0; i < table->count && l != table->target; i++)
            sum += tokens_of(&table->rows[i], l);
        size_t place = sources->count;
        while (place > 0 && tokens[place - 1] < sum)
            place--;
        if (sum <= 0 || place == ATLAS_SOURCES_MAX)
            continue;
        sources->count += sources->count < ATLAS_SOURCES_MAX;
        for (size_t k = sources->count - 1; k > place; k--) {
            tokens[k] = tokens[k - 1];
            sources->languages[k] = sources->languages[k - 1];
        }
        tokens[place] = sum;
        sources->languages[place] = l;
    }
}

/* ---- evaluation ---- */

/* The pools at each point of a block, S being what the tokens of a pool count for, and D_eff = sum of tau S. */
struct pools {
    double S[POOLS_MAX][FIT_BLOCK], slope[POOLS_MAX][FIT_BLOCK]; /* and dS / d ln lambda */
    double D_eff[FIT_BLOCK], log_D_eff[FIT_BLOCK];
    /* of ln D_eff, by ln lambda and then by the taus of the pools but the target */
    double first[POOLS_MAX][FIT_BLOCK];
    double first_lambda[FIT_BLOCK], second_lambda[FIT_BLOCK]; /* of D_eff, by ln lambda */
};

/* With r = D / U - 1, S = U (1 + w), w = (1 - exp(-lambda r)) / lambda; by ln lambda, w' = r exp(-lambda r) - w and
 * w'' = w - r exp(-lambda r) (1 + lambda r). */
VECTOR_CLONES static void pools_compute(const double *const *columns, int count_pools, const double *y, size_t count,
                                        struct pools *pools) {
    const double lambda = exp(y[ATLAS_LAMBDA]);
    for (size_t i = 0; i < count; i++)
        pools->D_eff[i] = pools->first_lambda[i] = pools->second_lambda[i] = 0;
    for (int p = 0; p < count_pools; p++) {
        const double tau = p == POOL_TARGET ? 1 : y[ATLAS_LAMBDA + p];
        const double *D = columns[COLUMN_D + POOL_COLUMNS * p], *U = columns[COLUMN_U + POOL_COLUMNS * p];
        for (size_t i = 0; i < count; i++) {
            const bool repeats = D[i] > U[i];
            const double unique = repeats ? U[i] : 0, r = repeats ? D[i] / U[i] - 1 : 0;
            const double decay = lambda * r < 700 ? lambda * r : 700, kept = vector_exp(-decay);
            const double lost =
                decay < 1e-3 ? decay * (1 - decay * (1. / 2 - decay * (1. / 6 - decay / 24))) : 1 - kept;
            const double worth = lost / lambda, change = r * kept - worth, bend = worth - r * kept * (1 + decay);
            pools->S[p][i] = (repeats ? U[i] : D[i]) + unique * worth;
            pools->slope[p][i] = unique * change;
            pools->D_eff[i] += tau * pools->S[p][i];
            pools->first_lambda[i] += tau * unique * change;
            pools->second_lambda[i] += tau * unique * bend;
        }
    }
    for (size_t i = 0; i < count; i++)
        pools->log_D_eff[i] = vector_log(pools->D_eff[i]); /* any number where there is none: see shares_compute */
    for (int p = 0; p < count_pools; p++)
        for (size_t i = 0; i < count; i++)
            pools->first[p][i] = (p == POOL_TARGET ? pools->first_lambda[i] : pools->S[p][i]) / pools->D_eff[i];
}

/* The terms of the law as shares of the loss. */
struct shares {
    double e[FIT_BLOCK], a[FIT_BLOCK], b[FIT_BLOCK];
};

VECTOR_CLONES static void shares_compute(const double *log_N, const double *y, const struct pools *pools, size_t count,
                                         struct shares *restrict shares, double *restrict log_loss) {
    const double e = exp(y[ATLAS_E]);
    for (size_t i = 0; i < count; i++) {
        const double a = vector_exp(y[ATLAS_A] - y[ATLAS_ALPHA] * log_N[i]);
        const double b = vector_exp(y[ATLAS_B] - y[ATLAS_BETA] * pools->log_D_eff[i]), loss = e + a + b;
        log_loss[i] = vector_log(loss);
        shares->e[i] = e / loss;
        shares->a[i] = a / loss;
        shares->b[i] = b / loss;
    }
    for (size_t i = 0; i < count; i++)
        log_loss[i] = pools->D_eff[i] > 0 ? log_loss[i] : NAN; /* y is out of reach */
}

/* The terms are exponentials of u = y[A] - alpha ln N and its like, so that a term with the share s adds s u' to the
 * slope and s (u' u'^T + u'') to the curvature. */
VECTOR_CLONES static void data_term_differentiate(const double *y, int count_pools, const struct pools *pools,
                                                  const double *share, size_t count, struct fit_block *block) {
    const double beta = y[ATLAS_BETA];
    double ones[FIT_BLOCK], fall[FIT_BLOCK], change[POOLS_MAX][FIT_BLOCK];
    const double *u[2 + POOLS_MAX] = {ones, fall};
    static const int first[2] = {ATLAS_B, ATLAS_BETA};
    for (size_t i = 0; i < count; i++) {
        ones[i] = 1;
        fall[i] = -pools->log_D_eff[i];
    }
    for (int p = 0; p < count_pools; p++) {
        u[2 + p] = change[p];
        for (size_t i = 0; i < count; i++)
            change[p][i] = -beta * pools->first[p][i];
    }
    for (int f = 0; f < 2 + count_pools; f++) {
        const int j = f < 2 ? first[f] : ATLAS_LAMBDA + f - 2;
        for (size_t i = 0; i < count; i++)
            block->slope[j][i] = share[i] * u[f][i];
        for (int g = 0; g <= f; g++) {
            double *curvature = block->curvature[fit_pair(j, g < 2 ? first[g] : ATLAS_LAMBDA + g - 2)];
            for (size_t i = 0; i < count; i++)
                curvature[i] = share[i] * u[f][i] * u[g][i];
        }
    }
    for (int p = 0; p < count_pools; p++) {
        double *by_beta = block->curvature[fit_pair(ATLAS_LAMBDA + p, ATLAS_BETA)];
        for (size_t i = 0; i < count; i++)
            by_beta[i] -= share[i] * pools->first[p][i];
        for (int q = 0; q <= p; q++) {
            double *curvature = block->curvature[fit_pair(ATLAS_LAMBDA + p, ATLAS_LAMBDA + q)];
            const double *by_lambda = p == POOL_TARGET ? pools->second_lambda : pools->slope[p];
            for (size_t i = 0; i < count; i++) {
                const double second = q == POOL_TARGET ? by_lambda[i] / pools->D_eff[i] : 0;
                curvature[i] -= beta * share[i] * (second - pools->first[p][i] * pools->first[q][i]);
            }
        }
    }
}

VECTOR_CLONES static void size_term_differentiate(const double *log_N, const struct shares *shares, size_t count,
                                                  struct fit_block *block) {
    for (size_t i = 0; i < count; i++) {
        const double a = shares->a[i], x = log_N[i];
        block->slope[ATLAS_E][i] = block->curvature[fit_pair(ATLAS_E, ATLAS_E)][i] = shares->e[i];
        block->slope[ATLAS_A][i] = block->curvature[fit_pair(ATLAS_A, ATLAS_A)][i] = a;
        block->slope[ATLAS_ALPHA][i] = block->curvature[fit_pair(ATLAS_ALPHA, ATLAS_A)][i] = -a * x;
        block->curvature[fit_pair(ATLAS_ALPHA, ATLAS_ALPHA)][i] = a * x * x;
    }
}

static void evaluate(const struct fit_law *law, const double *const *columns, const double *y, size_t count,
                     bool derivatives, struct fit_block *block) {
    const int count_pools = pools_of(law);
    struct pools pools;
    struct shares shares;
    pools_compute(columns, count_pools, y, count, &pools);
    shares_compute(columns[COLUMN_N], y, &pools, count, &shares, block->log_loss);
    if (!derivatives)
        return;
    for (int j = 0; j < law->parameter_count; j++)
        for (int k = 0; k <= j; k++)
            memset(block->curvature[fit_pair(j, k)], 0, count * sizeof(double));
    data_term_differentiate(y, count_pools, &pools, shares.b, count, block);
    size_term_differentiate(columns[COLUMN_N], &shares, count, block);
}

/* ---- a law over a table ---- */

/* Tokens D and unique tokens U of a pool in a row. */
static void pool_tokens(const struct mixture_table *table, const struct atlas_sources *sources, int pool,
                        const struct observation *row, double *D, double *U) {
    if (pool != POOL_OTHER) {
        const size_t language = pool == POOL_TARGET ? table->target : sources->languages[pool - POOL_SOURCE];
        *D = tokens_of(row, language);
        *U = table->unique[language];
        return;
    }
    *D = *U = 0;
    for (size_t l = 0; l < table->languages; l++) {
        bool other = l != table->target && row->share[l] > 0;
        for (size_t k = 0; k < sources->count; k++)
            other = other && l != sources->languages[k];
        if (other) {
            *D += tokens_of(row, l);
            *U += table->unique[l];
        }
    }
}

static int row_check(const struct mixture_table *table, size_t i, struct error *error) {
    const struct observation *row = &table->rows[i];
    const double values[] = {row->N, row->D, row->L};
    for (int c = 0; c < 3; c++)
        if (!(values[c] > 0) || !isfinite(values[c]))
            return error_set(error, ERROR_INPUT, "ATLAS fit of %s, point %zu: %c is %g; it must be positive and finite",
                             table->names[table->target], i + 1, "NDL"[c], values[c]);
    return 0;
}

static void moments(const double *values, size_t count, double *mean, double *deviation) {
    double square = 0;
    *mean = 0;
    for (size_t i = 0; i < count; i++)
        *mean += values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        square += (values[i] - *mean) * (values[i] - *mean) / (double)count;
    *deviation = sqrt(square);
}

/* Geometric mean of the tokens of a pool over those of the target, where it has any: what a tau of 1 changes. */
static double pool_weight(const struct fit_law *law, int pool) {
    const double *target = law->columns[COLUMN_D], *tokens = law->columns[COLUMN_D + POOL_COLUMNS * pool];
    double sum = 0, rows = 0;
    for (size_t i = 0; i < law->count; i++)
        if (tokens[i] > 0) {
            sum += log(tokens[i] / target[i]);
            rows++;
        }
    return rows > 0 ? exp(sum / rows) : 1;
}

/* Names, scales and the grid of starts. room: [count] */
static void parameters_make(const struct mixture_table *table, const struct atlas_sources *sources, struct fit_law *law,
                            double *room) {
    double N_mean, N_deviation, D_mean, D_deviation, L_mean = 0;
    moments(law->columns[COLUMN_N], law->count, &N_mean, &N_deviation);
    for (size_t i = 0; i < law->count; i++) {
        room[i] = log(law->columns[COLUMN_D][i]);
        L_mean += log(law->losses[i]) / (double)law->count;
    }
    moments(room, law->count, &D_mean, &D_deviation);
    const struct fit_parameter first[] = {
        {.name = "E", .logarithmic = true, .scale = 1, .start_count = 2, .starts = {-1, -0.25}},
        {.name = "A", .logarithmic = true, .scale = 1, .start_count = 1, .starts = {-2}},
        {.name = "B", .logarithmic = true, .scale = 1, .start_count = 1, .starts = {-2}},
        {.name = "alpha", .scale = 1 / N_deviation, .start_count = 2, .starts = {0.2, 0.6}},
        {.name = "beta", .scale = 1 / D_deviation, .start_count = 2, .starts = {0.2, 0.6}},
        {.name = "lambda", .logarithmic = true, .scale = 1, .limit = 1, .start_count = 2, .starts = {-2, 1}},
        {.name = "tau_other", .start_count = 1},
    };
    for (int p = 0; p < law->parameter_count && p <= ATLAS_TAU_OTHER; p++)
        law->parameters[p] = first[p];
    for (int p = ATLAS_E; p <= ATLAS_B; p++) {
        law->parameters[p].offset = L_mean;
        law->parameters[p].limit = 1;
    }
    law->parameters[ATLAS_A].link[ATLAS_ALPHA] = N_mean;
    law->parameters[ATLAS_B].link[ATLAS_BETA] = D_mean;
    for (int p = ATLAS_TAU; p < law->parameter_count; p++) {
        struct fit_parameter *tau = &law->parameters[p];
        *tau = (struct fit_parameter){.start_count = 1};
        snprintf(tau->name, sizeof tau->name, "tau_%s", table->names[sources->languages[p - ATLAS_TAU]]);
    }
    for (int p = ATLAS_TAU_OTHER; p < law->parameter_count; p++) {
        struct fit_parameter *tau = &law->parameters[p];
        tau->scale = 1 / pool_weight(law, p - ATLAS_LAMBDA);
        tau->starts[0] = 0.3 * tau->scale;
        tau->limit = 0.5;
    }
}

int atlas_law_make(const struct mixture_table *table, enum atlas_variant variant, const struct atlas_sources *sources,
                   struct fit_law *law, double **room, struct error *error) {
    const size_t count = table->count;
    const int pools = variant == ATLAS_TARGET  ? POOL_TARGET + 1
                      : variant == ATLAS_OTHER ? POOL_OTHER + 1
                                               : POOL_SOURCE + (int)sources->count;
    static const struct atlas_sources none = {0};
    sources = variant == ATLAS_TRANSFER ? sources : &none;
    for (size_t i = 0; i < count; i++)
        if (row_check(table, i, error) != 0)
            return -1;
    *law = (struct fit_law){.name = "ATLAS",
                            .parameter_count = ATLAS_LAMBDA + pools,
                            .count = count,
                            .runs = table->runs,
                            .column_count = COLUMN_D + POOL_COLUMNS * pools,
                            .evaluate = evaluate};
    double *columns = calloc((size_t)law->column_count + 2, (count + 1) * sizeof *columns);
    if (!columns) {
        error_set(error, ERROR_FAILED, "ATLAS fit of %zu points: not enough memory", count);
        return -1;
    }
    double *losses = columns + (size_t)law->column_count * count, *scratch = losses + count;
    for (int c = 0; c < law->column_count; c++)
        law->columns[c] = columns + (size_t)c * count;
    law->losses = losses;
    for (size_t i = 0; i < count; i++) {
        columns[i] = log(table->rows[i].N);
        losses[i] = table->rows[i].L;
        for (int p = 0; p < pools; p++) {
            double *D = columns + (size_t)(COLUMN_D + POOL_COLUMNS * p) * count, *U = D + count;
            pool_tokens(table, sources, p, &table->rows[i], &D[i], &U[i]);
        }
    }
    parameters_make(table, sources, law, scratch);
    *room = columns;
    return 0;
}

static bool has_distinct(const double *values, size_t count) {
    double found[VALUES_LEAST];
    size_t distinct = 0;
    for (size_t i = 0; i < count && distinct < VALUES_LEAST; i++) {
        size_t k = 0;
        while (k < distinct && found[k] != values[i])
            k++;
        if (k == distinct)
            found[distinct++] = values[i];
    }
    return distinct == VALUES_LEAST;
}

/* Parameters that no point speaks of: lambda where no tokens repeat, a tau whose languages have none. */
static unsigned find_unspoken(const struct fit_law *law) {
    bool repeats = false;
    unsigned unspoken = 0;
    for (int p = 0; p < pools_of(law); p++) {
        const double *D = law->columns[COLUMN_D + POOL_COLUMNS * p], *U = law->columns[COLUMN_U + POOL_COLUMNS * p];
        bool seen = false;
        for (size_t i = 0; i < law->count; i++) {
            seen = seen || D[i] > 0;
            repeats = repeats || D[i] > U[i];
        }
        if (!seen)
            unspoken |= 1U << (ATLAS_LAMBDA + p);
    }
    return repeats ? unspoken : unspoken | 1U << ATLAS_LAMBDA;
}

int atlas_fit(const struct fit_law *law, const struct fit_options *options, struct fit *fit, struct error *error) {
    static const struct {
        int column;
        const char *name;
    } needed[] = {{COLUMN_N, "N"}, {COLUMN_D, "D of the target"}};
    for (int c = 0; c < 2; c++)
        if (!has_distinct(law->columns[needed[c].column], law->count))
            return error_set(error, ERROR_INPUT, "ATLAS fit: fewer than %d distinct %s; at least %d are needed",
                             VALUES_LEAST, needed[c].name, VALUES_LEAST);
    const unsigned unspoken = find_unspoken(law);
    struct fit_law spoken = *law;
    for (int p = ATLAS_LAMBDA; p < law->parameter_count; p++)
        if (unspoken >> p & 1) {
            spoken.parameters[p].held = true;
            spoken.parameters[p].value = p == ATLAS_LAMBDA ? 1 : 0;
        }
    if (fit_law(&spoken, options, fit, error) != 0)
        return -1;
    fit->undetermined |= unspoken;
    return 0;
}
