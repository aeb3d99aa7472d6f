#include "laws/holdout.h"

#include "base/random.h"
#include "laws/chinchilla.h"
#include "laws/data_constrained.h"
#include "laws/multilingual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const holdout_names[HOLDOUTS] = {"fit", "random", "N", "D", "C", "M"};
const char *const compared_law_names[COMPARED_LAWS] = {"chinchilla", "data-constrained", "multilingual", "target",
                                                       "other",      "transfer"};

enum { HELD_OUT_PART = 5 }; /* one of so many */

static double value_of(const struct observation *row, enum holdout holdout) {
    return holdout == HOLDOUT_N ? row->N : holdout == HOLDOUT_D ? row->D : row->N * row->D;
}

static int compare_falling(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* The smallest value that is held out. room [count]: rows by it. */
static double find_threshold(const struct mixture_table *table, enum holdout holdout, double *room) {
    const size_t count = table->count;
    for (size_t i = 0; i < count; i++)
        room[i] = value_of(&table->rows[i], holdout);
    qsort(room, count, sizeof *room, compare_falling);
    double threshold = room[0];
    for (size_t i = 0; i + 1 < count && (i + 1) * HELD_OUT_PART <= count; i++)
        if (room[i + 1] < room[i])
            threshold = room[i];
    return threshold;
}

int holdout_split(const struct mixture_table *table, enum holdout holdout, uint64_t seed, struct observation *rows,
                  size_t *fitted, size_t *held, struct error *error) {
    const size_t count = table->count;
    size_t kept = 0, out = 0;
    double *values = calloc(count + 1, sizeof *values);
    struct observation *away = calloc(count + 1, sizeof *away);
    if (!values || !away) {
        free(values);
        free(away);
        return error_set(error, ERROR_FAILED, "hold-out of %zu points: not enough memory", count);
    }
    const double threshold = find_threshold(table, holdout, values);
    for (size_t i = 0; i < count; i++) {
        const struct observation *row = &table->rows[i];
        const bool is_held = holdout == HOLDOUT_NONE     ? false
                             : holdout == HOLDOUT_RANDOM ? random_permute(i, count, seed) < count / HELD_OUT_PART
                             : holdout == HOLDOUT_M      ? row->kind == TRAINED_MIXTURE
                                                         : value_of(row, holdout) >= threshold;
        *(is_held ? &away[out++] : &rows[kept++]) = *row;
    }
    const bool split = kept > 0 && (out > 0 || holdout == HOLDOUT_NONE);
    if (split)
        memcpy(rows + kept, away, out * sizeof *rows);
    *fitted = split ? kept : 0;
    *held = split ? out : 0;
    free(values);
    free(away);
    return 0;
}

/* ---- comparison ---- */

/* A law over some rows, and what it points to. */
struct laid_law {
    struct fit_law law;
    double *room, *table;
};

/* These laws see tokens, whatever their language; the multilingual one knows the share of the target besides. */
static int total_tokens_lay(const struct mixture_table *table, enum compared_law law, struct laid_law *laid,
                            struct error *error) {
    const size_t count = table->count;
    double *N = calloc(4 * count + 1, sizeof *N);
    if (!N)
        return error_set(error, ERROR_FAILED, "fit of %zu points: not enough memory", count);
    double *D = N + count, *p = D + count, *L = p + count;
    for (size_t i = 0; i < count; i++) {
        N[i] = table->rows[i].N;
        D[i] = table->rows[i].D;
        p[i] = table->rows[i].share[table->target];
        L[i] = table->rows[i].L;
    }
    laid->table = N;
    return law == COMPARED_CHINCHILLA
               ? chinchilla_law(&(struct loss_table){count, N, D, L}, &laid->law, &laid->room, error)
               : multilingual_law(&(struct share_table){count, N, D, p, L}, &laid->law, &laid->room, error);
}

static int law_lay(const struct mixture_table *table, enum compared_law law, struct laid_law *laid,
                   struct error *error) {
    struct atlas_sources sources;
    *laid = (struct laid_law){0};
    if (law < COMPARED_ATLAS_TARGET)
        return total_tokens_lay(table, law, laid, error);
    atlas_choose_sources(table, &sources);
    return atlas_law_make(table, (enum atlas_variant)(law - COMPARED_ATLAS_TARGET), &sources, &laid->law, &laid->room,
                          error);
}

/* The data-constrained law sees the target's own tokens and how many of them are unique. Both stages come from the
 * first `fitted` rows; then the law lies over all. */
static int repeated_fit(const struct mixture_table *table, size_t fitted, const struct fit_options *options,
                        struct laid_law *laid, struct fit *fit, struct error *error) {
    static const double none_held[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const size_t count = table->count;
    double *N = laid->table = calloc(4 * count + 1, sizeof *N);
    if (!N)
        return error_set(error, ERROR_FAILED, "fit of %zu points: not enough memory", count);
    double *D = N + count, *U = D + count, *L = U + count;
    for (size_t i = 0; i < count; i++) {
        N[i] = table->rows[i].N;
        D[i] = table->rows[i].D * table->rows[i].share[table->target];
        U[i] = table->unique[table->target];
        L[i] = table->rows[i].L;
    }
    const struct repeated_table all = {.count = count, .N = N, .D = D, .U = U, .L = L};
    struct repeated_table seen = all;
    seen.count = fitted;
    return data_constrained_fit(&seen, none_held, options, &laid->law, fit, error) != 0 ||
                   data_constrained_law(&all, fit->parameters, &laid->law, &laid->room, error) != 0
               ? -1
               : 0;
}

/* Fits the first `fitted` rows, and lays the law over all of them. */
static int law_fit(const struct mixture_table *table, size_t fitted, enum compared_law law,
                   const struct fit_options *options, struct laid_law *laid, struct fit *fit, struct error *error) {
    *laid = (struct laid_law){0};
    if (law == COMPARED_DATA_CONSTRAINED)
        return repeated_fit(table, fitted, options, laid, fit, error);
    if (law_lay(table, law, laid, error) != 0)
        return -1;
    struct fit_law seen = laid->law;
    seen.count = fitted;
    return law < COMPARED_ATLAS_TARGET ? fit_law(&seen, options, fit, error) : atlas_fit(&seen, options, fit, error);
}

/* R2 of the rows from `judged` on under the law that fits the first `fitted`; NaN where none does. */
static int score(const struct mixture_table *table, size_t fitted, size_t judged, enum compared_law law, double delta,
                 double *r2, struct error *error) {
    struct laid_law laid;
    struct fit fit;
    struct error reason = {0};
    const int status =
        law_fit(table, fitted, law, &(struct fit_options){.delta = delta, .thin = true}, &laid, &fit, &reason);
    *r2 = NAN;
    if (status == 0) {
        laid.law.count -= judged;
        laid.law.losses += judged;
        for (int c = 0; c < laid.law.column_count; c++)
            laid.law.columns[c] += judged;
        *r2 = fit_r2(&laid.law, fit.parameters);
    }
    free(laid.room);
    free(laid.table);
    return status != 0 && reason.code == ERROR_FAILED ? error_set(error, ERROR_FAILED, "%s", reason.message) : 0;
}

int holdout_compare(const struct mixture_table *table, double delta, uint64_t seed, struct comparison *comparison,
                    struct error *error) {
    struct observation *rows = calloc(table->count + 1, sizeof *rows);
    struct mixture_table split = *table;
    int status = rows ? 0 : error_set(error, ERROR_FAILED, "hold-outs of %zu points: not enough memory", table->count);
    split.rows = rows;
    split.runs = NULL; /* in another order, and without a bootstrap of no use */
    for (enum holdout h = HOLDOUT_NONE; h < HOLDOUTS && status == 0; h++) {
        size_t fitted, held;
        status = holdout_split(table, h, seed, rows, &fitted, &held, error);
        for (enum compared_law law = COMPARED_CHINCHILLA; law < COMPARED_LAWS && status == 0; law++) {
            comparison->r2[law][h] = NAN;
            if (fitted > 0)
                status = score(&split, fitted, held > 0 ? fitted : 0, law, delta, &comparison->r2[law][h], error);
        }
    }
    free(rows);
    return status;
}

void holdout_average(const struct comparison *comparisons, size_t count, struct comparison *mean) {
    for (int law = 0; law < COMPARED_LAWS; law++)
        for (int h = 0; h < HOLDOUTS; h++) {
            double sum = 0, targets = 0;
            for (size_t t = 0; t < count; t++)
                if (isfinite(comparisons[t].r2[law][h])) {
                    sum += comparisons[t].r2[law][h];
                    targets++;
                }
            mean->r2[law][h] = targets > 0 ? sum / targets : NAN;
        }
}
