/* A planned run as the journal and the archive hold it. */
#ifndef SWEEP_ORCHESTRATOR_RECORDS_H
#define SWEEP_ORCHESTRATOR_RECORDS_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/plan.h"

/* Fills record for one run; languages: room for LANGUAGES_MAX, which record->languages then points into. */
void record_of_run(const struct study *study, const struct plan *plan, uint32_t run, struct language_tokens *languages,
                   struct run_record *record);

#endif
