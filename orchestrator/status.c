#include "orchestrator/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- speed ---- */

/* What the last attempt of a run did. */
struct work {
    double flops, tokens, seconds, cores;
};

/* The last step that each run has told of. */
static uint64_t *last_steps(const struct study_data *data) {
    uint64_t *steps = calloc(data->run_count + 1, sizeof *steps);
    for (size_t i = 0; steps && i < data->curve_count; i++) /* points are by run, then step */
        steps[data->curves[i].run] = data->curves[i].step;
    for (size_t r = 0; steps && r < data->run_count; r++)
        if (data->outcomes[r].status == RUN_DONE)
            steps[r] = data->runs[r].steps;
    return steps;
}

static struct work work_of(const struct study_data *data, size_t r, uint64_t step, double published) {
    const struct run_record *run = &data->runs[r];
    const struct run_outcome *outcome = &data->outcomes[r];
    const bool running = outcome->status == RUN_RUNNING;
    const double seconds = running ? published - outcome->started : outcome->seconds;
    const double first = (double)outcome->resumed, last = (double)(running ? step : outcome->step);
    const double share = last > first ? (last - first) / (double)run->steps : 0;
    if (outcome->status == RUN_WAITING)
        return (struct work){0};
    return (struct work){.flops = run->flops * share,
                         .tokens = (double)run->tokens * share,
                         .seconds = seconds > 0 ? seconds : 0,
                         .cores = outcome->ranks * outcome->threads};
}

double status_speed(const struct study_data *data, double published) {
    double flops = 0, core_seconds = 0;
    uint64_t *steps = last_steps(data);
    for (size_t r = 0; steps && r < data->run_count; r++) {
        const struct work work = work_of(data, r, steps[r], published);
        if (work.flops == 0 || work.seconds == 0)
            continue;
        flops += work.flops;
        core_seconds += work.seconds * work.cores;
    }
    free(steps);
    return core_seconds > 0 ? flops / core_seconds / 1e9 : NAN;
}

/* ---- runs and groups ---- */

static struct status_group *group_of(struct status *status, const struct run_record *run) {
    for (size_t g = 0; g < status->group_count; g++)
        if (strcmp(status->groups[g].kind, run->kind) == 0 && strcmp(status->groups[g].size, run->size) == 0)
            return &status->groups[g];
    struct status_group *group = &status->groups[status->group_count++];
    memcpy(group->kind, run->kind, sizeof group->kind);
    memcpy(group->size, run->size, sizeof group->size);
    return group;
}

static int64_t waits_for(const struct study_data *data, const struct plan *plan, size_t r) {
    const bool known = plan && plan->count == data->run_count && data->outcomes[r].status == RUN_WAITING;
    const int64_t needed = known ? plan->runs[r].waits_for : WAITS_FOR_NOTHING;
    return needed != WAITS_FOR_NOTHING && data->outcomes[needed].status != RUN_DONE ? needed : WAITS_FOR_NOTHING;
}

static void add_run(struct status *status, const struct study_data *data, size_t r, double published) {
    const struct run_record *run = &data->runs[r];
    struct status_run *known = &status->runs[r];
    struct status_group *group = group_of(status, run);
    const struct work work = work_of(data, r, known->step, published);
    const double left = (double)run->tokens * (1 - (double)known->step / (double)run->steps);
    const bool runs = data->outcomes[r].status == RUN_RUNNING;
    known->tokens_per_second = runs && work.tokens > 0 && work.seconds > 0 ? work.tokens / work.seconds : NAN;
    known->seconds_left = left / known->tokens_per_second;
    status->counts[data->outcomes[r].status]++;
    group->counts[data->outcomes[r].status]++;
    group->flops += run->flops;
    group->flops_done += run->flops * (double)known->step / (double)run->steps;
    status->core_seconds += work.seconds * work.cores;
    status->cores += runs ? work.cores : 0;
}

/* Work is shared out among cores, but a run cannot be done by more than train one. */
static void estimate(struct status *status, const struct study_data *data) {
    const double speed = status->gflops * 1e9;
    double longest = 0;
    for (size_t r = 0; r < data->run_count; r++)
        longest = fmax(longest, data->runs[r].flops * (1 - (double)status->runs[r].step / (double)data->runs[r].steps));
    status->core_seconds_left = (status->flops - status->flops_done) / speed;
    status->seconds_left = status->cores > 0
                               ? fmax(status->core_seconds_left / status->cores,
                                      longest / speed * (double)status->counts[RUN_RUNNING] / status->cores)
                               : NAN;
}

int status_make(const struct study_data *data, const struct plan *plan, double published, struct status *status,
                struct error *error) {
    *status = (struct status){.gflops = status_speed(data, published)};
    uint64_t *steps = last_steps(data);
    status->groups = calloc(data->run_count + 1, sizeof *status->groups);
    status->runs = calloc(data->run_count + 1, sizeof *status->runs);
    if (!steps || !status->groups || !status->runs) {
        free(steps);
        status_free(status);
        return error_set(error, ERROR_FAILED, "no memory for the status of %zu runs", data->run_count);
    }
    for (size_t r = 0; r < data->run_count; r++) {
        status->runs[r] = (struct status_run){.step = steps[r], .waits_for = waits_for(data, plan, r)};
        add_run(status, data, r, published);
    }
    free(steps);
    for (size_t r = 0; r < data->run_count; r++)
        if (status->runs[r].waits_for != WAITS_FOR_NOTHING)
            status->runs[status->runs[r].waits_for].awaited++;
    for (size_t g = 0; g < status->group_count; g++) {
        status->flops += status->groups[g].flops;
        status->flops_done += status->groups[g].flops_done;
    }
    estimate(status, data);
    return 0;
}

void status_free(struct status *status) {
    free(status->groups);
    free(status->runs);
    *status = (struct status){0};
}
