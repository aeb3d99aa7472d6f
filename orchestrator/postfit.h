/* After the runs: what the laws say of the points that are there. */
#ifndef SWEEP_ORCHESTRATOR_POSTFIT_H
#define SWEEP_ORCHESTRATOR_POSTFIT_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/study.h"

#include <stdio.h>

/* Replaces data->transfer and data->laws: a bilingual transfer score for both directions of every finished bilingual
 * run whose target has a finished monolingual run of the same size, a Chinchilla fit for every language with
 * monolingual runs of at least three sizes, and an ATLAS fit for every language that was trained with others. All read
 * the cross entropy on the test set. What could not be fitted, and why, is written to notes, a line each. */
int postfit(const struct study *study, struct study_data *data, FILE *notes, struct error *error);

/* Prints the matrix of transfer scores (a table for each size; "<" marks a bound, "-" what was not measured) and the
 * fitted laws. */
void postfit_print(const struct study *study, const struct study_data *data, FILE *out);

#endif
