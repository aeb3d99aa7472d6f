/* A study on virtual time: the scheduler that gives runs to workers (orchestrator/schedule.h) gives them to imagined
 * ones. A run takes its FLOPs over those that its ranks do in a second; giving out runs, reading text and failures take
 * nothing. */
#ifndef SWEEP_ORCHESTRATOR_SIMULATE_H
#define SWEEP_ORCHESTRATOR_SIMULATE_H

#include "orchestrator/plan.h"

struct simulation {
    double makespan; /* seconds until the last run has ended */
    double
        critical_path; /* seconds of the longest chain of runs that wait for each other, with all ranks they ask for */
    uint32_t critical_run; /* the first of that chain */
    double lower_bound; /* seconds: the critical path, or all work spread evenly; no schedule is shorter than either */
    double utilisation; /* of the workers' time until then, the part that they train; 0 to 1 */
};

/* A plan on so many workers (>= 1; the coordinator is one rank more) that do so many FLOPs in a second (> 0) each. */
int simulate(const struct plan *plan, uint32_t workers, double speed, struct simulation *simulation,
             struct error *error);

#endif
