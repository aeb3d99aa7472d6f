/* What an archive holds of a study, as plain structs. This room stores them and knows no meaning beyond that. */
#ifndef SWEEP_HDF5_SCHEMA_STUDY_RECORD_H
#define SWEEP_HDF5_SCHEMA_STUDY_RECORD_H

#include "base/checksum.h"
#include "base/error.h"
#include "base/record.h"

#include <stddef.h>
#include <stdint.h>

enum { CAUSE_SIZE = 256, RESULT_STATE_SIZE = 16 };

enum run_status { RUN_WAITING = 0, RUN_RUNNING = 1, RUN_DONE = 2, RUN_FAILED = 3 };

/* "waiting", "running", "done" or "failed". */
const char *run_status_name(enum run_status status);

/* The study as a whole. Texts are UTF-8, zero-terminated. */
struct study_record {
    char *name;
    char *file;     /* the study file as the user wrote it */
    char *settings; /* every resolved setting, "key: value" lines; two studies are the same when these are */
    char *version;  /* of sweep that began the archive */
};

/* One run of the plan. */
struct run_record {
    uint32_t run;
    char identity[IDENTITY_SIZE]; /* hash of the resolved specification */
    char kind[24];                /* "monolingual", "bilingual", "multilingual" */
    char name[64];                /* mixture's name, or "en", "en+fr" */
    char size[32];                /* name of the model size: "scale 0", "small" */
    int32_t scale;                /* published scale, -1: own dimensions */
    uint32_t layers, width, heads, head_size, feed_forward, vocabulary;
    uint64_t parameters;
    uint32_t batch, sequence;
    char precision[8];      /* of matrix products: "fp32" or "bf16" */
    uint64_t steps, tokens; /* planned */
    double flops;
    uint64_t seed;
    uint32_t language_count;
    struct language_tokens *languages; /* [language_count]: weights, and what the planned steps will see of each */
};

/* What became of a run. */
struct run_outcome {
    uint32_t run;
    enum run_status status;
    uint32_t attempt;     /* 1 for the first */
    uint64_t resumed;     /* step of the checkpoint that it went on from; 0: none */
    uint64_t step;        /* steps done when it ended; running: those it begins behind */
    double learning_rate; /* of the attempt: that of the study, or less after one that diverged */
    uint32_t ranks, threads;
    char isa[16];
    double seconds;         /* wall clock of the attempt */
    double started;         /* seconds since 1970, UTC */
    char cause[CAUSE_SIZE]; /* why it failed, "" otherwise */
};

/* One bilingual transfer score, BTS(source -> target): the mean over the seeds with which its runs were trained. A
 * predicted one has no seeds, and neither reference_loss nor sigma (NaN). */
struct transfer_record {
    char source[LANGUAGE_CODE_SIZE], target[LANGUAGE_CODE_SIZE];
    char size[32];
    double d;              /* reference tokens of the monolingual run */
    double reference_loss; /* its loss there */
    double sigma;          /* total tokens at which the bilingual run reaches that loss; the last it saw for a bound */
    double bts;
    uint32_t seeds;
    double deviation;              /* standard deviation of bts over seeds; NaN: fewer than two */
    char state[RESULT_STATE_SIZE]; /* "measured", "bound" (of a seed never reached: bts is an upper bound), "predicted"
                                    */
};

/* One finetuning adaptation score, FAS(source -> target). */
struct adaptation_record {
    char source[LANGUAGE_CODE_SIZE], target[LANGUAGE_CODE_SIZE];
    char size[32];
    double d_max;     /* tokens of finetuning */
    double fas;       /* nats per token */
    double deviation; /* loss at d_max minus loss before finetuning */
};

/* Where the run of a language from scratch passes below its finetuned run. */
struct crossover_record {
    char size[32];
    char language[LANGUAGE_CODE_SIZE];
    uint64_t parameters;
    double tokens, low, high;      /* NaN unless measured; its interval */
    char state[RESULT_STATE_SIZE]; /* "measured", "later" or "earlier" */
};

/* One fitted law. */
struct law_parameter {
    char name[24];
    double value, standard_error; /* NaN: not determined */
};
struct law_record {
    char law[24];                      /* "chinchilla" */
    char language[LANGUAGE_CODE_SIZE]; /* target; "all" */
    char loss[24];                     /* which loss was fitted: "cross_entropy" */
    uint32_t points;
    double objective, r2;
    uint32_t parameter_count;
    struct law_parameter parameters[16];
};

/* Everything. Arrays grow with realloc; study_data_free frees them and every text. */
struct study_data {
    struct study_record study;
    size_t run_count, curve_count, loss_count, seen_count;
    size_t transfer_count, adaptation_count, crossover_count, law_count;
    struct run_record *runs;          /* by run */
    struct run_outcome *outcomes;     /* [run_count], by run */
    struct curve_point *curves;       /* by run, then step */
    struct loss_point *losses;        /* by run, step, language, set */
    struct language_tokens *seen;     /* by run, language: what finished runs saw */
    struct transfer_record *transfer; /* these four are not in the journal: they are worked out from the rest */
    struct adaptation_record *adaptation;
    struct crossover_record *crossovers;
    struct law_record *laws;
};

void study_data_free(struct study_data *data);

/* The finished run of a kind, first language and size: that of the seed, or else the first; NULL: there is none. */
const struct run_record *study_find_run(const struct study_data *data, const char *kind, const char *language,
                                        const char *size, uint64_t seed);

/* Brings curves, losses and seen tokens into the order that study_data asks for. */
void study_data_sort(struct study_data *data);

/* Fails, naming the first, when the data hold something that cannot be: a run out of range, points twice or out of
 * order, more steps than planned, an unknown status, a text without end, an integer above 2^53 (2^31 - 1 for 32 bit
 * ones, which languages without unsigned integers read too). where begins the message: the name of the file. */
int study_data_check(const struct study_data *data, const char *where, struct error *error);

#endif
