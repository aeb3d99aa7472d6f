/* What to train with a compute budget: the size N, the tokens D = C / (6 N), and the shares of the languages in them,
 * that make the weighted mean of the losses on some target languages least, by the ATLAS law of each (laws/atlas.h). A
 * Chinchilla law is the ATLAS law of a single language of which there is always more text.
 *
 * The law holds languages that are neither the target nor among its sources in one pot; here each of them counts alone,
 * tau_other S(D_i; U_i). That is the same where nothing, or all alike, is repeated, and never more. In one pot the
 * first token of a language would lend all its unique text to the others, and the best plan would be one that buys such
 * tokens. */
#ifndef SWEEP_LAWS_ADVICE_H
#define SWEEP_LAWS_ADVICE_H

#include "laws/atlas.h"

struct advice_target {
    size_t language;
    double weight; /* positive; those of all targets sum to 1 */
    struct atlas_sources sources;
    bool repeats; /* some run behind its law read text again. If not, nobody knows lambda, and repeated text counts as
                     (next to) nothing */
};

struct advice_question {
    double flops; /* C */
    size_t languages;
    const double *unique; /* [languages] tokens; INFINITY: more than any plan reads, or not known */
    size_t target_count;
    const struct advice_target *targets;
};

/* Laws are parameters [target_count, FIT_PARAMETERS_MAX], in the order of laws/atlas.h; of a Chinchilla law the first
 * five are enough. */

struct advice_plan {
    double N, D;    /* parameters, tokens of all languages */
    double loss;    /* weighted mean over the targets, nats per token */
    double *shares; /* [languages], of the caller; sum 1, and 0 for a language that is of no use */
};

/* The N that is best for a Chinchilla law, (alpha A / (beta B))^(1 / (alpha + beta)) (C / 6)^(beta / (alpha + beta)).
 */
double advice_chinchilla_size(const double *parameters, double flops);

/* The loss on target t of a plan; infinite where languages that harm leave no law. */
double advice_loss(const struct advice_question *question, const double *laws, size_t t,
                   const struct advice_plan *plan);

/* Finds the best plan, of models of `size` parameters when that is not 0. Fails when a law says that larger models or
 * more data do not help, so that nothing is best. */
int advice_optimise(const struct advice_question *question, const double *laws, double size, struct advice_plan *plan,
                    struct error *error);

/* How sure a plan is: 95 % intervals of the best N, of the losses of this plan, and of the best shares, when the laws
 * are fitted to resampled points. */
struct advice_interval {
    double low, high; /* NaN: more than a fortieth of the resampled laws has no best plan, or gives this one no loss */
};
enum { ADVICE_N, ADVICE_LOSS, ADVICE_TARGET }; /* then a loss for each target, then a share for each language */

/* samples [target_count, count]: what the resamples of struct fit_options are. Fills intervals
 * [ADVICE_TARGET + target_count + languages], the same bits on any number of threads. Fails only for want of memory. */
int advice_intervals(const struct advice_question *question, double (*samples)[FIT_PARAMETERS_MAX], size_t count,
                     const struct advice_plan *plan, struct advice_interval *intervals, struct error *error);

#endif
