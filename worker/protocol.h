/* What coordinator and workers say to each other. Each message is an array of one of these structs; its tag says which.
 * All ranks run one binary, so structs travel as bytes.
 *
 *   worker                          coordinator (rank 0)
 *                             <-    MESSAGE_RUN run_spec, or MESSAGE_STOP (empty)
 *   MESSAGE_CURVE, _LOSSES, _SEEN ->   while the run goes on
 *   MESSAGE_ENDED run_result  ->    asks for the next at the same time */
#ifndef SWEEP_WORKER_PROTOCOL_H
#define SWEEP_WORKER_PROTOCOL_H

#include "worker/run_spec.h"

#include <mpi.h>

enum message_tag {
    MESSAGE_RUN = 1,
    MESSAGE_STOP,
    MESSAGE_CURVE,  /* struct curve_point */
    MESSAGE_LOSSES, /* struct loss_point */
    MESSAGE_SEEN,   /* struct language_tokens */
    MESSAGE_ENDED,
};

/* How a run ended. */
struct run_result {
    uint32_t run;
    uint32_t failed; /* 1: cause says why */
    double seconds;  /* wall clock */
    char cause[256];
};

/* Sleeps until a message is there from any rank, at most a second: 1 when there is one, else 0. MPI itself waits by
 * spinning, which would take a core from the workers. */
int protocol_wait(MPI_Comm comm, MPI_Status *status);

#endif
