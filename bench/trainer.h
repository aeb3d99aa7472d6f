/* How fast the trainer is on this machine: training steps of fixed cases against the peak of the same run.
 *
 *   bench_peak -> bench_trainer (a case) -> bench_worker (a whole run)
 *
 * A step is what a run does: batch from a shard, forward, loss, backward, clip, AdamW. The shards hold random tokens
 * and lie in a folder for temporary files while a case is measured. Numbers depend on what else the machine does. */
#ifndef SWEEP_BENCH_TRAINER_H
#define SWEEP_BENCH_TRAINER_H

#include "base/error.h"
#include "model/model.h"

struct bench_case {
    const char *name;
    struct model_shape shape;
    uint32_t batch, sequence; /* B, T */
    int rounds;               /* steps of each kind that are measured, behind one that warms up; odd, at most 5 */
};

struct bench_result {
    double tokens_per_second; /* of the median step, without dropout */
    double gflops;            /* by model_flops_per_token, 1e9 a second */
    double peak_memory_bytes; /* resident memory of the process, at most; NAN: the system does not tell */
    double dropout_cost;      /* of the study's dropout: time of a step with it over one without, - 1 */
    double scaling;           /* time of a step with one thread over one with all; NAN: there is one only */
};

/* The case of the published table with this number: nano, scale0, scale3, scale8. */
enum { BENCH_CASES = 4 };
struct bench_case bench_case_at(int number);

/* What all threads do with the instructions that the chosen kernels have for a precision, best of many short times,
 * GFLOP/s (1e9 a second). */
struct bench_peak {
    double gflops;        /* multiply-adds in registers */
    double cached_gflops; /* products whose operands stay in the nearest cache: what training cannot exceed */
};

/* About two seconds. */
int bench_peak(enum model_precision precision, struct bench_peak *peak, struct error *error);

/* Measures the steps of a case. Needs the memory of two models, without and with dropout: plain steps, steps with
 * dropout and steps with one thread take turns, so that a change of the machine's speed falls on all. */
int bench_trainer(const struct bench_case *measured, enum model_precision precision, struct bench_result *result,
                  struct error *error);

/* Trains a case for a few steps as a worker does, one evaluation of 1 % of its tokens included: share of its time that
 * is spent in model code. */
int bench_worker(const struct bench_case *measured, enum model_precision precision, double *model_share,
                 struct error *error);

#endif
