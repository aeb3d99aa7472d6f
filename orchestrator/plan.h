/* The plan: every run of a study, what it costs and what it waits for, in the order of the study file. */
#ifndef SWEEP_ORCHESTRATOR_PLAN_H
#define SWEEP_ORCHESTRATOR_PLAN_H

#include "base/checksum.h"
#include "orchestrator/study.h"
#include "worker/run_spec.h"

#include <stddef.h>

enum { WAITS_FOR_NOTHING = -1 };

struct planned_run {
    uint32_t group, mixture, size; /* indices into the study */
    uint32_t ranks;                /* that train it together */
    uint64_t steps, tokens;        /* tokens = steps * batch * sequence */
    double flops;                  /* of training and evaluation, but for shared steps */
    size_t memory_bytes;           /* resident, of a worker at most */
    int64_t waits_for;             /* number of the run that it begins from, or WAITS_FOR_NOTHING; no circle */
    uint64_t start_step;           /* of the checkpoint of that run */
    uint64_t shared_steps;         /* steps that it has from that run: it goes on behind them; 0: it begins anew */
    int64_t first_waiting;         /* a run that begins from it, and of each such run the next; */
    int64_t next_waiting;          /* behind the last WAITS_FOR_NOTHING */
    double *weights;               /* [languages of the mixture], sum 1; NULL before plan_identify */
    char identity[IDENTITY_SIZE];  /* hash of its resolved specification: kind, mixture, size, training, seed */
};

struct plan {
    size_t count;
    struct planned_run *runs;
};

/* Resolves a study into its runs: groups in the order of the file, in each mixture after mixture, in each of these size
 * after size. */
int plan_make(const struct study *study, struct plan *plan, struct error *error);
void plan_free(struct plan *plan);

/* Gives every run the weights of its mixture and its identity. Both may follow from how many training tokens the
 * languages have (study->train_tokens), and so are known when the shards are. */
int plan_identify(const struct study *study, struct plan *plan, struct error *error);

/* Tokens that a run does not share with the one that it goes on from. */
uint64_t plan_own_tokens(const struct planned_run *run);

/* Where the checkpoint lies that a run begins from. */
void plan_start_path(const struct study *study, const struct planned_run *run, char path[FILE_PATH_SIZE]);

/* The languages that a run is evaluated on, in the order of the study: those of its mixture, or of a finetuned run all;
 * without those that the study does not evaluate. languages [LANGUAGES_MAX] receives their indices. Returns how many.
 */
uint32_t plan_tests(const struct study *study, const struct planned_run *run, uint32_t *languages);

/* An interval in tokens (of evaluation, of the curve) as steps of a size: to the nearest, at least one. */
uint64_t plan_interval_steps(const struct study *study, const struct study_size *size, uint64_t tokens);

/* The steps, ascending, behind which a run keeps a checkpoint: for runs that begin from it, until these are done, and
 * the last if the study says so. Returns how many. */
uint32_t plan_kept(const struct study *study, const struct plan *plan, size_t run, uint64_t steps[RUN_KEPT_MAX]);

/* The specification of a run, identified, for a worker alone; for several, the caller adds which they are. spec is
 * large: the caller owns it. */
void plan_spec(const struct study *study, const struct plan *plan, size_t run, uint32_t attempt, struct run_spec *spec);

#endif
