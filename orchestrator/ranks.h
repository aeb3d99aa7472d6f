/* All ranks of the program, from MPI_Init to MPI_Finalize: rank 0 leads, the others serve it. */
#ifndef SWEEP_ORCHESTRATOR_RANKS_H
#define SWEEP_ORCHESTRATOR_RANKS_H

#include "orchestrator/command.h"
#include "orchestrator/crew.h"
#include "worker/worker.h"

/* What rank 0 does; the crew are the others. */
typedef int lead_function(const struct command *command, int count, char **words, struct crew *crew,
                          struct error *error);

/* Does a command that mpirun may start on several ranks. Workers do their runs with train; only rank 0 returns what
 * lead did. */
int ranks_run(const struct command *command, int count, char **words, run_function *train, lead_function *lead,
              struct error *error);

#endif
