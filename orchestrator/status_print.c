#include "orchestrator/amount.h"
#include "orchestrator/status.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A list longer than this is cut, and says so. */
enum { ROWS_MAX = 20 };

static void print_groups(const struct status *status, FILE *file) {
    char done[AMOUNT_SIZE], all[AMOUNT_SIZE];
    fprintf(file, "\n%-13s %-19s %7s %7s %7s %7s %12s\n", "group", "size", "done", "running", "waiting", "failed",
            "work");
    for (size_t g = 0; g < status->group_count; g++) {
        const struct status_group *group = &status->groups[g];
        fprintf(file, "%-13.13s %-19.19s %7zu %7zu %7zu %7zu %10.0f %%\n", group->kind, group->size,
                group->counts[RUN_DONE], group->counts[RUN_RUNNING], group->counts[RUN_WAITING],
                group->counts[RUN_FAILED], 100 * group->flops_done / group->flops);
    }
    fprintf(file, "\nwork       %sFLOP of %sFLOP, %.0f %%\n", amount(status->flops_done, done),
            amount(status->flops, all), 100 * status->flops_done / status->flops);
}

static void print_rest(size_t rows, FILE *file) {
    if (rows > ROWS_MAX)
        fprintf(file, "... and %zu more\n", rows - ROWS_MAX);
}

static void print_running(const struct study_data *data, const struct status *status, FILE *file) {
    size_t rows = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        const struct status_run *known = &status->runs[r];
        if (data->outcomes[r].status != RUN_RUNNING || rows++ >= ROWS_MAX)
            continue;
        if (rows == 1)
            fprintf(file, "\n%7s  %-22s %-15s %6s %12s %9s\n", "running", "mixture", "size", "done", "tokens/s",
                    "left");
        char speed[AMOUNT_SIZE] = "?", left[AMOUNT_SIZE] = "?";
        if (!isnan(known->tokens_per_second)) {
            amount(known->tokens_per_second, speed);
            amount_seconds(known->seconds_left, left);
        }
        fprintf(file, "%7zu  %-22.22s %-15.15s %4.0f %% %12s %9s\n", r, run->name, run->size,
                100 * (double)known->step / (double)run->steps, speed, left);
    }
    print_rest(rows, file);
}

/* One line for each run that others wait for. */
static void print_waiting(const struct study_data *data, const struct status *status, FILE *file) {
    size_t rows = 0, ready = status->counts[RUN_WAITING];
    for (size_t needed = 0; needed < data->run_count; needed++) {
        const size_t waiting = status->runs[needed].awaited;
        ready -= waiting;
        if (waiting > 0 && rows++ < ROWS_MAX)
            fprintf(file, "%s%zu for run %zu (%s, %s), which is %s\n", rows == 1 ? "\nwaiting    " : "           ",
                    waiting, needed, data->runs[needed].name, data->runs[needed].size,
                    run_status_name(data->outcomes[needed].status));
    }
    print_rest(rows, file);
    if (ready > 0)
        fprintf(file, "%s%zu for a worker\n", rows == 0 ? "\nwaiting    " : "           ", ready);
}

static void print_failures(const struct study_data *data, FILE *file) {
    size_t rows = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_outcome *outcome = &data->outcomes[r];
        if (outcome->status == RUN_FAILED && rows++ < ROWS_MAX)
            fprintf(file, "%s%7zu  %s, %s: attempt %" PRIu32 " failed behind step %" PRIu64 "\n         %s\n",
                    rows == 1 ? "\n failed\n" : "", r, data->runs[r].name, data->runs[r].size, outcome->attempt,
                    outcome->step, outcome->cause);
    }
    print_rest(rows, file);
}

static void print_time(const struct status *status, FILE *file) {
    char left[AMOUNT_SIZE];
    const size_t *counts = status->counts;
    fprintf(file, "\ncore hours %.3g used", status->core_seconds / 3600);
    if (counts[RUN_RUNNING] + counts[RUN_WAITING] + counts[RUN_FAILED] > 0 && !isnan(status->gflops))
        fprintf(file, ", %.3g to go at the %.3g GFLOP/s that a core gave until now", status->core_seconds_left / 3600,
                status->gflops);
    fputc('\n', file);
    if (!isnan(status->seconds_left))
        fprintf(file, "time left  %s, at that speed on %.0f core%s as now\n",
                amount_seconds(status->seconds_left, left), status->cores, status->cores > 1 ? "s" : "");
}

void status_print(const struct study_data *data, const struct status *status, FILE *file) {
    fprintf(file, "runs       %zu done, %zu running, %zu waiting, %zu failed\n", status->counts[RUN_DONE],
            status->counts[RUN_RUNNING], status->counts[RUN_WAITING], status->counts[RUN_FAILED]);
    print_groups(status, file);
    print_running(data, status, file);
    print_waiting(data, status, file);
    print_failures(data, file);
    print_time(status, file);
}
