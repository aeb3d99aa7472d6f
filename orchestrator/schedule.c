#include "orchestrator/schedule.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(1 << (SCHEDULE_WIDTHS - 1) == RUN_RANKS_MAX, "a tree for every number of ranks");

/* ---- the order ---- */

static int compare_chains(const void *left, const void *right, void *chains) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const double *chain = chains;
    if (chain[a] != chain[b])
        return chain[a] > chain[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

/* From every run along those that it waits for. */
static void find_chains(struct schedule *schedule) {
    const struct planned_run *runs = schedule->plan->runs;
    const int64_t count = (int64_t)schedule->plan->count;
    for (int64_t run = 0; run < count; run++) {
        const int64_t needed = runs[run].waits_for;
        schedule->chains[run] = runs[run].flops / runs[run].ranks;
        if (needed != WAITS_FOR_NOTHING) {
            schedule->sibling[run] = schedule->waiting[needed];
            schedule->waiting[needed] = run;
        }
    }
    for (int64_t last = 0; last < count; last++)
        for (int64_t run = last, needed; (needed = runs[run].waits_for) != WAITS_FOR_NOTHING; run = needed) {
            const double chain = runs[needed].flops / runs[needed].ranks + schedule->chains[run];
            schedule->chains[needed] = fmax(schedule->chains[needed], chain);
        }
}

static void find_order(struct schedule *schedule) {
    const size_t count = schedule->plan->count;
    for (size_t run = 0; run < count; run++)
        schedule->order[run] = (uint32_t)run;
    qsort_r(schedule->order, count, sizeof *schedule->order, compare_chains, schedule->chains);
    for (size_t place = 0; place < count; place++)
        schedule->places[schedule->order[place]] = (uint32_t)place;
}

/* ---- ready runs ---- */

static uint32_t width_of(uint32_t ranks) {
    uint32_t width = 0;
    while (1U << width < ranks)
        width++;
    return width;
}

static uint32_t ranks_at_most(const struct schedule *schedule, uint32_t ranks) {
    while (ranks > schedule->ranks_most && ranks > 1)
        ranks /= 2;
    return ranks;
}

uint32_t schedule_ranks(const struct schedule *schedule, uint32_t run) {
    return ranks_at_most(schedule, schedule->plan->runs[run].ranks);
}

/* Makes room for the trees of the numbers of ranks that there are; nothing is ready. */
static int make_trees(struct schedule *schedule) {
    const size_t count = schedule->plan->count;
    schedule->leaves = 1;
    while (schedule->leaves < 2 * count)
        schedule->leaves *= 2;
    for (size_t run = 0; run < count; run++) {
        double **tree = &schedule->ready[width_of(schedule->plan->runs[run].ranks)];
        if (*tree)
            continue;
        *tree = malloc(2 * schedule->leaves * sizeof **tree);
        if (!*tree)
            return -1;
        for (size_t node = 0; node < 2 * schedule->leaves; node++)
            (*tree)[node] = INFINITY;
    }
    return 0;
}

/* Puts a run among those that are ready, or takes it out. */
static void update_ready(struct schedule *schedule, uint32_t run) {
    const struct planned_run *planned = &schedule->plan->runs[run];
    const int64_t needed = planned->waits_for;
    const bool ready =
        schedule->status[run] == RUN_WAITING && (needed == WAITS_FOR_NOTHING || schedule->status[needed] == RUN_DONE);
    double *tree = schedule->ready[width_of(planned->ranks)];
    size_t node = schedule->leaves + schedule->places[run] + (schedule->again[run] ? schedule->plan->count : 0);
    tree[node] = ready ? planned->flops : INFINITY;
    for (node /= 2; node > 0; node /= 2)
        tree[node] = fmin(tree[2 * node], tree[2 * node + 1]);
}

/* The first leaf of at most so many FLOPs, or so many leaves as there are. */
static size_t first_ready(const struct schedule *schedule, const double *tree, double flops) {
    size_t node = 1;
    if (!tree || !(tree[node] <= flops))
        return schedule->leaves;
    while (node < schedule->leaves)
        node = tree[2 * node] <= flops ? 2 * node : 2 * node + 1;
    return node - schedule->leaves;
}

/* ---- what becomes of runs ---- */

int schedule_make(struct schedule *schedule, const struct plan *plan, struct error *error) {
    const size_t count = plan->count;
    memset(schedule, 0, sizeof *schedule);
    schedule->plan = plan;
    schedule->chains = calloc(count, sizeof *schedule->chains);
    schedule->places = calloc(count, sizeof *schedule->places);
    schedule->order = calloc(count, sizeof *schedule->order);
    schedule->waiting = malloc(count * sizeof *schedule->waiting);
    schedule->sibling = malloc(count * sizeof *schedule->sibling);
    schedule->status = calloc(count, sizeof *schedule->status);
    schedule->again = calloc(count, sizeof *schedule->again);
    schedule->running = malloc(count * sizeof *schedule->running);
    schedule->slots = calloc(count, sizeof *schedule->slots);
    if (!schedule->chains || !schedule->places || !schedule->order || !schedule->waiting || !schedule->sibling ||
        !schedule->status || !schedule->again || !schedule->running || !schedule->slots || make_trees(schedule) != 0) {
        schedule_free(schedule);
        return error_set(error, ERROR_FAILED, "no memory for a schedule of %zu runs", count);
    }
    memset(schedule->waiting, -1, count * sizeof *schedule->waiting);
    memset(schedule->sibling, -1, count * sizeof *schedule->sibling);
    find_chains(schedule);
    find_order(schedule);
    for (size_t run = 0; run < count; run++)
        update_ready(schedule, (uint32_t)run);
    schedule->counts[RUN_WAITING] = count;
    schedule->ranks_most = 1;
    return 0;
}

void schedule_free(struct schedule *schedule) {
    free(schedule->chains);
    free(schedule->places);
    free(schedule->order);
    free(schedule->waiting);
    free(schedule->sibling);
    free(schedule->status);
    free(schedule->again);
    free(schedule->running);
    free(schedule->slots);
    for (int width = 0; width < SCHEDULE_WIDTHS; width++)
        free(schedule->ready[width]);
    memset(schedule, 0, sizeof *schedule);
}

static void add_running(struct schedule *schedule, uint32_t run, double now) {
    const uint32_t ranks = schedule_ranks(schedule, run);
    schedule->slots[run] = (uint32_t)schedule->counts[RUN_RUNNING];
    schedule->running[schedule->slots[run]] = (struct schedule_running){
        .run = run, .ranks = ranks, .begun = now, .cost = schedule->plan->runs[run].flops / ranks};
}

static void remove_running(struct schedule *schedule, uint32_t run) {
    const struct schedule_running *last = &schedule->running[schedule->counts[RUN_RUNNING] - 1];
    schedule->slots[last->run] = schedule->slots[run];
    schedule->running[schedule->slots[run]] = *last;
}

void schedule_set(struct schedule *schedule, uint32_t run, enum run_status status, double now) {
    if (schedule->status[run] == RUN_RUNNING) {
        const struct schedule_running *running = &schedule->running[schedule->slots[run]];
        if (status == RUN_DONE) {
            schedule->flops += running->cost * running->ranks;
            schedule->seconds += running->ranks * (now - running->begun);
        }
        remove_running(schedule, run);
    }
    schedule->counts[schedule->status[run]]--;
    if (status == RUN_RUNNING)
        add_running(schedule, run, now);
    schedule->counts[status]++;
    schedule->status[run] = status;
    update_ready(schedule, run);
    for (int64_t after = schedule->waiting[run]; status == RUN_DONE && after >= 0; after = schedule->sibling[after])
        update_ready(schedule, (uint32_t)after);
}

void schedule_try_again(struct schedule *schedule, uint32_t run, double now) {
    schedule->again[run] = true;
    schedule_set(schedule, run, RUN_WAITING, now);
}

/* ---- the next ---- */

/* Ranks are kept for a run until it can begin, at the earliest. */
struct reservation {
    double seconds; /* from now */
    uint32_t spare; /* ranks that it will leave then */
};

/* Seconds that a rank needs for a FLOP. While no run has ended all have just begun, and only ratios count. */
static double seconds_of_flop(const struct schedule *schedule) {
    return schedule->flops > 0 ? schedule->seconds / schedule->flops : 1;
}

/* When so many ranks will be idle that `needed` can begin: each run that ends frees one at least, so the first
 * RUN_RANKS_MAX ends are enough. */
static struct reservation reserve(const struct schedule *schedule, uint32_t idle, uint32_t needed, double now) {
    const struct schedule_running *first[RUN_RANKS_MAX];
    double ends[RUN_RANKS_MAX], speed = seconds_of_flop(schedule);
    uint32_t count = 0;
    for (size_t i = 0; i < schedule->counts[RUN_RUNNING]; i++) {
        const struct schedule_running *running = &schedule->running[i];
        const double end = running->begun + running->cost * speed;
        if (count == RUN_RANKS_MAX && end >= ends[count - 1])
            continue;
        uint32_t place = count < RUN_RANKS_MAX ? count++ : count - 1;
        for (; place > 0 && ends[place - 1] > end; place--) {
            ends[place] = ends[place - 1];
            first[place] = first[place - 1];
        }
        ends[place] = end;
        first[place] = running;
    }
    for (uint32_t i = 0; i < count; i++) {
        idle += first[i]->ranks;
        if (idle >= needed)
            return (struct reservation){fmax(ends[i] - now, 0), idle - needed};
    }
    return (struct reservation){0}; /* the ranks that it waits for are not here */
}

/* The first in order that asks for no more ranks than are idle and, where ranks are kept, does not hold that run up. */
static size_t find(const struct schedule *schedule, uint32_t idle, const struct reservation *kept) {
    size_t first = schedule->leaves;
    for (uint32_t width = 0; width < SCHEDULE_WIDTHS; width++) {
        const uint32_t ranks = ranks_at_most(schedule, 1U << width);
        if (ranks > idle)
            continue;
        const double flops = kept && ranks > kept->spare ? kept->seconds * ranks / seconds_of_flop(schedule) : DBL_MAX;
        const size_t place = first_ready(schedule, schedule->ready[width], flops);
        first = place < first ? place : first;
    }
    return first;
}

int64_t schedule_next(struct schedule *schedule, uint32_t idle, double now) {
    if (idle == 0)
        return SCHEDULE_NOTHING_READY;
    size_t place = find(schedule, UINT32_MAX, NULL);
    if (place == schedule->leaves)
        return SCHEDULE_NOTHING_READY;
    uint32_t run = schedule->order[place % schedule->plan->count];
    const uint32_t needed = schedule_ranks(schedule, run);
    if (needed > idle) {
        const struct reservation kept = reserve(schedule, idle, needed, now);
        place = find(schedule, idle, &kept);
        if (place == schedule->leaves)
            return SCHEDULE_NOTHING_READY;
        run = schedule->order[place % schedule->plan->count];
    }
    schedule_set(schedule, run, RUN_RUNNING, now);
    return run;
}
