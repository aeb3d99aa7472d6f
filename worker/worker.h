/* The life of a worker rank: ask, train, tell, until there is nothing left to do. */
#ifndef SWEEP_WORKER_WORKER_H
#define SWEEP_WORKER_WORKER_H

#include "worker/protocol.h"

/* How a run is done: run_train, or what stands in for it. */
typedef int run_function(const struct run_spec *spec, const struct run_sink *sink, struct run_ending *ending,
                         struct error *error);

/* Serves the coordinator (rank 0 of comm) until it says stop; workers: the same ranks, for what they say to each other.
 * False: ranks were lost, so nothing collective will end.
 */
bool worker_serve(MPI_Comm comm, MPI_Comm workers, run_function *train);

/* A note that is too long is cut. */
struct run_note run_note_make(uint32_t run, const char *text);

/* Does a run and measures it; a failure is a result, not an error. */
struct run_result worker_run(run_function *train, const struct run_spec *spec, const struct run_sink *sink);

#endif
