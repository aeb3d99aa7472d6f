#include "orchestrator/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_cost(const void *left, const void *right, void *of_runs) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const double *costs = of_runs;
    if (costs[a] != costs[b])
        return costs[a] > costs[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

static void find_costs(struct schedule *schedule) {
    for (size_t i = 0; i < schedule->plan->count; i++) {
        double cost = 0;
        for (int64_t run = (int64_t)i; run != WAITS_FOR_NOTHING; run = schedule->plan->runs[run].waits_for) {
            cost += schedule->plan->runs[run].flops;
            if (schedule->costs[run] < cost)
                schedule->costs[run] = cost;
        }
    }
}

int schedule_make(struct schedule *schedule, const struct plan *plan, struct error *error) {
    memset(schedule, 0, sizeof *schedule);
    schedule->plan = plan;
    schedule->costs = calloc(plan->count, sizeof *schedule->costs);
    schedule->order = malloc(plan->count * sizeof *schedule->order);
    schedule->status = calloc(plan->count, sizeof *schedule->status);
    schedule->again = calloc(plan->count, sizeof *schedule->again);
    schedule->begun = calloc(plan->count, sizeof *schedule->begun);
    schedule->running = malloc(plan->count * sizeof *schedule->running);
    if (!schedule->costs || !schedule->order || !schedule->status || !schedule->again || !schedule->begun ||
        !schedule->running) {
        schedule_free(schedule);
        return error_set(error, ERROR_FAILED, "no memory for a schedule of %zu runs", plan->count);
    }
    for (size_t i = 0; i < plan->count; i++)
        schedule->order[i] = (uint32_t)i;
    find_costs(schedule);
    qsort_r(schedule->order, plan->count, sizeof *schedule->order, compare_cost, schedule->costs);
    schedule->counts[RUN_WAITING] = plan->count;
    schedule->ranks_most = 1;
    return 0;
}

void schedule_free(struct schedule *schedule) {
    free(schedule->costs);
    free(schedule->order);
    free(schedule->status);
    free(schedule->again);
    free(schedule->begun);
    free(schedule->running);
    memset(schedule, 0, sizeof *schedule);
}

uint32_t schedule_ranks(const struct schedule *schedule, uint32_t run) {
    uint32_t ranks = schedule->plan->runs[run].ranks;
    while (ranks > schedule->ranks_most && ranks > 1)
        ranks /= 2;
    return ranks;
}

static void forget_running(struct schedule *schedule, uint32_t run) {
    const size_t last = schedule->counts[RUN_RUNNING] - 1;
    for (size_t i = 0; i < last; i++)
        if (schedule->running[i] == run)
            schedule->running[i] = schedule->running[last];
}

void schedule_set(struct schedule *schedule, uint32_t run, enum run_status status, double now) {
    if (schedule->status[run] == RUN_RUNNING) {
        forget_running(schedule, run);
        if (status == RUN_DONE) {
            schedule->flops += schedule->plan->runs[run].flops;
            schedule->seconds += schedule_ranks(schedule, run) * (now - schedule->begun[run]);
        }
    }
    schedule->counts[schedule->status[run]]--;
    if (status == RUN_RUNNING) {
        schedule->running[schedule->counts[RUN_RUNNING]] = run;
        schedule->begun[run] = now;
    }
    if (status == RUN_WAITING)
        schedule->first = 0;
    schedule->counts[status]++;
    schedule->status[run] = status;
}

void schedule_try_again(struct schedule *schedule, uint32_t run, double now) {
    schedule->again[run] = true;
    schedule_set(schedule, run, RUN_WAITING, now);
}

static bool is_ready(const struct schedule *schedule, uint32_t run) {
    const int64_t needed = schedule->plan->runs[run].waits_for;
    return schedule->status[run] == RUN_WAITING &&
           (needed == WAITS_FOR_NOTHING || schedule->status[needed] == RUN_DONE);
}

/* Seconds that a run takes, going by those that have ended; infinite while none has. */
static double expected_seconds(const struct schedule *schedule, uint32_t run) {
    const double seconds = schedule->plan->runs[run].flops / schedule_ranks(schedule, run);
    return schedule->flops > 0 ? seconds * (schedule->seconds / schedule->flops) : INFINITY;
}

/* When so many ranks will be idle that `needed` can begin: the earliest end of a running run that leaves as many. */
static double time_of_ranks(const struct schedule *schedule, uint32_t idle, uint32_t needed, double now) {
    const size_t count = schedule->counts[RUN_RUNNING];
    double time = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const uint32_t last = schedule->running[i];
        const double end = schedule->begun[last] + expected_seconds(schedule, last);
        uint32_t free_then = idle;
        for (size_t k = 0; k < count; k++) {
            const uint32_t run = schedule->running[k];
            if (schedule->begun[run] + expected_seconds(schedule, run) <= end)
                free_then += schedule_ranks(schedule, run);
        }
        if (free_then >= needed && end < time)
            time = end;
    }
    return time > now ? time : now;
}

/* The first in the order that may start; again: of those that have failed before, or of the others. */
static int64_t find(const struct schedule *schedule, bool again, uint32_t idle, double now) {
    bool blocked = false; /* by a run that waits for ranks until */
    double until = 0;
    for (size_t i = schedule->first; i < schedule->plan->count; i++) {
        const uint32_t run = schedule->order[i], ranks = schedule_ranks(schedule, run);
        if (schedule->again[run] != again || !is_ready(schedule, run))
            continue;
        if (ranks <= idle && (!blocked || now + expected_seconds(schedule, run) <= until))
            return run;
        if (ranks > idle && !blocked) {
            blocked = true;
            until = schedule->flops > 0 ? time_of_ranks(schedule, idle, ranks, now) : now;
        }
    }
    return SCHEDULE_NOTHING_READY;
}

int64_t schedule_next(struct schedule *schedule, uint32_t idle, double now) {
    const size_t count = schedule->plan->count;
    while (schedule->first < count && schedule->status[schedule->order[schedule->first]] != RUN_WAITING)
        schedule->first++;
    if (idle == 0)
        return SCHEDULE_NOTHING_READY;
    int64_t run = find(schedule, false, idle, now);
    if (run == SCHEDULE_NOTHING_READY)
        run = find(schedule, true, idle, now);
    if (run != SCHEDULE_NOTHING_READY)
        schedule_set(schedule, (uint32_t)run, RUN_RUNNING, now);
    return run;
}
