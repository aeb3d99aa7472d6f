/* A study file, read, checked and resolved: every default filled in, every path made good.
 *
 * One table of keys (study_keys.c) drives parsing, checks, defaults and docs/study-files.md. Paths in a study file are
 * relative to the folder of the study file, so that the same command means the same archive from anywhere. */
#ifndef SWEEP_ORCHESTRATOR_STUDY_H
#define SWEEP_ORCHESTRATOR_STUDY_H

#include "base/file.h"
#include "base/record.h"
#include "corpus/encode.h"
#include "corpus/mixture.h"
#include "corpus/synthetic.h"
#include "corpus/vocabulary.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct study_size {
    char name[32]; /* "scale 0", or the name given */
    int32_t scale; /* published scale; -1: own dimensions */
    struct model_shape shape;
    uint64_t tokens; /* of a run of this size: its own, or those of training */
    uint32_t batch;
    uint32_t ranks; /* that train a run together, whose batch is cut; 0: one trains it, and the batch is not */
};

/* A mixture: the languages of a run, and by which rule their weights follow (corpus/mixture.h). */
struct study_mixture {
    char name[64]; /* "en", "en+fr", or the name given */
    uint32_t language_count;
    uint32_t *languages; /* [language_count] indices into the languages of the study */
    struct mixture_rule rule;
    double *given; /* [language_count] weights (sum 1), or the fixed shares of Unimax */
};

/* One entry of `runs`: a kind, its mixtures, and the sizes they are trained at. */
struct study_group {
    char kind[24];   /* "monolingual", "bilingual", "multilingual", "finetune", "monolingual-own", "cooldown" */
    char name[32];   /* that of the kind, or the name given */
    uint64_t tokens; /* of a run; 0: those of its size */
    uint64_t seed;   /* that of training, or the group's own */
    char from[64];   /* of finetune: the multilingual mixture whose runs, each of the same size, are begun from; of
                      * cooldown: the group whose runs, each of the same mixture and size, are gone on from */
    uint32_t mixture_count, size_count;
    struct study_mixture *mixtures;
    uint32_t *sizes; /* [size_count] indices into the sizes of the study */
};

struct study {
    char name[64];
    char path[FILE_PATH_SIZE];    /* of the study file */
    char archive[FILE_PATH_SIZE]; /* the HDF5 file; the journal lies beside it with ".journal" behind its name */
    char *file;                   /* the text of the study file */

    uint32_t language_count;
    char (*languages)[LANGUAGE_CODE_SIZE];
    uint64_t *train_tokens; /* [language_count] of the shards; 0: not known, there is none yet (prepare_corpus) */

    char text_folder[FILE_PATH_SIZE];
    char tokens_folder[FILE_PATH_SIZE];   /* vocabulary.model and the shards; made from the text where missing */
    char parallel_folder[FILE_PATH_SIZE]; /* of the parallel set; "": there is none */
    bool synthetic;                       /* text is made by corpus/synthetic.h */
    struct synthetic_settings synthetic_settings;
    struct synthetic_language *synthetic_languages; /* [language_count] or NULL */
    struct vocabulary_settings vocabulary;
    struct encode_settings encode;

    uint32_t size_count;
    struct study_size *sizes;

    uint32_t sequence, micro_batch;
    uint64_t warmup_steps;
    double decay_fraction;
    struct model_optimizer optimizer;
    double dropout;
    enum model_precision precision;
    uint64_t seed;
    uint64_t curve_tokens; /* a curve point every so many tokens */

    double checkpoint_minutes;
    uint64_t checkpoint_steps; /* 0: by minutes alone */
    bool checkpoint_keep;      /* the last of every run */

    uint32_t retries;           /* of a run that failed */
    double retry_learning_rate; /* factor on the learning rate of the next attempt, when a run diverged */

    uint64_t evaluation_every_tokens, evaluation_tokens;
    bool *evaluated;         /* [language_count] whether models are tested on a language */
    double reference_tokens; /* d of the bilingual transfer score */

    uint32_t group_count;
    struct study_group *groups;
};

/* Tokens that a run of a group and size is given. */
static inline uint64_t study_run_tokens(const struct study_group *group, const struct study_size *size) {
    return group->tokens ? group->tokens : size->tokens;
}

/* Runs with the vocabulary of their language alone have shards of their own. */
#define STUDY_OWN_VOCABULARY "monolingual-own"
static inline bool study_group_is_own(const struct study_group *group) {
    return strcmp(group->kind, STUDY_OWN_VOCABULARY) == 0;
}

/* The folder of vocabulary and shards of a language with its own vocabulary: <tokens>/own/<language>. */
int study_own_folder(const struct study *study, uint32_t language, char path[FILE_PATH_SIZE], struct error *error);

/* Reads and checks a study file. All mistakes are found before it fails: each is written as a line
 * "sweep: FILE:LINE:COL: what is wrong; what would be right" to `mistakes` (standard error; NULL: nowhere), and the
 * error counts them. */
int study_read(const char *path, struct study *study, FILE *mistakes, struct error *error);

/* The same for the text of a study file that came out of another file, path; text becomes the study's, or is freed. */
int study_parse(const char *path, char *text, size_t size, struct study *study, FILE *mistakes, struct error *error);
void study_free(struct study *study);

/* Every resolved setting that a result depends on, a line "key: value" each, in a fixed order: two studies give the
 * same results when their texts are the same (and the text of the languages is). The caller frees it; NULL: no memory.
 */
char *study_settings(const struct study *study);

/* Writes docs/study-files.md from the table of keys. */
int study_write_reference(FILE *file);

#endif
