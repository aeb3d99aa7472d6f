/* A command that mpirun may start on several ranks: rank 0 leads, all others are workers until it is done. */
#ifndef SWEEP_ORCHESTRATOR_COMMAND_OVER_RANKS_H
#define SWEEP_ORCHESTRATOR_COMMAND_OVER_RANKS_H

#include "orchestrator/command.h"
#include "worker/machine.h"

#include <mpi.h>

/* What rank 0 does. machines: of all ranks. */
typedef int command_lead(const struct command *command, int count, char **words, MPI_Comm comm,
                         const struct machine *machines, struct error *error);

int command_over_ranks(const struct command *command, int count, char **words, command_lead *lead, struct error *error);

#endif
