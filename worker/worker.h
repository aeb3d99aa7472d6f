/* The life of a worker rank: ask, train, tell, until there is nothing left to do. */
#ifndef SWEEP_WORKER_WORKER_H
#define SWEEP_WORKER_WORKER_H

#include "worker/protocol.h"

/* Serves the coordinator (rank 0 of comm) until it says stop. False: ranks were lost, so nothing collective will end.
 */
bool worker_serve(MPI_Comm comm);

/* A note that is too long is cut. */
struct run_note run_note_make(uint32_t run, const char *text);

/* Trains a run and measures it; a failure is a result, not an error. */
struct run_result worker_run(const struct run_spec *spec, const struct run_sink *sink);

#endif
