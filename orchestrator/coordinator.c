#include "orchestrator/coordinator.h"

#include "hdf5_schema/archive.h"
#include "orchestrator/checkpoints.h"
#include "worker/protocol.h"
#include "worker/stop.h"
#include "worker/worker.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* Points may be lost for a second in a crash of the machine; what a run has ended with never. */
static const double SYNC_SECONDS = 1;
/* The archive of a running study is this old at most, or twenty times as old as it takes to write. */
static const double PUBLISH_SECONDS = 60;

static double seconds_since_1970(void) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
}

static int sync_journal(struct coordinator *coordinator, struct error *error) {
    coordinator->synced = omp_get_wtime();
    coordinator->unsynced = false;
    return journal_sync(coordinator->journal, error);
}

/* What has been told so far, as an archive that readers may open while the study goes on. */
static int publish(struct coordinator *coordinator, struct error *error) {
    const double began = omp_get_wtime();
    struct study_data data;
    uint64_t torn;
    if (sync_journal(coordinator, error) != 0 || journal_read(coordinator->journal_path, &data, &torn, error) != 0)
        return -1;
    for (size_t run = 0; run < data.run_count; run++) /* a journal cannot know whose worker is alive */
        if (coordinator->schedule->status[run] == RUN_RUNNING)
            data.outcomes[run].status = RUN_RUNNING;
    const int result = archive_write(coordinator->study->archive, &data, error);
    study_data_free(&data);
    coordinator->published = omp_get_wtime();
    coordinator->publish_seconds = coordinator->published - began;
    coordinator->unpublished = false;
    return result;
}

/* Syncs, publishes and shows progress, each when its time has come. */
static int tend(struct coordinator *coordinator, struct error *error) {
    const double now = omp_get_wtime();
    if (coordinator->unsynced && now - coordinator->synced >= SYNC_SECONDS && sync_journal(coordinator, error) != 0)
        return -1;
    if (coordinator->unpublished && now - coordinator->published >= PUBLISH_SECONDS &&
        now - coordinator->published >= 20 * coordinator->publish_seconds && publish(coordinator, error) != 0)
        return -1;
    progress_show(coordinator->progress);
    return 0;
}

static int take_curve(void *context, const struct curve_point *points, uint32_t count, struct error *error) {
    struct coordinator *coordinator = context;
    coordinator->unsynced = coordinator->unpublished = true;
    for (uint32_t i = 0; i < count; i++)
        progress_tokens(coordinator->progress, points[i].run, points[i].tokens);
    return journal_add_curve(coordinator->journal, points, count, error);
}

static int take_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    struct coordinator *coordinator = context;
    coordinator->unsynced = coordinator->unpublished = true;
    return journal_add_losses(coordinator->journal, points, count, error);
}

static int take_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    struct coordinator *coordinator = context;
    return journal_add_seen(coordinator->journal, seen, count, error);
}

static void make_spec(struct coordinator *coordinator, uint32_t run, struct run_spec *spec) {
    plan_spec(coordinator->study, coordinator->plan, run, ++coordinator->attempts[run], spec);
    spec->resume_most = coordinator->resume_most[run];
}

/* Begins an attempt of a run in the journal, or goes on with one. */
static int take_begun(struct coordinator *coordinator, const struct run_begun *begun, const struct machine *worker,
                      struct error *error) {
    const struct planned_run *planned = &coordinator->plan->runs[begun->run];
    struct run_outcome outcome = {.run = begun->run,
                                  .status = RUN_RUNNING,
                                  .attempt = coordinator->attempts[begun->run],
                                  .resumed = begun->step,
                                  .ranks = 1,
                                  .threads = (uint32_t)worker->threads,
                                  .started = seconds_since_1970()};
    memcpy(outcome.isa, worker->isa, sizeof outcome.isa);
    if (begun->note[0])
        progress_say(coordinator->progress, "run %u: %s; going on from step %llu", begun->run, begun->note,
                     (unsigned long long)begun->step);
    progress_resume(coordinator->progress, begun->run, begun->step * (planned->tokens / planned->steps));
    coordinator->resumed[begun->run] = begun->step;
    return journal_add_outcome(coordinator->journal, &outcome, error);
}

static int end_run(struct coordinator *coordinator, const struct run_result *result, const struct machine *worker,
                   struct error *error) {
    const uint32_t run = result->run;
    if (result->stopped) /* its points are kept, and so is its attempt */
        return sync_journal(coordinator, error);
    struct run_outcome outcome = {.run = run,
                                  .status = result->failed ? RUN_FAILED : RUN_DONE,
                                  .attempt = coordinator->attempts[run],
                                  .resumed = coordinator->resumed[run],
                                  .ranks = 1,
                                  .threads = (uint32_t)worker->threads,
                                  .seconds = result->seconds,
                                  .started = seconds_since_1970() - result->seconds};
    memcpy(outcome.isa, worker->isa, sizeof outcome.isa);
    memcpy(outcome.cause, result->cause, sizeof outcome.cause);
    coordinator->unpublished = true;
    const struct planned_run *planned = &coordinator->plan->runs[run];
    const struct study_mixture *mixture = &coordinator->study->groups[planned->group].mixtures[planned->mixture];
    if (result->failed)
        progress_say(coordinator->progress, "run %u (%s, %s) failed: %s", run, mixture->name,
                     coordinator->study->sizes[planned->size].name, result->cause);
    if (journal_add_outcome(coordinator->journal, &outcome, error) != 0 || sync_journal(coordinator, error) != 0)
        return -1;
    if (outcome.status == RUN_DONE) {
        char path[FILE_PATH_SIZE];
        checkpoint_path(coordinator->study, run, path);
        run_forget(path);
    }
    return 0;
}

static enum run_status status_of(const struct run_result *result) {
    return result->failed ? RUN_FAILED : result->stopped ? RUN_WAITING : RUN_DONE;
}

/* ---- alone ---- */

struct alone {
    struct coordinator *coordinator;
    const struct machine *machine;
    uint32_t run;
};

static int begin_alone(void *context, uint64_t step, const char *note, struct error *error) {
    const struct alone *alone = context;
    const struct run_begun begun = run_begun_make(alone->run, step, note);
    return take_begun(alone->coordinator, &begun, alone->machine, error);
}

static int curve_alone(void *context, const struct curve_point *point, struct error *error) {
    const struct alone *alone = context;
    return take_curve(alone->coordinator, point, 1, error) != 0 ? -1 : tend(alone->coordinator, error);
}

static int losses_alone(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    return take_losses(((const struct alone *)context)->coordinator, points, count, error);
}

static int seen_alone(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return take_seen(((const struct alone *)context)->coordinator, seen, count, error);
}

static bool stop_alone(void *context) {
    (void)context;
    return stop_asked();
}

static int run_alone(struct coordinator *coordinator, const struct machine *machine, struct run_spec *spec,
                     struct error *error) {
    struct alone alone = {.coordinator = coordinator, .machine = machine};
    const struct run_sink sink = {.context = &alone,
                                  .begin = begin_alone,
                                  .add_curve = curve_alone,
                                  .add_losses = losses_alone,
                                  .add_seen = seen_alone,
                                  .stop = stop_alone};
    while (!stop_asked()) {
        const int64_t run = schedule_next(coordinator->schedule);
        if (run == SCHEDULE_NOTHING_READY)
            break;
        alone.run = (uint32_t)run;
        make_spec(coordinator, alone.run, spec);
        const struct run_result result = worker_run(spec, &sink);
        schedule_set(coordinator->schedule, result.run, status_of(&result));
        if (end_run(coordinator, &result, machine, error) != 0)
            return -1;
    }
    return 0;
}

/* ---- over workers ---- */

struct crew {
    MPI_Comm comm;
    const struct machine *machines; /* [ranks] */
    int ranks;
    bool *idle;            /* [ranks] has no run */
    bool halted;           /* no more runs are given, and those that go on were told to stop */
    struct run_spec *spec; /* that is being sent */
    void *buffer;          /* of the message that is being taken */
    size_t room;
};

/* Gives a run to every worker that has none, as long as there are any: at the start, and whenever a run ended, since
 * others may have waited for it. */
static void give_runs(struct coordinator *coordinator, struct crew *crew) {
    for (int rank = 1; rank < crew->ranks && !crew->halted; rank++) {
        if (!crew->idle[rank])
            continue;
        const int64_t run = schedule_next(coordinator->schedule);
        if (run == SCHEDULE_NOTHING_READY)
            return;
        make_spec(coordinator, (uint32_t)run, crew->spec);
        MPI_Send(crew->spec, sizeof *crew->spec, MPI_BYTE, rank, MESSAGE_RUN, crew->comm);
        crew->idle[rank] = false;
    }
}

/* Tells all that train to stop behind a checkpoint. */
static void halt(struct crew *crew) {
    crew->halted = true;
    for (int rank = 1; rank < crew->ranks; rank++)
        if (!crew->idle[rank])
            MPI_Send(NULL, 0, MPI_BYTE, rank, MESSAGE_HALT, crew->comm);
}

/* Receives the message that status announces. */
static int receive(struct crew *crew, MPI_Status *status, size_t item_size, uint32_t *count, struct error *error) {
    int bytes = 0;
    MPI_Get_count(status, MPI_BYTE, &bytes);
    if (bytes <= 0 || (size_t)bytes % item_size != 0)
        return error_set(error, ERROR_FAILED, "rank %d sent a message of %d bytes; do all ranks run the same sweep?",
                         status->MPI_SOURCE, bytes);
    if ((size_t)bytes > crew->room) {
        free(crew->buffer);
        crew->buffer = malloc((size_t)bytes);
        crew->room = crew->buffer ? (size_t)bytes : 0;
        if (!crew->buffer)
            return error_set(error, ERROR_FAILED, "no memory for a message of %d bytes", bytes);
    }
    MPI_Recv(crew->buffer, bytes, MPI_BYTE, status->MPI_SOURCE, status->MPI_TAG, crew->comm, MPI_STATUS_IGNORE);
    *count = (uint32_t)((size_t)bytes / item_size);
    return 0;
}

static int take_message(struct coordinator *coordinator, struct crew *crew, MPI_Status *status, struct error *error) {
    static const size_t item_sizes[] = {
        [MESSAGE_BEGUN] = sizeof(struct run_begun),   [MESSAGE_CURVE] = sizeof(struct curve_point),
        [MESSAGE_LOSSES] = sizeof(struct loss_point), [MESSAGE_SEEN] = sizeof(struct language_tokens),
        [MESSAGE_ENDED] = sizeof(struct run_result),
    };
    const int rank = status->MPI_SOURCE, tag = status->MPI_TAG;
    uint32_t count = 0;
    if (receive(crew, status, item_sizes[tag], &count, error) != 0)
        return -1;
    if (tag == MESSAGE_BEGUN)
        return take_begun(coordinator, crew->buffer, &crew->machines[rank], error);
    if (tag == MESSAGE_CURVE)
        return take_curve(coordinator, crew->buffer, count, error);
    if (tag == MESSAGE_LOSSES)
        return take_losses(coordinator, crew->buffer, count, error);
    if (tag == MESSAGE_SEEN)
        return take_seen(coordinator, crew->buffer, count, error);
    crew->idle[rank] = true;
    const struct run_result *result = crew->buffer;
    schedule_set(coordinator->schedule, result->run, status_of(result));
    if (result->stopped && !crew->halted)
        halt(crew);               /* the signal came to that rank alone */
    give_runs(coordinator, crew); /* before the disk is waited for */
    return end_run(coordinator, result, &crew->machines[rank], error);
}

void coordinator_dismiss(MPI_Comm comm) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    for (int rank = 1; rank < ranks; rank++)
        MPI_Send(NULL, 0, MPI_BYTE, rank, MESSAGE_STOP, comm);
}

static int run_over_workers(struct coordinator *coordinator, struct crew *crew, struct error *error) {
    crew->idle = malloc((size_t)crew->ranks * sizeof *crew->idle);
    if (!crew->idle)
        return error_set(error, ERROR_FAILED, "no memory for %d workers", crew->ranks);
    for (int rank = 0; rank < crew->ranks; rank++)
        crew->idle[rank] = true;
    int result = 0;
    give_runs(coordinator, crew);
    while (result == 0 && coordinator->schedule->counts[RUN_RUNNING] > 0) {
        MPI_Status status;
        if (protocol_wait(crew->comm, &status))
            result = take_message(coordinator, crew, &status, error);
        if (result == 0)
            result = tend(coordinator, error);
        if (stop_asked() && !crew->halted)
            halt(crew);
    }
    if (result != 0) { /* workers are in the middle of runs: nothing gentler ends them */
        fprintf(stderr, "sweep: %s\n", error->message);
        MPI_Abort(crew->comm, (int)error->code);
    }
    free(crew->idle);
    free(crew->buffer);
    return result;
}

int coordinator_run(struct coordinator *coordinator, MPI_Comm comm, const struct machine *machines,
                    struct error *error) {
    coordinator->synced = coordinator->published = omp_get_wtime();
    struct run_spec *spec = malloc(sizeof *spec);
    coordinator->resumed = calloc(coordinator->plan->count, sizeof *coordinator->resumed);
    if (!spec || !coordinator->resumed) {
        free(spec);
        free(coordinator->resumed);
        return error_set(error, ERROR_FAILED, "no memory for %zu runs", coordinator->plan->count);
    }
    struct crew crew = {.comm = comm, .machines = machines, .ranks = machines[0].ranks, .spec = spec};
    stop_listen();
    int result = crew.ranks > 1 ? run_over_workers(coordinator, &crew, error)
                                : run_alone(coordinator, &machines[0], spec, error);
    stop_listen_no_more();
    coordinator->stopped = coordinator->schedule->counts[RUN_WAITING] > 0 && (stop_asked() || crew.halted);
    if (result == 0 && coordinator->stopped)
        result = publish(coordinator, error);
    free(spec);
    free(coordinator->resumed);
    return result;
}
