/* What the parts of the post-fit have in common: finding runs and their curves in the data of a study, and adding rows
 * to its results. Losses are cross entropies on test sets. */
#ifndef SWEEP_ORCHESTRATOR_POSTFIT_CURVES_H
#define SWEEP_ORCHESTRATOR_POSTFIT_CURVES_H

#include "hdf5_schema/study_record.h"
#include "laws/transfer.h"
#include "orchestrator/study.h"

#include <stdbool.h>
#include <stddef.h>

bool postfit_same_language(const char *a, const char *b);

/* Scores and laws are made of the losses on test sets, not of those on the parallel set. */
bool postfit_is_test(const struct loss_point *point);

/* Where the losses of a run begin; they stand by run. */
size_t postfit_first_loss(const struct study_data *data, uint32_t run);

/* The losses of a run on the test set of a language, but for one at 0 tokens, as two arrays inside room
 * [2 * loss_count]. */
struct loss_curve postfit_curve(const struct study_data *data, uint32_t run, const char *language, double *room);

/* Whether the learning rate is constant at a step: before, while it rises, the loss follows the optimizer; behind,
 * while it falls, the loss falls for another reason than data. */
bool postfit_in_constant_part(const struct study *study, const struct run_record *run, uint32_t step);

/* A larger array of results, with a zeroed row behind its count rows. NULL, with the error set: no memory, and the old
 * one is as it was. */
void *postfit_grow(void *rows, size_t count, size_t row_size, struct error *error);

/* The size that has most measured scores, of equals the one with more parameters. NULL: there are none. */
const char *postfit_main_size(const struct study_data *data);

/* Parameters N of the models of a size. */
uint64_t postfit_parameters(const struct study_data *data, const char *size);

#endif
