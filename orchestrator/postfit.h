/* After the runs: what the laws say of the points that are there. */
#ifndef SWEEP_ORCHESTRATOR_POSTFIT_H
#define SWEEP_ORCHESTRATOR_POSTFIT_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/study.h"

#include <stdio.h>

/* Replaces the results in data: laws, transfer, adaptation and crossovers. A Chinchilla fit for every language with
 * monolingual runs of at least three sizes, an ATLAS fit for every language that was trained with others, and what
 * postfit_transfer.h says of transfer. All read the cross entropy on the test set. What could not be fitted, and why,
 * is written to notes, a line each. */
int postfit(const struct study *study, struct study_data *data, FILE *notes, struct error *error);

/* Prints the transfer scores, the crossovers, and the fitted laws. */
void postfit_print(const struct study *study, const struct study_data *data, FILE *out);

#endif
