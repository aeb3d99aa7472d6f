/* The part of the post-fit that is about transfer between languages. What could not be had, and why, is written to
 * notes, a line each; the functions fail only for want of memory. */
#ifndef SWEEP_ORCHESTRATOR_POSTFIT_TRANSFER_H
#define SWEEP_ORCHESTRATOR_POSTFIT_TRANSFER_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/study.h"

#include <stdio.h>

/* A bilingual transfer score for both directions of every finished bilingual run whose target has a finished
 * monolingual run of the same size, into data->transfer: runs of several seeds, each held against the monolingual run
 * of its seed, become one row. */
int postfit_scores(const struct study *study, struct study_data *data, FILE *notes, struct error *error);

/* Lines through these scores, behind data->laws: "bts-against-N" through the pairs that are measured at several sizes,
 * "bts-against-D" through the scores at many reference tokens, of the size that has most scores. */
int postfit_score_lines(const struct study *study, struct study_data *data, FILE *notes, struct error *error);

/* What finished runs of the kind "finetune" say; their one language is the source. An evaluation at 0 tokens is that of
 * the multilingual model that the run began with, without which there are no scores. Into data->adaptation: the
 * adaptation score for each test set that the run met; d_max is where the shortest finetuned run of that size ends.
 * Into data->transfer: the missing scores of the size that has most, foretold, with the law "bts-forest" that says how
 * well. Into data->crossovers: where the monolingual run of a language passes below its finetuned run, with the law
 * "crossover" of each language and of all. To be called behind postfit_scores. */
int postfit_finetune(const struct study *study, struct study_data *data, FILE *notes, struct error *error);

/* Prints the matrix of transfer scores (a table for each size; "<" marks a bound, "~" a prediction, "-" what is not
 * known), the crossovers, and the laws of both. */
void postfit_transfer_print(const struct study *study, const struct study_data *data, FILE *out);

/* Prints the laws of transfer, a line each. */
void postfit_transfer_print_laws(const struct study_data *data, FILE *out);

#endif
