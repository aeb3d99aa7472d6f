/* Which run comes next: the costliest of those that are ready. Longest first keeps the last workers from waiting for
 * one long run that was begun late. */
#ifndef SWEEP_ORCHESTRATOR_SCHEDULE_H
#define SWEEP_ORCHESTRATOR_SCHEDULE_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/plan.h"

struct schedule {
    const struct plan *plan;
    uint32_t *order;         /* [plan->count] run numbers, costliest first; equal costs in the order of the plan */
    enum run_status *status; /* [plan->count] by run number */
    size_t first;            /* all of order before it have left RUN_WAITING */
    size_t counts[4];        /* runs of each status */
};

enum { SCHEDULE_NOTHING_READY = -1 };

/* All runs waiting. The plan must outlive the schedule. */
int schedule_make(struct schedule *schedule, const struct plan *plan, struct error *error);
void schedule_free(struct schedule *schedule);

/* The next run to start, by now running, or SCHEDULE_NOTHING_READY: all have started, or wait for one that has not
 * ended well. */
int64_t schedule_next(struct schedule *schedule);

void schedule_set(struct schedule *schedule, uint32_t run, enum run_status status);

#endif
