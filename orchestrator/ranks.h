/* All ranks of the program, from MPI_Init to MPI_Finalize: rank 0 coordinates, the others serve it. */
#ifndef SWEEP_ORCHESTRATOR_RANKS_H
#define SWEEP_ORCHESTRATOR_RANKS_H

#include "orchestrator/crew.h"
#include "worker/worker.h"

/* What rank 0 does; the crew are the others. */
typedef int coordinate_function(void *context, struct crew *crew, struct error *error);

/* Call it once. Workers do their runs with train; only rank 0 returns what coordinate did. */
int ranks_run(run_function *train, coordinate_function *coordinate, void *context, struct error *error);

#endif
