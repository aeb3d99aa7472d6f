/* The coordinator does all runs of a study that are not done: over the workers of its crew or, alone, itself, one after
 * the other, by train. What reaches the journal does not depend on who trained. */
#ifndef SWEEP_ORCHESTRATOR_COORDINATOR_H
#define SWEEP_ORCHESTRATOR_COORDINATOR_H

#include "orchestrator/crew.h"
#include "worker/worker.h"

/* Runs that fail are recorded, tried again as the study says, and the others go on; an error of the journal ends
 * everything. A signal to any rank (worker/stop.h) ends all runs behind a checkpoint, what there is is then published;
 * *stopped: so it was, with runs left. */
int coordinator_run(struct ledger *ledger, struct crew *crew, run_function *train, bool *stopped, struct error *error);

#endif
