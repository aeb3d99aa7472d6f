#include "orchestrator/schedule.h"

#include <stdlib.h>
#include <string.h>

static int compare_cost(const void *left, const void *right, void *plan) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct planned_run *runs = ((const struct plan *)plan)->runs;
    if (runs[a].flops != runs[b].flops)
        return runs[a].flops > runs[b].flops ? -1 : 1;
    return a < b ? -1 : 1;
}

int schedule_make(struct schedule *schedule, const struct plan *plan, struct error *error) {
    memset(schedule, 0, sizeof *schedule);
    schedule->plan = plan;
    schedule->order = malloc(plan->count * sizeof *schedule->order);
    schedule->status = calloc(plan->count, sizeof *schedule->status);
    if (!schedule->order || !schedule->status) {
        schedule_free(schedule);
        return error_set(error, ERROR_FAILED, "no memory for a schedule of %zu runs", plan->count);
    }
    for (size_t i = 0; i < plan->count; i++)
        schedule->order[i] = (uint32_t)i;
    qsort_r(schedule->order, plan->count, sizeof *schedule->order, compare_cost, (void *)plan);
    schedule->counts[RUN_WAITING] = plan->count;
    return 0;
}

void schedule_free(struct schedule *schedule) {
    free(schedule->order);
    free(schedule->status);
    memset(schedule, 0, sizeof *schedule);
}

void schedule_set(struct schedule *schedule, uint32_t run, enum run_status status) {
    schedule->counts[schedule->status[run]]--;
    schedule->counts[status]++;
    schedule->status[run] = status;
}

int64_t schedule_next(struct schedule *schedule) {
    const size_t count = schedule->plan->count;
    while (schedule->first < count && schedule->status[schedule->order[schedule->first]] != RUN_WAITING)
        schedule->first++;
    for (size_t i = schedule->first; i < count; i++) {
        const uint32_t run = schedule->order[i];
        const int64_t needed = schedule->plan->runs[run].waits_for;
        if (schedule->status[run] == RUN_WAITING &&
            (needed == WAITS_FOR_NOTHING || schedule->status[needed] == RUN_DONE)) {
            schedule_set(schedule, run, RUN_RUNNING);
            return run;
        }
    }
    return SCHEDULE_NOTHING_READY;
}
