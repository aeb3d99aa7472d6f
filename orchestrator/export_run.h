/* A run that is done as a folder for other programs (docs/checkpoints.md): its last weights as safetensors, its
 * vocabulary, and a README.md that says what it is and how to compute with it. */
#ifndef SWEEP_ORCHESTRATOR_EXPORT_RUN_H
#define SWEEP_ORCHESTRATOR_EXPORT_RUN_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes the folder, which must not be there yet, of a run of an archive. A vocabulary that is not found is left out,
 * and said on standard error. Fails when the run is not there or not done, or the study did not keep its weights; then
 * nothing is left. */
int export_run(const char *archive, uint64_t run, const char *folder, struct error *error);

/* Writes the README.md of a run. vocabulary: identity of the one that it was trained with; copied: it lies beside. */
int export_readme(const char *path, const struct study_data *data, const struct run_record *run, const char *vocabulary,
                  bool copied, struct error *error);

#endif
