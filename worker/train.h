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

/* Where a run tells what it finds, in order; an error from the sink ends the run with it. */
struct run_sink {
    void *context;
    int (*add_curve)(void *context, const struct curve_point *point, struct error *error);
    int (*add_losses)(void *context, const struct loss_point *points, uint32_t count, struct error *error);
    int (*add_seen)(void *context, const struct language_tokens *seen, uint32_t count, struct error *error);
    double *model_seconds; /* if set: what the run spends in model code is added (wall clock) */
};

/* Where a run keeps how far it came (model/checkpoint.h). */
struct run_checkpoints {
    const char *identity; /* of the run and what it is made of; shorter than CHECKPOINT_IDENTITY_SIZE */
    const char *load;     /* checkpoint to go on from; NULL: from the first step */
    const char *save;     /* where checkpoints go, each in the place of the one before */
    uint64_t steps;       /* one every so many steps, behind all that the step tells; 0: none */
};

/* Resident memory of a worker at most, when it trains with this setup and the threads of omp_get_max_threads(): the
 * process, the model, and a batch. Shards are mapped and let go of. 0: impossible setup. */
size_t run_memory_bytes(const struct model_setup *setup);

/* Trains a run from its first step, or the one behind its checkpoint, to its last. Curve points every spec->curve_steps
 * and at the last step, evaluations of every test set every spec->evaluation_steps and at the last step, what was seen
 * of each language at the end. A run that goes on from a checkpoint tells what one that was never stopped tells behind
 * that step, bit by bit. checkpoints may be NULL: none. Fails when a shard or the checkpoint is missing or wrong,
 * memory is short, or the loss or gradient is no longer finite (the step is named). */
int run_train(const struct run_spec *spec, const struct run_checkpoints *checkpoints, const struct run_sink *sink,
              struct error *error);

#endif
