#include "laws/advice.h"

#include <float.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS_MAX = 1000 };

/* A smaller share is none: the search comes near to 0 and not to it. */
static const double SHARE_LEAST = 1e-6;

/* Length of what is squared to shares: a first step, which has length 1, must not take a share to 0. */
static const double SHARE_AXIS = 5;

/* What is 0 would stay 0: at the start of a search, all useful languages share this. */
static const double SHARE_REOPENED = 0.02;

/* Searches from different starts end this near to each other. */
static const double SEARCH_EXACT = 1e-6;

/* lambda where it is not known: text that is repeated without end is worth 0.5 % of it, and the law still has no edge.
 */
static const double LAMBDA_UNKNOWN = 200;

double advice_chinchilla_size(const double *parameters, double flops) {
    const double alpha = parameters[ATLAS_ALPHA], beta = parameters[ATLAS_BETA];
    const double G = pow(alpha * parameters[ATLAS_A] / (beta * parameters[ATLAS_B]), 1 / (alpha + beta));
    return G * pow(flops / 6, beta / (alpha + beta));
}

/* ---- losses ---- */

static double tau_of(const struct advice_target *target, const double *law, size_t language) {
    if (language == target->language)
        return 1;
    for (size_t k = 0; k < target->sources.count; k++)
        if (target->sources.languages[k] == language)
            return law[ATLAS_TAU + k];
    return law[ATLAS_TAU_OTHER];
}

/* What D tokens count for of which U are unique, S(D; U), and its derivative by D. */
static double worth_of(double D, double U, double lambda, double *slope) {
    const double repetitions = D > U ? D / U - 1 : 0;
    *slope = exp(-lambda * repetitions);
    return D > U ? U * (1 - expm1(-lambda * repetitions) / fmax(lambda, DBL_MIN)) : D;
}

/* The loss on a target. Where by_share [languages] is not NULL, weight times its derivatives by ln N (at constant N D)
 * and by the shares are added. */
static double target_loss(const struct advice_question *question, const double *laws, size_t t, double N, double D,
                          const double *shares, double *by_size, double *by_share) {
    const struct advice_target *target = &question->targets[t];
    const double *law = laws + t * FIT_PARAMETERS_MAX;
    const double lambda = target->repeats ? law[ATLAS_LAMBDA] : LAMBDA_UNKNOWN;
    double D_eff = 0, D_eff_by_D = 0, slope;
    for (size_t l = 0; l < question->languages; l++)
        if (shares[l] > 0) {
            const double tau = tau_of(target, law, l);
            D_eff += tau * worth_of(D * shares[l], question->unique[l], lambda, &slope);
            D_eff_by_D += tau * slope * shares[l];
        }
    if (!(D_eff > 0))
        return INFINITY;
    const double a = law[ATLAS_A] * pow(N, -law[ATLAS_ALPHA]), b = law[ATLAS_B] * pow(D_eff, -law[ATLAS_BETA]);
    if (by_share) {
        const double by_D_eff = -target->weight * law[ATLAS_BETA] * b / D_eff;
        *by_size -= target->weight * law[ATLAS_ALPHA] * a + by_D_eff * D_eff_by_D * D;
        for (size_t l = 0; l < question->languages; l++)
            if (shares[l] > 0) {
                worth_of(D * shares[l], question->unique[l], lambda, &slope);
                by_share[l] += by_D_eff * tau_of(target, law, l) * slope * D;
            }
    }
    return law[ATLAS_E] + a + b;
}

double advice_loss(const struct advice_question *question, const double *laws, size_t t,
                   const struct advice_plan *plan) {
    return target_loss(question, laws, t, plan->N, plan->D, plan->shares, NULL, NULL);
}

/* ---- the best plan ---- */

/* A search goes over x [1 + languages]: x[0] = ln N, and the rest, squared and divided by the sum of squares, are the
 * shares: no bounds are left, and a language of no use goes to 0 and stays there. */
struct search {
    const struct advice_question *question;
    const double *laws;
    bool size_fixed;
    double *shares; /* [languages] */
};

static void shares_of(size_t languages, const double *x, double *shares) {
    double sum = 0;
    for (size_t l = 0; l < languages; l++)
        sum += x[1 + l] * x[1 + l];
    for (size_t l = 0; l < languages; l++)
        shares[l] = x[1 + l] * x[1 + l] / sum;
}

static double search_value(void *instance, const double *x, double *gradient, const int count, const double step) {
    const struct search *search = instance;
    const struct advice_question *question = search->question;
    const size_t languages = question->languages;
    const double N = exp(x[0]), D = question->flops / 6 / N;
    double value = 0, sum = 0, mean = 0;
    (void)count, (void)step;
    if (!(N >= 1 && D >= 1))
        return INFINITY;
    shares_of(languages, x, search->shares);
    memset(gradient, 0, (1 + languages) * sizeof *gradient);
    for (size_t t = 0; t < question->target_count; t++)
        value += question->targets[t].weight *
                 target_loss(question, search->laws, t, N, D, search->shares, &gradient[0], gradient + 1);
    for (size_t l = 0; l < languages; l++) {
        sum += x[1 + l] * x[1 + l];
        mean += search->shares[l] * gradient[1 + l];
    }
    for (size_t l = 0; l < languages; l++)
        gradient[1 + l] = 2 * x[1 + l] / sum * (gradient[1 + l] - mean);
    if (search->size_fixed)
        gradient[0] = 0;
    return value;
}

/* Goes from the plan's N and shares to the minimum that is next. */
static int search_run(struct search *search, struct advice_plan *plan) {
    const struct advice_question *question = search->question;
    const size_t languages = question->languages;
    lbfgs_parameter_t settings;
    double *x = lbfgs_malloc((int)languages + 1); /* liblbfgs asks for its own alignment and padding */
    if (!x)
        return -1;
    x[0] = log(plan->N);
    for (size_t l = 0; l < languages; l++)
        x[1 + l] = SHARE_AXIS * sqrt(plan->shares[l]);
    lbfgs_parameter_init(&settings);
    settings.epsilon = 1e-10;
    settings.max_iterations = ITERATIONS_MAX;
    settings.linesearch = LBFGS_LINESEARCH_BACKTRACKING_WOLFE; /* steps back from infinite values */
    /* How it ended is of no interest: it leaves its last good point. */
    const int ended = lbfgs((int)languages + 1, x, NULL, search_value, NULL, search, &settings);
    shares_of(languages, x, plan->shares);
    double sum = 0;
    for (size_t l = 0; l < languages; l++)
        sum += plan->shares[l] = plan->shares[l] < SHARE_LEAST ? 0 : plan->shares[l];
    for (size_t l = 0; l < languages; l++)
        plan->shares[l] /= sum;
    plan->N = search->size_fixed ? plan->N : exp(x[0]);
    lbfgs_free(x);
    plan->D = question->flops / 6 / plan->N;
    plan->loss = 0;
    for (size_t t = 0; t < question->target_count; t++)
        plan->loss += question->targets[t].weight * advice_loss(question, search->laws, t, plan);
    return ended == LBFGSERR_OUTOFMEMORY ? -1 : 0;
}

static bool is_useful(const struct advice_question *question, const double *laws, size_t language) {
    for (size_t t = 0; t < question->target_count; t++)
        if (tau_of(&question->targets[t], laws + t * FIT_PARAMETERS_MAX, language) > 0)
            return true;
    return false;
}

/* Adds `weight` shared evenly by the languages that some target gains from. */
static void shares_add_even(const struct advice_question *question, const double *laws, double weight, double *shares) {
    size_t useful = 0;
    for (size_t l = 0; l < question->languages; l++)
        useful += is_useful(question, laws, l);
    for (size_t l = 0; l < question->languages; l++)
        if (is_useful(question, laws, l))
            shares[l] += weight / (double)useful;
}

/* Writes a start: the targets by their weights, and the share `even` for all that is useful; N by the Chinchilla laws
 * of the targets, times a factor. */
static void start_make(const struct search *search, double even, double size, double factor, struct advice_plan *plan) {
    const struct advice_question *question = search->question;
    memset(plan->shares, 0, question->languages * sizeof *plan->shares);
    shares_add_even(question, search->laws, even, plan->shares);
    double log_size = 0;
    for (size_t t = 0; t < question->target_count; t++) {
        const struct advice_target *target = &question->targets[t];
        plan->shares[target->language] += (1 - even) * target->weight;
        log_size +=
            target->weight * log(advice_chinchilla_size(search->laws + t * FIT_PARAMETERS_MAX, question->flops));
    }
    plan->N = search->size_fixed ? size : fmin(fmax(exp(log_size) * factor, 1), question->flops / 6);
}

static int laws_check(const struct advice_question *question, const double *laws, struct error *error) {
    for (size_t t = 0; t < question->target_count; t++) {
        const double *law = laws + t * FIT_PARAMETERS_MAX;
        if (!(law[ATLAS_ALPHA] > 0) || !(law[ATLAS_BETA] > 0))
            return error_set(error, ERROR_INPUT,
                             "no plan is best: by the law of target %zu the loss does not fall with %s (%s is %g)",
                             t + 1, law[ATLAS_ALPHA] > 0 ? "data" : "size", law[ATLAS_ALPHA] > 0 ? "beta" : "alpha",
                             law[ATLAS_ALPHA] > 0 ? law[ATLAS_BETA] : law[ATLAS_ALPHA]);
    }
    return 0;
}

int advice_optimise(const struct advice_question *question, const double *laws, double size, struct advice_plan *plan,
                    struct error *error) {
    static const double factors[] = {1, 0.1, 10}, even[] = {1, 0.5, 0.02};
    if (laws_check(question, laws, error) != 0)
        return -1;
    double *room = malloc(2 * (question->languages + 1) * sizeof *room);
    struct search search = {question, laws, size > 0, room};
    struct advice_plan trial = {.shares = room + question->languages};
    int status = room ? 0 : -1;
    plan->loss = INFINITY;
    for (int start = 0; start < (search.size_fixed ? 3 : 9) && status == 0; start++) {
        start_make(&search, even[start % 3], size, factors[start / 3], &trial);
        status = search_run(&search, &trial);
        if (trial.loss < plan->loss) {
            memcpy(plan->shares, trial.shares, question->languages * sizeof *plan->shares);
            *plan = (struct advice_plan){trial.N, trial.D, trial.loss, plan->shares};
        }
    }
    free(room);
    if (status != 0)
        return error_set(error, ERROR_FAILED, "no memory to plan for %zu languages", question->languages);
    return isfinite(plan->loss)
               ? 0
               : error_set(error, ERROR_INPUT, "no plan found: these languages harm each other too much");
}

/* ---- intervals ---- */

/* What one resampled set of laws says: row [ADVICE_TARGET + target_count + languages]. */
static int sample_advise(const struct advice_question *question, const double *laws, const struct advice_plan *plan,
                         double *row) {
    const size_t languages = question->languages, targets = question->target_count;
    double *room = malloc((languages + 1) * sizeof *room);
    if (!room)
        return -1;
    row[ADVICE_LOSS] = 0;
    for (size_t t = 0; t < targets; t++) {
        row[ADVICE_TARGET + t] = advice_loss(question, laws, t, plan);
        row[ADVICE_LOSS] += question->targets[t].weight * row[ADVICE_TARGET + t];
    }
    struct search search = {question, laws, false, room};
    struct advice_plan best = {.N = plan->N, .shares = row + ADVICE_TARGET + targets};
    for (size_t l = 0; l < languages; l++)
        best.shares[l] = (1 - SHARE_REOPENED) * plan->shares[l];
    shares_add_even(question, laws, SHARE_REOPENED, best.shares);
    best.loss = INFINITY;
    const int status = laws_check(question, laws, NULL) == 0 ? search_run(&search, &best) : 0;
    row[ADVICE_N] = best.N;
    for (size_t l = 0; l < languages && !isfinite(best.loss); l++)
        best.shares[l] = row[ADVICE_N] = NAN;
    free(room);
    return status;
}

/* Of sorted values; the plan's own value where the two differ by no more than searches do. */
static double quantile(const double *sorted, size_t count, double share, double own) {
    const double value = gsl_stats_quantile_from_sorted_data(sorted, 1, count, share);
    return fabs(value - own) <= SEARCH_EXACT * own ? own : value;
}

int advice_intervals(const struct advice_question *question, double (*samples)[FIT_PARAMETERS_MAX], size_t count,
                     const struct advice_plan *plan, struct advice_interval *intervals, struct error *error) {
    const size_t columns = ADVICE_TARGET + question->target_count + question->languages;
    double *rows = calloc(count * columns + count, sizeof *rows), *column = rows + count * columns;
    int failed = !rows;
#pragma omp parallel for schedule(dynamic, 4) reduction(+ : failed) if (rows)
    for (size_t s = 0; s < (rows ? count : 0); s++) {
        double *laws = malloc(question->target_count * FIT_PARAMETERS_MAX * sizeof *laws);
        for (size_t t = 0; laws && t < question->target_count; t++)
            memcpy(laws + t * FIT_PARAMETERS_MAX, samples[t * count + s], sizeof *samples);
        failed += !laws || sample_advise(question, laws, plan, rows + s * columns) != 0;
        free(laws);
    }
    for (size_t c = 0; c < columns && !failed; c++) {
        const size_t first_share = ADVICE_TARGET + question->target_count;
        const double own = c == ADVICE_N ? plan->N : c < first_share ? NAN : plan->shares[c - first_share];
        size_t finite = 0;
        for (size_t s = 0; s < count; s++)
            if (isfinite(rows[s * columns + c]))
                column[finite++] = rows[s * columns + c];
        gsl_sort(column, 1, finite);
        const bool enough = finite > 0 && (count - finite) * 40 <= count;
        intervals[c] = (struct advice_interval){enough ? quantile(column, finite, 0.025, own) : NAN,
                                                enough ? quantile(column, finite, 0.975, own) : NAN};
    }
    free(rows);
    return failed ? error_set(error, ERROR_FAILED, "no memory for %zu resampled plans", count) : 0;
}
