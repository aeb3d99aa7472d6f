/* What a run tells, as it travels: worker -> coordinator -> journal -> archive -> laws. Flat structs without pointers,
 * sent and stored as they are described here. Loss is in nats per token, learning rate in units of the optimizer. */
#ifndef SWEEP_BASE_RECORD_H
#define SWEEP_BASE_RECORD_H

#include <stdint.h>

enum {
    LANGUAGE_CODE_SIZE = 16, /* "en", "zh", "ckb" and their zero byte */
    LANGUAGES_MAX = 512,     /* languages of one study or one mixture */
};

/* One point of a training curve: the mean training loss of the steps since the point before it. */
struct curve_point {
    uint32_t run;
    uint32_t step;        /* optimizer steps done */
    uint64_t tokens;      /* tokens seen, of all languages */
    double learning_rate; /* of the last of those steps */
    double loss;          /* cross entropy, nats per token */
};

/* One evaluation of a model on one test set. */
struct loss_point {
    uint32_t run;
    uint32_t step;
    uint64_t tokens;                   /* tokens seen, of all languages */
    uint64_t tokens_target;            /* tokens seen of the language that is tested */
    char language[LANGUAGE_CODE_SIZE]; /* of the test set */
    char set[LANGUAGE_CODE_SIZE];      /* which test set: "test" or "parallel" */
    double cross_entropy;              /* nats per token */
    double unigram_normalised;         /* vocabulary-insensitive loss, nats per token, Tao et al. 2024 */
    double bits_per_byte;              /* bits per byte of the text */
};

/* What a run has seen of one language of its mixture. */
struct language_tokens {
    uint32_t run;
    char language[LANGUAGE_CODE_SIZE];
    double weight;          /* share of the mixture */
    uint64_t tokens;        /* seen, repetitions counted */
    uint64_t unique_tokens; /* seen, repetitions not counted */
    double epochs;          /* passes over the training text of the language */
};

#endif
