/* A training run under way, as the files share it that do its parts:
 *
 *   training.c              what it holds, from opening to closing, and how much memory that is
 *   training_step.c         one step: gradient of a batch, what the members tell each other, update
 *   training_evaluate.c     its losses on the test sets
 *   training_checkpoints.c  where it begins or goes on, and what it leaves to go on from
 *   train.c                 the loop over steps, and what is told of them
 *
 * Every member of the group calls the same functions in the same order; -1 without an error: a member is lost. */
#ifndef SWEEP_WORKER_TRAINING_H
#define SWEEP_WORKER_TRAINING_H

#include "corpus/batches.h"
#include "corpus/test_set.h"
#include "worker/group.h"
#include "worker/train.h"

struct training {
    const struct run_spec *spec;
    const struct run_sink *sink;
    struct batches *batches;
    struct test_set *tests; /* [run_spec_evaluations] */
    uint32_t tests_open;
    struct group group;
    struct model *model;
    size_t owned[RUN_RANKS_MAX + 1]; /* bytes; member m has the moments of the parameters from there on, */
    size_t sums[RUN_RANKS_MAX + 1];  /* and the square sums */
    double *report; /* what the members tell each other in a step: the decision, losses of shards, square sums; */
    size_t reports[RUN_RANKS_MAX + 1]; /* bytes; member m's from there on */
    uint16_t *tokens;                  /* [micro_batch, T + 1] */
    float *losses;                     /* [members, micro_batch, T] */
    struct loss_point *points;         /* [run_spec_evaluations] */
    struct language_tokens *seen;      /* [language_count] */
    double model_seconds;              /* spent in model code so far */
    double saved;                      /* when the last checkpoint was taken, omp_get_wtime() */
};

int training_open(struct training *training, struct error *error);
void training_close(struct training *training); /* also after a training_open that failed */

/* Of the model that this member has. */
struct model_setup training_model_setup(struct training *training);

bool training_leads(const struct training *training);

/* The answer of the sink to stop or abandon; where it is not asked, no. */
bool training_told(const struct training *training, bool (*word)(void *context));

/* Brings what the other members own of an array of parameters; context: the training. */
int training_share_parameters(void *context, float *parameters);

/* ---- a step ---- */

/* What the leader says in a step, for what comes behind it: 0 or 1, but numbers, as the rest of a report. */
struct training_decision {
    double stop, save;
};

/* One optimizer step. *loss: mean of its batch, not finite when training has broken down; the same at all members, as
 * *decision. -1: a member is lost. */
int training_step(struct training *training, uint64_t step, float learning_rate, double *loss,
                  struct training_decision *decision);

/* ---- evaluation ---- */

int training_open_tests(struct training *training, struct error *error);
void training_close_tests(struct training *training);

/* Behind so many steps: tells the losses of every test set. */
int training_evaluate(struct training *training, uint64_t steps, struct error *error);

/* ---- checkpoints ---- */

/* Brings the model to where the run goes on: steps done, and the losses of those that no curve point has told. The
 * leader says from which checkpoint. */
int training_resume(struct training *training, uint64_t *steps, double *loss_sum, struct error *error);

/* A checkpoint; one that a full disk has no room for is left out: the run can go on from the one before. */
int training_save(struct training *training, uint64_t steps, double loss_sum, struct error *error);

/* The checkpoint of this step, if it is to stay. */
int training_keep(struct training *training, uint64_t steps, double loss_sum, struct error *error);

#endif
