/* A run specification: one flat struct that says everything a worker needs to do one training run. It is sent as bytes
 * between processes of one binary. */
#ifndef SWEEP_WORKER_RUN_SPEC_H
#define SWEEP_WORKER_RUN_SPEC_H

#include "base/checksum.h"
#include "base/file.h"
#include "base/record.h"
#include "model/model.h"

#include <stdint.h>

enum {
    RUN_RANKS_MAX = MODEL_SHARDS_MAX, /* that train one run together */
    RUN_KEPT_MAX = 32,                /* checkpoints of one run that stay */
};

struct run_spec {
    uint32_t run;     /* number in the plan */
    uint32_t attempt; /* 1 for the first */
    uint64_t key;     /* seeds weights, dropout and the order of the data; derived from the run's identity */

    struct model_shape shape;
    uint32_t batch;       /* sequences of an optimizer step */
    uint32_t micro_batch; /* sequences of one gradient call: bounds the memory */
    uint32_t sequence;    /* T */
    uint32_t shards;      /* that the gradient of a batch is added up from (model.h); 0 or 1: it is not cut */
    uint64_t steps;
    uint64_t warmup_steps;
    double decay_fraction;
    struct model_optimizer optimizer; /* its learning rate is that of the constant part */
    float dropout;
    enum model_precision precision;

    uint32_t curve_steps;       /* a curve point every so many steps */
    uint64_t evaluation_steps;  /* an evaluation every so many steps, and at the end */
    uint64_t evaluation_tokens; /* predictions of a test set */

    char identity[IDENTITY_SIZE];    /* of the run and all that its numbers depend on */
    char checkpoint[FILE_PATH_SIZE]; /* where its checkpoints go; "": there are none */
    double checkpoint_seconds;       /* one every so many seconds and */
    uint64_t checkpoint_steps;       /* every so many steps; 0: not so */
    uint64_t resume_most;            /* steps of the checkpoint that it may go on from, at most: what is known of it */

    uint32_t kept_count;               /* checkpoints that stay: behind so many steps, */
    uint64_t kept_steps[RUN_KEPT_MAX]; /* these, ascending */

    char start[FILE_PATH_SIZE];         /* checkpoint that another run kept for this one; "": it begins at random */
    char start_identity[IDENTITY_SIZE]; /* of that run, */
    uint64_t start_step;                /* and its step */
    uint32_t continues;                 /* 1: it goes on from there as that run did; 0: it takes the weights alone */

    uint32_t ranks; /* that train the run together (worker/group.h), as many as shards at most; 0 or 1: one */
    int32_t members[RUN_RANKS_MAX]; /* which they are in the communicator; the first leads */
    uint32_t dispatch;              /* tells the messages of these members from those of others, earlier or later */

    char tokens_folder[FILE_PATH_SIZE];
    uint32_t language_count; /* of the mixture */
    uint32_t test_count;     /* languages to evaluate */
    uint32_t parallel;       /* 1: on the parallel set, too */
    double weights[LANGUAGES_MAX];
    char languages[LANGUAGES_MAX][LANGUAGE_CODE_SIZE];
    char tests[LANGUAGES_MAX][LANGUAGE_CODE_SIZE];
};

/* Evaluations at a time: every language on its test set, then every one on the parallel set. */
static inline uint32_t run_spec_evaluations(const struct run_spec *spec) {
    return spec->test_count * (1 + spec->parallel);
}

/* Shards of a batch: a batch that is not cut is one. */
static inline uint32_t run_spec_shards(const struct run_spec *spec) {
    return spec->shards ? spec->shards : 1;
}

#endif
