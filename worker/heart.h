/* The heart of a rank: a thread that tells the others that the process lives, whatever its main thread is doing. A
 * worker beats for the coordinator (rank 0), the coordinator for all workers.
 *
 * With mpirun's recovery a rank that dies is told to nobody, and without it a frozen one: silence is all there is. A
 * worker whose coordinator is silent for a minute ends its process, since nothing else would. */
#ifndef SWEEP_WORKER_HEART_H
#define SWEEP_WORKER_HEART_H

#include "base/error.h"

#include <mpi.h>
#include <stdbool.h>

struct heart;

/* Begins to beat; collective over comm, which needs MPI_THREAD_MULTIPLE. */
int heart_start(struct heart **heart, MPI_Comm comm, struct error *error);

/* Seconds since the coordinator has heard of a worker, of those that it was not stopped itself. */
double heart_silence(const struct heart *heart, int rank);

/* Ends the thread; NULL is allowed. */
void heart_stop(struct heart *heart);

#endif
