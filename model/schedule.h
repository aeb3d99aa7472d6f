/* The learning rate over a run: warm-up, stable, decay (WSD), as in the study: linear warm-up, constant, linear decay
 * to zero over the last part of the steps. */
#ifndef SWEEP_MODEL_SCHEDULE_H
#define SWEEP_MODEL_SCHEDULE_H

#include <stdint.h>

struct learning_rate_schedule {
    double base;           /* learning rate of the constant part */
    uint64_t warmup_steps; /* step s < warmup_steps has base * (s + 1) / warmup_steps */
    uint64_t steps;        /* of the whole run */
    double decay_fraction; /* share of the steps at the end over which it falls linearly toward zero, 0 to 1 */
};

/* Steps before the decay. */
uint64_t schedule_constant_steps(uint64_t steps, double decay_fraction);

/* Learning rate of step 0 <= step < steps. */
double schedule_learning_rate(const struct learning_rate_schedule *schedule, uint64_t step);

#endif
