#include "orchestrator/crew.h"

#include "worker/encode_task.h"
#include "worker/stop.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A beat comes every second; a worker that is missed by mistake costs a run only its way back to a checkpoint. */
static const double SILENT_SECONDS = 8;
/* All workers silent: for so long it may be the machine, not they. */
static const double ALL_SILENT_SECONDS = 60;

int crew_listen(struct crew *crew, crew_news *tell, void *context, struct error *error) {
    bool changed = false;
    if (omp_get_wtime() - crew->listened < 1)
        return 0;
    crew->listened = omp_get_wtime();
    double least = ALL_SILENT_SECONDS;
    for (int rank = 1; rank < crew->machines[0].ranks; rank++) {
        const double silence = heart_silence(crew->heart, rank);
        const bool silent = silence > SILENT_SECONDS;
        least = silence < least ? silence : least;
        if (silent == crew->silent[rank])
            continue;
        char news[sizeof crew->machines->host + 64];
        if (silent)
            snprintf(news, sizeof news, "rank %d on %s is silent for %.0f seconds", rank, crew->machines[rank].host,
                     SILENT_SECONDS);
        else
            snprintf(news, sizeof news, "rank %d on %s is back", rank, crew->machines[rank].host);
        crew->silent[rank] = silent;
        tell(context, rank, news);
        changed = true;
    }
    if (least >= ALL_SILENT_SECONDS)
        return error_set(error, ERROR_FAILED, "all workers are lost; the same command goes on from what was kept");
    return changed;
}

enum state { IDLE, BUSY, LEAVING };

struct member {
    enum state state;
    struct run_spec *spec;     /* of its run; sent from here, so that a dead rank blocks nobody */
    MPI_Request sending, word; /* the last specification, and the last empty message */
};

struct work {
    struct crew *crew;
    struct ledger *ledger;
    int ranks;
    struct member *members; /* [ranks]; the first is not used */
    int counts[3];          /* members of each state */
    uint32_t dispatches;
    void *buffer; /* of the message that is being taken */
    size_t room;
};

/* Not waited for: the rank may be dead, and so it is when the last one is not on its way yet. */
static void send_empty(struct work *work, int rank, enum message_tag tag) {
    int sent = 0;
    MPI_Test(&work->members[rank].word, &sent, MPI_STATUS_IGNORE);
    if (sent)
        MPI_Isend(NULL, 0, MPI_BYTE, rank, (int)tag, work->crew->comm, &work->members[rank].word);
}

static void set_state(struct work *work, int rank, enum state state) {
    work->counts[work->members[rank].state]--;
    work->counts[state]++;
    work->members[rank].state = state;
}

/* ---- giving ---- */

static int give_run(struct work *work, uint32_t run, struct error *error) {
    const uint32_t ranks = schedule_ranks(work->ledger->schedule, run);
    int32_t chosen[RUN_RANKS_MAX] = {0};
    uint32_t found = 0;
    for (int rank = 1; rank < work->ranks && found < ranks; rank++)
        if (work->members[rank].state == IDLE)
            chosen[found++] = rank;
    work->dispatches++;
    for (uint32_t i = 0; i < ranks; i++) {
        struct member *member = &work->members[chosen[i]];
        if (!member->spec)
            member->spec = malloc(sizeof *member->spec);
        if (!member->spec)
            return error_set(error, ERROR_FAILED, "no memory for a run specification");
        MPI_Wait(&member->sending, MPI_STATUS_IGNORE); /* its last run has ended: that message has come */
        if (i == 0)
            ledger_spec(work->ledger, run, ranks, member->spec);
        else
            *member->spec = *work->members[chosen[0]].spec;
        member->spec->dispatch = work->dispatches;
        memcpy(member->spec->members, chosen, sizeof chosen);
    }
    for (uint32_t i = 0; i < ranks; i++) {
        struct member *member = &work->members[chosen[i]];
        MPI_Isend(member->spec, sizeof *member->spec, MPI_BYTE, chosen[i], MESSAGE_RUN, work->crew->comm,
                  &member->sending);
        set_state(work, chosen[i], BUSY);
    }
    return 0;
}

/* Gives runs to the ranks that have none, as long as there are any: at the start, and whenever a run ended, since
 * others may have waited for it. */
static int give_runs(struct work *work, struct error *error) {
    struct schedule *schedule = work->ledger->schedule;
    uint32_t there = 0;
    for (int rank = 1; rank < work->ranks; rank++)
        there += !work->crew->silent[rank];
    schedule->ranks_most = there > 0 ? there : 1;
    while (work->counts[IDLE] > 0 && !work->crew->halted) {
        const int64_t run = schedule_next(schedule, (uint32_t)work->counts[IDLE], omp_get_wtime());
        if (run == SCHEDULE_NOTHING_READY)
            return 0;
        if (give_run(work, (uint32_t)run, error) != 0)
            return -1;
    }
    return 0;
}

/* Tells all that train to stop behind a checkpoint. */
static void halt(struct work *work) {
    work->crew->halted = true;
    for (int rank = 1; rank < work->ranks; rank++)
        if (work->members[rank].state == BUSY)
            send_empty(work, rank, MESSAGE_HALT);
}

/* ---- leaving ---- */

static void leave(struct work *work, int rank) {
    set_state(work, rank, LEAVING);
    send_empty(work, rank, MESSAGE_ABANDON);
}

/* All that are busy with this specification's run leave it. */
static void leave_run(struct work *work, const struct run_spec *spec) {
    const uint32_t dispatch = spec->dispatch;
    for (int rank = 1; rank < work->ranks; rank++)
        if (work->members[rank].state == BUSY && work->members[rank].spec->dispatch == dispatch)
            leave(work, rank);
}

/* Is it the run that its members were given last? Behind its end, some may still be busy with their part of it. */
static bool still_runs(const struct work *work, const struct run_spec *spec) {
    return work->ledger->schedule->status[spec->run] == RUN_RUNNING &&
           work->members[spec->members[0]].spec->dispatch == spec->dispatch;
}

static void lose(struct work *work, int rank, const char *news) {
    struct member *member = &work->members[rank];
    const struct run_spec *spec = member->state == BUSY ? member->spec : NULL;
    if (spec && still_runs(work, spec)) {
        progress_say(work->ledger->progress, "%s; run %u goes on from its checkpoint elsewhere", news, spec->run);
        ledger_lost(work->ledger, spec->run);
        leave_run(work, spec);
    } else {
        progress_say(work->ledger->progress, "%s; the others do without it", news);
        if (member->state != LEAVING)
            leave(work, rank);
    }
}

static void hear(void *context, int rank, const char *news) {
    struct work *work = context;
    if (work->crew->silent[rank])
        lose(work, rank, news);
    else
        progress_say(work->ledger->progress, "%s", news);
}

static int listen(struct work *work, struct error *error) {
    const int changed = crew_listen(work->crew, hear, work, error);
    return changed > 0 ? give_runs(work, error) : changed;
}

/* ---- taking ---- */

/* Receives the message that status announces. */
static int receive(struct work *work, MPI_Status *status, uint32_t *items, struct error *error) {
    static const size_t item_sizes[] = {
        [MESSAGE_BEGUN] = sizeof(struct run_begun),       [MESSAGE_CURVE] = sizeof(struct curve_point),
        [MESSAGE_LOSSES] = sizeof(struct loss_point),     [MESSAGE_SEEN] = sizeof(struct language_tokens),
        [MESSAGE_NOTE] = sizeof(struct run_note),         [MESSAGE_ENDED] = sizeof(struct run_result),
        [MESSAGE_ENCODED] = sizeof(struct encode_answer),
    };
    int bytes = 0;
    MPI_Get_count(status, MPI_BYTE, &bytes);
    const size_t item_size = item_sizes[status->MPI_TAG];
    if (bytes <= 0 || (size_t)bytes % item_size != 0)
        return error_set(error, ERROR_FAILED, "rank %d sent a message of %d bytes; do all ranks run the same sweep?",
                         status->MPI_SOURCE, bytes);
    if ((size_t)bytes > work->room) {
        free(work->buffer);
        work->buffer = malloc((size_t)bytes);
        work->room = work->buffer ? (size_t)bytes : 0;
        if (!work->buffer)
            return error_set(error, ERROR_FAILED, "no memory for a message of %d bytes", bytes);
    }
    MPI_Recv(work->buffer, bytes, MPI_BYTE, status->MPI_SOURCE, status->MPI_TAG, work->crew->comm, MPI_STATUS_IGNORE);
    *items = (uint32_t)((size_t)bytes / item_size);
    return 0;
}

/* Has a rank left its run, by the message that was received? */
static bool is_answer(const struct work *work, int tag) {
    const struct run_result *result = work->buffer;
    return tag == MESSAGE_ENDED && result->ending.end == RUN_ABANDONED;
}

/* The leader's word is the run's, and so is that of any member whose part failed, or that lost another member before
 * this rank knew. */
static int take_end(struct work *work, int rank, const struct run_result *result, struct error *error) {
    struct member *member = &work->members[rank];
    const bool lost = result->ending.end == RUN_ABANDONED, breaks = result->failed || lost;
    const bool counts = still_runs(work, member->spec) && (breaks || rank == member->spec->members[0]);
    set_state(work, rank, IDLE);
    if (counts && lost)
        ledger_lost(work->ledger, member->spec->run);
    else if (counts && ledger_ended(work->ledger, result, &work->crew->machines[rank], error) != 0)
        return -1;
    if (counts && breaks)
        leave_run(work, member->spec);
    if (!result->failed && result->ending.end == RUN_STOPPED && !work->crew->halted)
        halt(work); /* the signal came to that rank alone */
    return give_runs(work, error);
}

static int take_message(struct work *work, MPI_Status *status, struct error *error) {
    const int rank = status->MPI_SOURCE, tag = status->MPI_TAG;
    struct member *member = &work->members[rank];
    struct ledger *ledger = work->ledger;
    uint32_t items = 0;
    if (receive(work, status, &items, error) != 0)
        return -1;
    if (member->state == LEAVING && is_answer(work, tag)) {
        set_state(work, rank, IDLE);
        return give_runs(work, error);
    }
    if (member->state != BUSY || !member->spec || tag == MESSAGE_ENCODED) /* that came too late */
        return 0;
    if (tag == MESSAGE_BEGUN)
        return ledger_begun(ledger, work->buffer, &work->crew->machines[rank], error);
    if (tag == MESSAGE_CURVE)
        return ledger_curve(ledger, work->buffer, items, error);
    if (tag == MESSAGE_LOSSES)
        return ledger_losses(ledger, work->buffer, items, error);
    if (tag == MESSAGE_SEEN)
        return ledger_seen(ledger, work->buffer, items, error);
    if (tag == MESSAGE_ENDED)
        return take_end(work, rank, work->buffer, error);
    ledger_note(ledger, work->buffer);
    return 0;
}

/* Who is leaving answers, or falls silent: what it gives back may be what a run waits for. */
static bool any_answers(const struct work *work) {
    for (int rank = 1; rank < work->ranks; rank++)
        if (work->members[rank].state == LEAVING && !work->crew->silent[rank])
            return true;
    return false;
}

/* Somebody trains or is about to be free; or runs wait while nobody is idle, and who is silent may come back for them.
 */
static bool goes_on(const struct work *work) {
    const struct schedule *schedule = work->ledger->schedule;
    return work->counts[BUSY] > 0 || any_answers(work) ||
           (!work->crew->halted && schedule->counts[RUN_WAITING] > 0 && work->counts[IDLE] == 0);
}

static int begin(struct work *work, struct crew *crew, struct error *error) {
    *work = (struct work){.crew = crew, .ranks = crew->machines[0].ranks};
    work->members = calloc((size_t)work->ranks, sizeof *work->members);
    if (!work->members)
        return error_set(error, ERROR_FAILED, "no memory for %d workers", work->ranks);
    for (int rank = 0; rank < work->ranks; rank++)
        work->members[rank].sending = work->members[rank].word = MPI_REQUEST_NULL;
    work->counts[IDLE] = work->ranks - 1;
    return 0;
}

/* Workers are in the middle of something: nothing gentler ends them. */
static void end_all(const struct crew *crew, const struct error *error) {
    fprintf(stderr, "sweep: %s\n", error->message);
    MPI_Abort(crew->comm, ERROR_FAILED);
}

static void end(struct work *work) {
    for (int rank = 0; rank < work->ranks; rank++)
        if (!work->crew->silent[rank]) /* else it may still be on its way */
            free(work->members[rank].spec);
    free(work->members);
    free(work->buffer);
}

int crew_run(struct crew *crew, struct ledger *ledger, struct error *error) {
    struct work work;
    if (begin(&work, crew, error) != 0)
        return -1;
    work.ledger = ledger;
    for (int rank = 1; rank < work.ranks; rank++)
        if (crew->silent[rank]) /* since before the first run */
            leave(&work, rank);
    int result = listen(&work, error);
    if (result == 0)
        result = give_runs(&work, error);
    while (result == 0 && goes_on(&work)) {
        MPI_Status status;
        if (protocol_wait(crew->comm, &status))
            result = take_message(&work, &status, error);
        if (result == 0)
            result = listen(&work, error);
        if (result == 0)
            result = ledger_tend(ledger, error);
        if (stop_asked() && !crew->halted)
            halt(&work);
    }
    if (result != 0)
        end_all(crew, error);
    end(&work);
    return result;
}

/* Learns who is there: who is not would be waited for in MPI_Finalize for ever. */
static int call_roll(struct work *work, struct error *error) {
    for (int rank = 1; rank < work->ranks; rank++)
        leave(work, rank);
    while (any_answers(work)) {
        MPI_Status status;
        uint32_t items;
        for (int rank = 1; rank < work->ranks; rank++)
            work->crew->silent[rank] = heart_silence(work->crew->heart, rank) > SILENT_SECONDS;
        if (!protocol_wait(work->crew->comm, &status))
            continue;
        if (receive(work, &status, &items, error) != 0)
            return -1;
        if (is_answer(work, status.MPI_TAG))
            set_state(work, status.MPI_SOURCE, IDLE);
    }
    return 0;
}

int crew_dismiss(struct crew *crew) {
    struct work work;
    struct error error;
    if (begin(&work, crew, &error) != 0 || call_roll(&work, &error) != 0) {
        end_all(crew, &error);
        return crew->lost;
    }
    crew->lost = work.counts[LEAVING];
    for (int rank = 1; rank < work.ranks; rank++) {
        MPI_Request request; /* not waited for: the rank may be dead */
        MPI_Isend(&crew->lost, 1, MPI_INT, rank, MESSAGE_STOP, crew->comm, &request);
        if (work.members[rank].state == IDLE)
            MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    end(&work);
    return crew->lost;
}
