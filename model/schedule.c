#include "model/schedule.h"

#include <math.h>

double schedule_learning_rate(const struct learning_rate_schedule *schedule, uint64_t step) {
    const double decay_steps = floor(schedule->decay_fraction * (double)schedule->steps + 0.5);
    const double left = (double)(schedule->steps - step); /* steps from this one to the end, this one counted */
    double rate = schedule->base;
    if (step < schedule->warmup_steps)
        rate *= (double)(step + 1) / (double)schedule->warmup_steps;
    if (left < decay_steps) /* a run too short for both warms up and decays at once */
        rate *= left / decay_steps;
    return rate;
}
