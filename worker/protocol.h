/* What coordinator and workers say to each other. Each message is an array of one of these structs; its tag says which.
 * All ranks run one binary, so structs travel as bytes.
 *
 *   worker                          coordinator (rank 0)
 *                             <-    MESSAGE_RUN run_spec, to each member of the run
 *   MESSAGE_BEGUN run_begun   ->    once it is known from which step
 *   MESSAGE_CURVE, ...        ->    and _LOSSES, _SEEN, _NOTE while the run goes on
 *                             <-    MESSAGE_HALT (empty): stop the run behind a checkpoint
 *                             <-    MESSAGE_ABANDON (empty): leave the run at once, if there still is one
 *   MESSAGE_ENDED run_result  ->    asks for the next at the same time; from every member; answers an abandon, too
 *                             <-    MESSAGE_STOP int: it was the last; so many ranks are lost
 *
 * The leader of a run alone tells of it until it ends. Before the first run, where the corpus is not there yet
 * (worker/encode_task.h):
 *                             <-    MESSAGE_ENCODE encode_task
 *   MESSAGE_ENCODED encode_answer -> */
#ifndef SWEEP_WORKER_PROTOCOL_H
#define SWEEP_WORKER_PROTOCOL_H

#include "worker/train.h"

#include <mpi.h>

enum message_tag {
    MESSAGE_RUN = 1,
    MESSAGE_STOP,
    MESSAGE_HALT,
    MESSAGE_ABANDON,
    MESSAGE_BEGUN,   /* struct run_begun */
    MESSAGE_CURVE,   /* struct curve_point */
    MESSAGE_LOSSES,  /* struct loss_point */
    MESSAGE_SEEN,    /* struct language_tokens */
    MESSAGE_NOTE,    /* struct run_note */
    MESSAGE_ENDED,   /* struct run_result */
    MESSAGE_ENCODE,  /* struct encode_task, to a worker that has no run */
    MESSAGE_ENCODED, /* struct encode_answer */
};

/* How a run begins. */
struct run_begun {
    uint32_t run;
    uint64_t step; /* of the checkpoint that it goes on from; 0: none */
};

/* What a person should know of a run that goes on. */
struct run_note {
    uint32_t run;
    char text[256];
};

/* How a run ended. */
struct run_result {
    uint32_t run;
    uint32_t failed;          /* 1: cause says why */
    struct run_ending ending; /* stopped: it goes on from its checkpoint another time */
    double seconds;           /* wall clock */
    char cause[256];
};

/* Sleeps until a message is there from any rank, at most a second: 1 when there is one, else 0. MPI itself waits by
 * spinning, which would take a core from the workers. */
int protocol_wait(MPI_Comm comm, MPI_Status *status);

#endif
