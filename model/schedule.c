#include "model/schedule.h"

#include <math.h>

/* Steps over which the learning rate falls. */
static double decay_steps_of(uint64_t steps, double decay_fraction) {
    return floor(decay_fraction * (double)steps + 0.5);
}

uint64_t schedule_constant_steps(uint64_t steps, double decay_fraction) {
    return steps - (uint64_t)decay_steps_of(steps, decay_fraction);
}

double schedule_learning_rate(const struct learning_rate_schedule *schedule, uint64_t step) {
    const double decay_steps = decay_steps_of(schedule->steps, schedule->decay_fraction);
    const double left = (double)(schedule->steps - step); /* steps from this one to the end, this one counted */
    double rate = schedule->base;
    if (step < schedule->warmup_steps)
        rate *= (double)(step + 1) / (double)schedule->warmup_steps;
    if (left < decay_steps) /* a run too short for both warms up and decays at once */
        rate *= left / decay_steps;
    return rate;
}
