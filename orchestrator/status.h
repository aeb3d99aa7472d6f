/* Where a study stands, worked out of what was published of it: an archive, or the journal beside it. */
#ifndef SWEEP_ORCHESTRATOR_STATUS_H
#define SWEEP_ORCHESTRATOR_STATUS_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/plan.h"

#include <stdio.h>

/* Runs of one kind and size. */
struct status_group {
    char kind[24], size[32];
    size_t counts[4]; /* runs, by enum run_status */
    double flops, flops_done;
};

/* How far a run is. */
struct status_run {
    uint64_t step;     /* of its last point; all of them when it is done */
    int64_t waits_for; /* number of a run that is not done, or WAITS_FOR_NOTHING */
    size_t awaited;    /* runs that wait for it */
    double
        tokens_per_second; /* since its attempt began, and what is left at that speed; NaN: it does not run, or has */
    double seconds_left;   /* told nothing yet */
};

struct status {
    size_t counts[4]; /* runs, by enum run_status */
    double flops, flops_done;
    size_t group_count;
    struct status_group *groups; /* [group_count] in the order of the plan */
    struct status_run *runs;     /* [run_count] */
    double core_seconds;         /* that the last attempt of each run took */
    double gflops;               /* GFLOP/s of a core, see status_speed */
    double cores;                /* that train now */
    double core_seconds_left;    /* at that speed; NaN: nothing tells it */
    double seconds_left; /* on these cores, or of the longest run if that is more; NaN as well when none train */
};

/* Fills status from data as it was at a time (seconds since 1970). plan: of the same study, says what waits for what;
 * NULL: not known. data must outlive status. */
int status_make(const struct study_data *data, const struct plan *plan, double published, struct status *status,
                struct error *error);
void status_free(struct status *status);

/* GFLOP/s of a core in the last attempts of the runs that ended, and of those that run, up to a time (NaN: without
 * these). NaN: there are none. */
double status_speed(const struct study_data *data, double published);

/* Prints it in lines of at most 80 columns; a cause of failure may be longer. */
void status_print(const struct study_data *data, const struct status *status, FILE *file);

#endif
