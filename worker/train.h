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
    /* If set: the run begins behind so many steps, those of a checkpoint or 0. */
    int (*begin)(void *context, uint64_t step, struct error *error);
    int (*add_curve)(void *context, const struct curve_point *point, struct error *error);
    int (*add_losses)(void *context, const struct loss_point *points, uint32_t count, struct error *error);
    int (*add_seen)(void *context, const struct language_tokens *seen, uint32_t count, struct error *error);
    bool (*stop)(void *context);                   /* if set: asked every step; true: stop here, behind a checkpoint */
    void (*note)(void *context, const char *text); /* if set: what a person should know; the run goes on */
    double *model_seconds;                         /* if set: what the run spends in model code is added (wall clock) */

    /* Of every rank, where several train the run together: */
    MPI_Comm comm; /* for their messages; its errors return */
    /* If set: asked every step, and while it waits for the others. True: leave the run at once. */
    bool (*abandon)(void *context);
};

/* Resident memory of a worker at most, when it trains with this setup and the threads of omp_get_max_threads(): the
 * process, the model, a batch, and messages. Shards are mapped and let go of. 0: impossible setup. */
size_t run_memory_bytes(const struct model_setup *setup);

enum run_end { RUN_ENDED, RUN_STOPPED, RUN_ABANDONED };

/* How a run ended, also when it failed. */
struct run_ending {
    enum run_end end;
    uint64_t step; /* optimizer steps done */
    bool diverged; /* it failed because its loss or gradient broke down */
};

/* Trains a run from its first step, or the one behind its checkpoint, to its last. Curve points every spec->curve_steps
 * and at the last step, evaluations of every test set every spec->evaluation_steps and at the last step, what was seen
 * of each language at the end. A run that goes on from a checkpoint tells what one that was never stopped tells behind
 * that step, bit by bit.
 *
 * Where spec->checkpoint names a file, checkpoints go there (model/checkpoint.h), and the one before is kept beside it
 * until the next: a run goes on from the newer one that is whole, its own, and of spec->resume_most steps at most, and
 * else begins anew. A checkpoint that a full disk has no room for is left out.
 *
 * Where spec->start names a checkpoint, the run begins with its weights; the optimizer, the learning rate and the data
 * begin anew, and before the first step comes an evaluation, of 0 steps and tokens. Where spec->continues is set, it
 * goes on behind that step instead: given the same key, batch and warm-up, with the bits that it had if it had come
 * there itself. What others begin from or the study keeps, behind spec->kept_steps, goes to run_kept_path; a full disk
 * is then an error.
 *
 * Where spec->ranks is more than 1, each of spec->members calls this with the same specification, and they train the
 * run together: what is told, and the checkpoints, are the same bits for any number of them. Abandoned: one of them was
 * lost; nothing was saved behind the last checkpoint.
 *
 * Fails when a shard is missing or wrong, memory is short, a checkpoint cannot be written, or training has diverged
 * (the step is named): the loss or gradient is not finite, or the loss of a step is twice that of knowing nothing,
 * ln V. */
int run_train(const struct run_spec *spec, const struct run_sink *sink, struct run_ending *ending, struct error *error);

/* Removes what a run kept in that place to go on from. */
void run_forget(const char *checkpoint);

/* Where a run whose checkpoints go there keeps the one of a step. */
void run_kept_path(char path[FILE_PATH_SIZE], const char *checkpoint, uint64_t step);

#endif
