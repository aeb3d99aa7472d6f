/* Which run comes next: of those that are ready, the one with the longest chain behind it, that is its own time and
 * that of the longest chain of runs that wait for it (its bottom level; times by FLOPs over ranks). Longest first keeps
 * the last workers from waiting for one long run, or for those that wait for it, that was begun late.
 *
 * A run may need several ranks at once. When the first of the ready runs needs more than are idle, those that are idle
 * wait for it; until it can begin, they only get runs that will have ended by then, going by the speed of those that
 * have ended, or that leave it enough ranks (EASY backfilling, Lifka 1995). So large runs are not starved by small
 * ones, nor ranks by large runs. A run that failed and is tried again comes behind all that have not.
 *
 * Ready runs are the leaves of a tree, in order, whose nodes know the least FLOPs below them: the first run that is
 * short enough is found in as many steps as the tree has levels. */
#ifndef SWEEP_ORCHESTRATOR_SCHEDULE_H
#define SWEEP_ORCHESTRATOR_SCHEDULE_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/plan.h"

#include <stdbool.h>

enum { SCHEDULE_WIDTHS = 4 }; /* runs ask for 1, 2, 4 or 8 ranks */

/* A run on its ranks. */
struct schedule_running {
    uint32_t run, ranks;
    double begun, cost; /* seconds on the clock; FLOPs of a rank */
};

struct schedule {
    const struct plan *plan;
    double *chains;                 /* [plan->count] FLOPs of a rank until the last that waits for the run has ended */
    uint32_t *places;               /* [plan->count] in order */
    uint32_t *order;                /* [plan->count] run numbers: the inverse */
    int64_t *waiting, *sibling;     /* [plan->count] the first run that waits for a run; the next that does; or -1 */
    enum run_status *status;        /* [plan->count] by run number */
    bool *again;                    /* [plan->count] has failed before */
    size_t leaves;                  /* of a tree: a place for each run, and behind them one if it is tried again */
    double *ready[SCHEDULE_WIDTHS]; /* [2 * leaves] trees of runs that ask for 1, 2, 4, 8 ranks; NULL: there are none */
    struct schedule_running *running; /* in no order; counts[RUN_RUNNING] of them */
    uint32_t *slots;                  /* [plan->count] where in running */
    size_t counts[4];                 /* runs of each status */
    uint32_t ranks_most;              /* that a run can have, set by whoever knows the ranks; 1 at first */
    double flops, seconds;            /* of those that have ended: FLOPs, and seconds times ranks */
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
