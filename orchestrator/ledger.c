#include "orchestrator/ledger.h"

#include "hdf5_schema/archive.h"
#include "orchestrator/checkpoints.h"
#include "worker/stop.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* So much may be lost in a crash of the coordinator; runs go on from checkpoints that are no further than the journal.
 */
static const double SYNC_SECONDS = 1;
/* The archive of a running study is this old at most, or twenty times as old as it takes to write. */
static const double PUBLISH_SECONDS = 60;
enum { FULL_DISK_SECONDS = 2 };

static double seconds_since_1970(void) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
}

int ledger_open(struct ledger *ledger, const struct study *study, const struct plan *plan, struct schedule *schedule,
                struct progress *progress, struct error *error) {
    *ledger = (struct ledger){.study = study, .plan = plan, .schedule = schedule, .progress = progress};
    ledger->synced = ledger->published = omp_get_wtime();
    ledger->runs = calloc(plan->count, sizeof *ledger->runs);
    if (!ledger->runs)
        return error_set(error, ERROR_FAILED, "no memory for %zu runs", plan->count);
    for (size_t run = 0; run < plan->count; run++)
        ledger->runs[run].learning_rate = study->optimizer.learning_rate;
    return 0;
}

void ledger_close(struct ledger *ledger) {
    journal_close(ledger->journal, NULL);
    free(ledger->runs);
}

/* Whether the checkpoint that this run began from stays: a run that is not done begins from it, too, or the study keeps
 * it as the last of the run that it is of. */
static bool is_needed(const struct ledger *ledger, const struct planned_run *run) {
    const struct planned_run *runs = ledger->plan->runs;
    if (ledger->study->checkpoint_keep && run->start_step == runs[run->waits_for].steps)
        return true;
    for (int64_t other = runs[run->waits_for].first_waiting; other != WAITS_FOR_NOTHING;
         other = runs[other].next_waiting)
        if (runs[other].start_step == run->start_step && ledger->schedule->status[other] != RUN_DONE)
            return true;
    return false;
}

/* What runs begin from that are not done: where it is gone, the run that kept it gives the same again. */
static void recall_kept(struct ledger *ledger) {
    char path[FILE_PATH_SIZE];
    for (uint32_t run = 0; run < ledger->plan->count; run++) {
        const struct planned_run *planned = &ledger->plan->runs[run];
        if (planned->waits_for == WAITS_FOR_NOTHING)
            continue;
        const uint32_t base = (uint32_t)planned->waits_for;
        plan_start_path(ledger->study, planned, path);
        if (ledger->schedule->status[run] == RUN_DONE)
            ledger->runs[run].forgettable = ledger->any_forgettable = true;
        else if (ledger->schedule->status[base] == RUN_DONE && !file_exists(path))
            schedule_set(ledger->schedule, base, RUN_WAITING, 0);
    }
}

void ledger_recall(struct ledger *ledger, const struct study_data *data) {
    for (uint32_t run = 0; run < data->run_count; run++) {
        const struct run_outcome *outcome = &data->outcomes[run];
        struct ledger_run *known = &ledger->runs[run];
        known->attempts = outcome->attempt;
        known->interrupted = outcome->status == RUN_WAITING && outcome->attempt > 0;
        if (outcome->attempt > 0)
            known->learning_rate = (float)outcome->learning_rate;
        if (outcome->status == RUN_DONE)
            schedule_set(ledger->schedule, run, RUN_DONE, 0);
    }
    recall_kept(ledger);
    for (size_t i = 0; i < data->curve_count; i++)
        ledger->runs[data->curves[i].run].curve = data->curves[i].step;
    for (size_t i = 0; i < data->loss_count; i++) {
        ledger->runs[data->losses[i].run].losses = data->losses[i].step;
        ledger->runs[data->losses[i].run].evaluated = true;
    }
}

void ledger_spec(struct ledger *ledger, uint32_t run, uint32_t ranks, struct run_spec *spec) {
    struct ledger_run *known = &ledger->runs[run];
    known->attempts += !known->interrupted;
    known->interrupted = false;
    known->ranks = ranks;
    plan_spec(ledger->study, ledger->plan, run, known->attempts, spec);
    if (spec->start[0]) {
        const float learning_rate = ledger->runs[ledger->plan->runs[run].waits_for].learning_rate;
        checkpoint_identity(ledger->study, learning_rate, spec->start_identity);
        if (spec->continues && learning_rate < known->learning_rate)
            known->learning_rate = learning_rate;
    }
    spec->optimizer.learning_rate = known->learning_rate;
    checkpoint_identity(ledger->study, known->learning_rate, spec->identity);
    spec->ranks = ranks;
    /* to the step before the first point that the journal lacks */
    const uint64_t curve = known->curve + spec->curve_steps, losses = known->losses + spec->evaluation_steps;
    if (!spec->start[0] || spec->continues || known->evaluated) /* else it lacks the evaluation before the first step */
        spec->resume_most = (curve < losses ? curve : losses) - 1;
}

static struct run_outcome outcome_of(const struct ledger *ledger, uint32_t run, enum run_status status, uint64_t step,
                                     const struct machine *worker) {
    const struct ledger_run *known = &ledger->runs[run];
    struct run_outcome outcome = {.run = run,
                                  .status = status,
                                  .attempt = known->attempts,
                                  .resumed = known->resumed,
                                  .step = step,
                                  .learning_rate = (double)known->learning_rate,
                                  .ranks = known->ranks,
                                  .threads = (uint32_t)worker->threads,
                                  .started = seconds_since_1970()};
    memcpy(outcome.isa, worker->isa, sizeof outcome.isa);
    return outcome;
}

int ledger_begun(struct ledger *ledger, const struct run_begun *begun, const struct machine *worker,
                 struct error *error) {
    const struct planned_run *planned = &ledger->plan->runs[begun->run];
    struct ledger_run *known = &ledger->runs[begun->run];
    known->resumed = begun->step;
    if (known->curve > begun->step) /* the journal drops what lies behind; points come at multiples of an interval */
        known->curve = begun->step;
    if (known->losses > begun->step)
        known->losses = begun->step;
    known->evaluated = known->evaluated && begun->step > 0;
    progress_resume(ledger->progress, begun->run, begun->step * (planned->tokens / planned->steps));
    const struct run_outcome outcome = outcome_of(ledger, begun->run, RUN_RUNNING, begun->step, worker);
    return journal_add_outcome(ledger->journal, &outcome, error);
}

int ledger_curve(struct ledger *ledger, const struct curve_point *points, uint32_t count, struct error *error) {
    ledger->unsynced = ledger->unpublished = true;
    for (uint32_t i = 0; i < count; i++) {
        ledger->runs[points[i].run].curve = points[i].step;
        progress_tokens(ledger->progress, points[i].run, points[i].tokens);
    }
    return journal_add_curve(ledger->journal, points, count, error);
}

int ledger_losses(struct ledger *ledger, const struct loss_point *points, uint32_t count, struct error *error) {
    ledger->unsynced = ledger->unpublished = true;
    if (count > 0) {
        ledger->runs[points[0].run].losses = points[0].step;
        ledger->runs[points[0].run].evaluated = true;
    }
    return journal_add_losses(ledger->journal, points, count, error);
}

int ledger_seen(struct ledger *ledger, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return journal_add_seen(ledger->journal, seen, count, error);
}

static const char *mixture_name(const struct ledger *ledger, uint32_t run) {
    const struct planned_run *planned = &ledger->plan->runs[run];
    return ledger->study->groups[planned->group].mixtures[planned->mixture].name;
}

static const char *size_name(const struct ledger *ledger, uint32_t run) {
    return ledger->study->sizes[ledger->plan->runs[run].size].name;
}

void ledger_note(struct ledger *ledger, const struct run_note *note) {
    progress_say(ledger->progress, "run %u (%s, %s): %s", note->run, mixture_name(ledger, note->run),
                 size_name(ledger, note->run), note->text);
}

/* A run failed; returns whether it is tried again. */
static bool try_again(struct ledger *ledger, const struct run_result *result) {
    struct ledger_run *known = &ledger->runs[result->run];
    const bool again = known->failures++ < ledger->study->retries;
    progress_say(ledger->progress, "run %u (%s, %s) failed behind step %llu: %s%s", result->run,
                 mixture_name(ledger, result->run), size_name(ledger, result->run),
                 (unsigned long long)result->ending.step, result->cause, again ? "; it is tried again" : "");
    if (result->ending.diverged)
        known->learning_rate *= (float)ledger->study->retry_learning_rate;
    return again;
}

int ledger_ended(struct ledger *ledger, const struct run_result *result, const struct machine *worker,
                 struct error *error) {
    const double now = omp_get_wtime();
    struct ledger_run *known = &ledger->runs[result->run];
    ledger->unsynced = ledger->unpublished = true;
    if (!result->failed && result->ending.end == RUN_STOPPED) { /* its points are kept, and so is its attempt */
        ledger_lost(ledger, result->run);
        return 0;
    }
    const enum run_status status = result->failed ? RUN_FAILED : RUN_DONE;
    struct run_outcome outcome = outcome_of(ledger, result->run, status, result->ending.step, worker);
    outcome.seconds = result->seconds;
    outcome.started -= result->seconds;
    memcpy(outcome.cause, result->cause, sizeof outcome.cause);
    schedule_set(ledger->schedule, result->run, status, now);
    if (result->failed && try_again(ledger, result))
        schedule_try_again(ledger->schedule, result->run, now);
    if (!result->failed)
        known->forgettable = ledger->any_forgettable = true;
    return journal_add_outcome(ledger->journal, &outcome, error);
}

void ledger_lost(struct ledger *ledger, uint32_t run) {
    ledger->runs[run].interrupted = true;
    schedule_set(ledger->schedule, run, RUN_WAITING, omp_get_wtime());
}

/* Removes what this run began from, once nobody needs it. */
static void forget_start(const struct ledger *ledger, size_t run) {
    const struct planned_run *planned = &ledger->plan->runs[run];
    char path[FILE_PATH_SIZE];
    if (planned->waits_for == WAITS_FOR_NOTHING || is_needed(ledger, planned))
        return;
    plan_start_path(ledger->study, planned, path);
    run_forget(path);
}

/* Removes what this run kept and nobody needs: it may have been trained again for one of several. */
static void forget_kept(const struct ledger *ledger, size_t run) {
    const struct planned_run *runs = ledger->plan->runs;
    for (int64_t other = runs[run].first_waiting; other != WAITS_FOR_NOTHING; other = runs[other].next_waiting)
        forget_start(ledger, (size_t)other);
}

/* A run that is known on disk to be done needs no checkpoints. */
static void forget_checkpoints(struct ledger *ledger) {
    char path[FILE_PATH_SIZE];
    for (size_t run = 0; ledger->any_forgettable && run < ledger->plan->count; run++)
        if (ledger->runs[run].forgettable) {
            ledger->runs[run].forgettable = false;
            checkpoint_path(ledger->study, run, path);
            run_forget(path);
            forget_start(ledger, run);
            forget_kept(ledger, run);
        }
    ledger->any_forgettable = false;
}

int ledger_sync(struct ledger *ledger, struct error *error) {
    bool paused = false;
    while (journal_sync(ledger->journal, error) != 0) {
        if (error->code != ERROR_NO_ROOM || stop_asked())
            return -1;
        if (!paused)
            progress_say(ledger->progress, "paused: %s; goes on when there is room", error->message);
        paused = true;
        sleep(FULL_DISK_SECONDS);
    }
    if (paused)
        progress_say(ledger->progress, "there is room again; going on");
    ledger->synced = omp_get_wtime();
    ledger->unsynced = false;
    forget_checkpoints(ledger);
    return 0;
}

int ledger_publish(struct ledger *ledger, struct error *error) {
    const double began = omp_get_wtime();
    struct study_data data;
    uint64_t torn;
    if (ledger_sync(ledger, error) != 0 || journal_read(ledger->journal_path, &data, &torn, error) != 0)
        return -1;
    for (size_t run = 0; run < data.run_count; run++) /* a journal cannot know whose worker is alive */
        if (ledger->schedule->status[run] == RUN_RUNNING)
            data.outcomes[run].status = RUN_RUNNING;
    const int result = archive_write(ledger->study->archive, &data, error);
    study_data_free(&data);
    ledger->published = omp_get_wtime();
    ledger->publish_seconds = ledger->published - began;
    ledger->unpublished = result != 0;
    return result;
}

int ledger_tend(struct ledger *ledger, struct error *error) {
    const double now = omp_get_wtime();
    if (ledger->unsynced && now - ledger->synced >= SYNC_SECONDS && ledger_sync(ledger, error) != 0)
        return -1;
    if (ledger->unpublished && now - ledger->published >= PUBLISH_SECONDS &&
        now - ledger->published >= 20 * ledger->publish_seconds) {
        struct error reason = {0}; /* the runs need no archive: it is made again later */
        if (ledger_publish(ledger, &reason) != 0)
            progress_say(ledger->progress, "the archive is older than the journal: %s", reason.message);
    }
    progress_show(ledger->progress);
    return 0;
}
