/* Which run comes next: the costliest of those that are ready, where the longest of the runs that wait for a run counts
 * with it. Longest first keeps the last workers from waiting for one long run that was begun late.
 *
 * A run may need several ranks at once. When the costliest ready run needs more than are idle, those that are idle wait
 * for it; until it can begin, they only get runs that will have ended by then, going by the speed of those that have
 * ended (EASY backfilling, Lifka 1995). So large runs are not starved by small ones, nor ranks by large runs. A run
 * that failed and is tried again comes behind all that have not. */
#ifndef SWEEP_ORCHESTRATOR_SCHEDULE_H
#define SWEEP_ORCHESTRATOR_SCHEDULE_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/plan.h"

#include <stdbool.h>

struct schedule {
    const struct plan *plan;
    double *costs;           /* [plan->count] FLOPs of a run and of the costliest chain that waits for it */
    uint32_t *order;         /* [plan->count] run numbers, costliest first; equal costs in the order of the plan */
    enum run_status *status; /* [plan->count] by run number */
    bool *again;             /* [plan->count] has failed before */
    double *begun;           /* [plan->count] seconds, of those that run */
    uint32_t *running;       /* run numbers, in no order; counts[RUN_RUNNING] of them */
    size_t first;            /* all of order before it have left RUN_WAITING */
    size_t counts[4];        /* runs of each status */
    uint32_t ranks_most;     /* that a run can have, set by whoever knows the ranks; 1 at first */
    double flops, seconds;   /* of those that have ended: FLOPs, and seconds times ranks */
};

enum { SCHEDULE_NOTHING_READY = -1 };

/* All runs waiting. The plan must outlive the schedule. */
int schedule_make(struct schedule *schedule, const struct plan *plan, struct error *error);
void schedule_free(struct schedule *schedule);

/* Ranks that a run gets: those it asks for or, when there are not as many, a smaller power of two. */
uint32_t schedule_ranks(const struct schedule *schedule, uint32_t run);

/* The next run to start now (seconds on any clock) on some of so many idle ranks, by now running; or
 * SCHEDULE_NOTHING_READY: all have started, or wait for one that has not ended well, or for ranks. */
int64_t schedule_next(struct schedule *schedule, uint32_t idle, double now);

/* What became of a run now. RUN_WAITING: it was interrupted, or failed and is tried again (again). */
void schedule_set(struct schedule *schedule, uint32_t run, enum run_status status, double now);
void schedule_try_again(struct schedule *schedule, uint32_t run, double now);

#endif
