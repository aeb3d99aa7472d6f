#include "orchestrator/simulate.h"

#include "orchestrator/schedule.h"

#include <math.h>
#include <stdlib.h>

struct end {
    double time;
    uint32_t run;
};

/* The ends that are to come, a heap: ends[0] is the first, ends[i] before ends[2 i + 1] and ends[2 i + 2]. */
struct ends {
    struct end *ends;
    size_t count;
};

static bool comes_before(const struct end *a, const struct end *b) {
    return a->time < b->time || (a->time == b->time && a->run < b->run);
}

static void push(struct ends *heap, struct end end) {
    size_t place = heap->count++;
    for (; place > 0 && comes_before(&end, &heap->ends[(place - 1) / 2]); place = (place - 1) / 2)
        heap->ends[place] = heap->ends[(place - 1) / 2];
    heap->ends[place] = end;
}

static struct end pop(struct ends *heap) {
    const struct end first = heap->ends[0], last = heap->ends[--heap->count];
    size_t place = 0;
    for (size_t child; (child = 2 * place + 1) < heap->count; place = child) {
        child += child + 1 < heap->count && comes_before(&heap->ends[child + 1], &heap->ends[child]);
        if (!comes_before(&heap->ends[child], &last))
            break;
        heap->ends[place] = heap->ends[child];
    }
    heap->ends[place] = last;
    return first;
}

/* Does all runs; returns when the last has ended. */
static double run_all(struct schedule *schedule, struct ends *heap, uint32_t workers, double speed) {
    uint32_t idle = workers;
    double now = 0;
    for (;;) {
        for (int64_t run; (run = schedule_next(schedule, idle, now)) != SCHEDULE_NOTHING_READY;) {
            const uint32_t ranks = schedule_ranks(schedule, (uint32_t)run);
            push(heap, (struct end){now + schedule->plan->runs[run].flops / (speed * ranks), (uint32_t)run});
            idle -= ranks;
        }
        if (heap->count == 0)
            return now;
        const struct end end = pop(heap);
        now = end.time;
        idle += schedule_ranks(schedule, end.run);
        schedule_set(schedule, end.run, RUN_DONE, now);
    }
}

int simulate(const struct plan *plan, uint32_t workers, double speed, struct simulation *simulation,
             struct error *error) {
    struct schedule schedule;
    *simulation = (struct simulation){0};
    if (schedule_make(&schedule, plan, error) != 0)
        return -1;
    schedule.ranks_most = workers;
    struct ends heap = {.ends = malloc(plan->count * sizeof *heap.ends)};
    if (!heap.ends) {
        schedule_free(&schedule);
        return error_set(error, ERROR_FAILED, "no memory for a simulation of %zu runs", plan->count);
    }
    double flops = 0;
    for (size_t run = 0; run < plan->count; run++)
        flops += plan->runs[run].flops;
    const double spread = flops / (speed * workers);
    if (plan->count > 0) {
        simulation->critical_run = schedule.order[0];
        simulation->critical_path = schedule.chains[schedule.order[0]] / speed;
    }
    simulation->lower_bound = fmax(simulation->critical_path, spread);
    simulation->makespan = run_all(&schedule, &heap, workers, speed);
    if (simulation->makespan > 0)
        simulation->utilisation = fmin(spread / simulation->makespan, 1); /* but for rounding */
    free(heap.ends);
    schedule_free(&schedule);
    return 0;
}
