/* What coordinator and workers say to each other. Each message is an array of one of these structs; its tag says which.
 * All ranks run one binary, so structs travel as bytes.
 *
 *   worker                          coordinator (rank 0)
 *                             <-    MESSAGE_RUN run_spec, or MESSAGE_STOP (empty)
 *   MESSAGE_BEGUN run_begun   ->    once it is known from which step
 *   MESSAGE_CURVE, _LOSSES, _SEEN ->   while the run goes on
 *                             <-    MESSAGE_HALT (empty): stop the run behind a checkpoint
 *   MESSAGE_ENDED run_result  ->    asks for the next at the same time
 *
 * Before the first run, where the corpus is not there yet (worker/encode_task.h):
 *                             <-    MESSAGE_ENCODE encode_task
 *   MESSAGE_ENCODED encode_answer -> */
#ifndef SWEEP_WORKER_PROTOCOL_H
#define SWEEP_WORKER_PROTOCOL_H

#include "worker/run_spec.h"

#include <mpi.h>

enum message_tag {
    MESSAGE_RUN = 1,
    MESSAGE_STOP,
    MESSAGE_HALT,
    MESSAGE_BEGUN,  /* struct run_begun */
    MESSAGE_CURVE,  /* struct curve_point */
    MESSAGE_LOSSES, /* struct loss_point */
    MESSAGE_SEEN,   /* struct language_tokens */
    MESSAGE_ENDED,
    MESSAGE_ENCODE,  /* struct encode_task, to a worker that has no run */
    MESSAGE_ENCODED, /* struct encode_answer */
};

/* How a run begins. */
struct run_begun {
    uint32_t run;
    uint64_t step;  /* of the checkpoint that it goes on from; 0: none */
    char note[256]; /* what was wrong with a newer one, or "" */
};

/* How a run ended. */
struct run_result {
    uint32_t run;
    uint32_t failed;  /* 1: cause says why */
    uint32_t stopped; /* 1: it was told to stop, and goes on from its checkpoint another time */
    double seconds;   /* wall clock */
    char cause[256];
};

/* Sleeps until a message is there from any rank, at most a second: 1 when there is one, else 0. MPI itself waits by
 * spinning, which would take a core from the workers. */
int protocol_wait(MPI_Comm comm, MPI_Status *status);

#endif
