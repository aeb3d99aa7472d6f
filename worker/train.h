/* One training run: from its specification to a stream of points.
 *
 *   run_spec -> corpus gives batch b -> model trains -> points go to the sink, evaluations in between
 *
 * Everything told to the sink is a pure function of the specification and the shards. */
#ifndef SWEEP_WORKER_TRAIN_H
#define SWEEP_WORKER_TRAIN_H

#include "base/error.h"
#include "base/record.h"
#include "worker/run_spec.h"

#include <mpi.h>
#include <stdbool.h>

/* Where a run tells what it finds, in order; an error from the sink ends the run with it. Of the ranks
 * that train a run together, the leader tells and is asked. */
struct run_sink {
    void *context;
    /* If set: the run begins behind so many steps, those of a checkpoint or 0. note: what was wrong with a newer
     * checkpoint, or "". */
    int (*begin)(void *context, uint64_t step, const char *note, struct error *error);
    int (*add_curve)(void *context, const struct curve_point *point, struct error *error);
    int (*add_losses)(void *context, const struct loss_point *points, uint32_t count, struct error *error);
    int (*add_seen)(void *context, const struct language_tokens *seen, uint32_t count, struct error *error);
    bool (*stop)(void *context); /* if set: asked behind every step; true: stop here */
    double *model_seconds;       /* if set: what the run spends in model code is added (wall clock) */

    /* Of every rank, where several train the run together: */
    MPI_Comm comm;                  /* for their messages; its errors return */
    bool (*abandon)(void *context); /* asked while it waits for the others; true: leave the run */
};

/* Resident memory of a worker at most, when it trains with this setup and the threads of omp_get_max_threads(): the
 * process, the model, a batch, and messages. Shards are mapped and let go of. 0: impossible setup. */
size_t run_memory_bytes(const struct model_setup *setup);

/* RUN_ABANDONED: another rank that trained the run was lost; nothing was saved behind the last checkpoint. */
enum run_end { RUN_ENDED, RUN_STOPPED, RUN_ABANDONED };

/* Trains a run from its first step, or the one behind its checkpoint, to its last. Curve points every spec->curve_steps
 * and at the last step, evaluations of every test set every spec->evaluation_steps and at the last step, what was seen
 * of each language at the end. A run that goes on from a checkpoint tells what one that was never stopped tells behind
 * that step, bit by bit.
 *
 * Where spec->checkpoint names a file, checkpoints go there (model/checkpoint.h), and the one before is kept beside it
 * until the next: a run goes on from the newer one that is whole, its own, and of spec->resume_most steps at most, and
 * else begins anew. *end: whether it came to its end or was told to stop, behind a checkpoint.
 *
 * Where spec->ranks is more than 1, each of spec->members calls this with the same specification, and they train the
 * run together: what is told, and the checkpoints, are the same bits for any number of them.
 *
 * Fails when a shard is missing or wrong, memory is short, a checkpoint cannot be written, or the loss or gradient is
 * no longer finite (the step is named). */
int run_train(const struct run_spec *spec, const struct run_sink *sink, enum run_end *end, struct error *error);

/* Removes what a run kept in that place. */
void run_forget(const char *checkpoint);

#endif
