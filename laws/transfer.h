/* Bilingual transfer scores, as the study defines them:
 *   BTS(s -> t) = -(sigma(L_t(d)) - 2 d) / d
 * d: reference tokens of the monolingual run of t; L_t(d): its loss there; sigma(l): TOTAL tokens at which the 50/50
 * bilingual run first reaches l. 0: neutral; > 0: the source helps; < 0: it hurts. */
#ifndef SWEEP_LAWS_TRANSFER_H
#define SWEEP_LAWS_TRANSFER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The losses of one run on one test set, tokens strictly ascending and positive. */
struct loss_curve {
    size_t count;
    const double *tokens; /* seen in all */
    const double *losses; /* nats per token */
};

struct transfer_score {
    double reference_loss; /* L_t(d) */
    double sigma;          /* total tokens at which the bilingual run reaches it; for a bound: the last it saw */
    double bts;
    bool bound; /* never reached: the true score is below bts */
};

/* Fails for a curve that is empty, or has tokens that do not ascend from above 0 or losses that are not finite. name
 * says in the error which one it is: "monolingual". */
int transfer_check_curve(const struct loss_curve *curve, const char *name, struct error *error);

/* Loss at d by linear interpolation against ln tokens. Fails when d lies outside the curve. */
int curve_loss_at(const struct loss_curve *curve, double d, double *loss, struct error *error);

/* Tokens at which the curve first reaches loss (<=), interpolated the same way between evaluations; a curve that is
 * there at its first evaluation counts from that one. false: never. */
bool curve_first_reach(const struct loss_curve *curve, double loss, double *tokens);

/* Fails when the monolingual curve does not hold d, or for a curve that transfer_check_curve refuses. */
int transfer_bts(const struct loss_curve *monolingual, const struct loss_curve *bilingual, double d,
                 struct transfer_score *score, struct error *error);

/* transfer_bts at an evaluation of the monolingual run, to see how scores change with d; constant_tokens: those that
 * the bilingual run sees before its learning rate decays. Only as long as a score of -1 is reached by then: beyond,
 * what is left are pairs that help, and losses that fall for another reason than data. A bilingual run that is below
 * the reference at its first evaluation may have been there long before: such scores are left out, as bounds are.
 * false: left out, or there is none. */
bool transfer_bts_over_tokens(const struct loss_curve *monolingual, const struct loss_curve *bilingual, double d,
                              double constant_tokens, struct transfer_score *score);

#endif
