#include "worker/worker.h"

#include "worker/encode_task.h"
#include "worker/stop.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a rank knows while it trains. */
struct worker {
    MPI_Comm comm;
    uint32_t run;
    bool halted, abandoned; /* the coordinator said so; the second, of this run */
};

int protocol_wait(MPI_Comm comm, MPI_Status *status) {
    long slept = 0; /* nanoseconds; the naps grow from 10 us to 2 ms */
    for (long nap = 10000; slept < 1000000000; slept += nap, nap = nap < 2000000 ? 2 * nap : nap) {
        int here = 0;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &here, status);
        if (here)
            return 1;
        nanosleep(&(struct timespec){.tv_nsec = nap}, NULL);
    }
    return 0;
}

static int send_to_coordinator(MPI_Comm comm, const void *items, size_t bytes, enum message_tag tag,
                               struct error *error) {
    if (MPI_Send(items, (int)bytes, MPI_BYTE, 0, tag, comm) != MPI_SUCCESS)
        return error_set(error, ERROR_FAILED, "the coordinator cannot be reached");
    return 0;
}

static int send_curve(void *context, const struct curve_point *point, struct error *error) {
    return send_to_coordinator(((const struct worker *)context)->comm, point, sizeof *point, MESSAGE_CURVE, error);
}

static int send_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    return send_to_coordinator(((const struct worker *)context)->comm, points, count * sizeof *points, MESSAGE_LOSSES,
                               error);
}

static int send_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return send_to_coordinator(((const struct worker *)context)->comm, seen, count * sizeof *seen, MESSAGE_SEEN, error);
}

/* The bytes of a text that fit into size, whole UTF-8 characters of them, and zeros. */
static void copy_text(char *to, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    while (length > 0 && (text[length] & 0xC0) == 0x80)
        length--;
    memset(to, 0, size);
    memcpy(to, text, length);
}

struct run_note run_note_make(uint32_t run, const char *text) {
    struct run_note note = {.run = run};
    copy_text(note.text, sizeof note.text, text);
    return note;
}

static int send_begun(void *context, uint64_t step, struct error *error) {
    const struct worker *worker = context;
    const struct run_begun begun = {.run = worker->run, .step = step};
    return send_to_coordinator(worker->comm, &begun, sizeof begun, MESSAGE_BEGUN, error);
}

static void send_note(void *context, const char *text) {
    const struct worker *worker = context;
    const struct run_note note = run_note_make(worker->run, text);
    send_to_coordinator(worker->comm, &note, sizeof note, MESSAGE_NOTE, NULL);
}

/* Takes an empty message of the coordinator, if there is one. */
static bool took(MPI_Comm comm, enum message_tag tag) {
    int here = 0;
    MPI_Iprobe(0, (int)tag, comm, &here, MPI_STATUS_IGNORE);
    if (here)
        MPI_Recv(NULL, 0, MPI_BYTE, 0, (int)tag, comm, MPI_STATUS_IGNORE);
    return here;
}

/* By a signal to this process, or by word of the coordinator. */
static bool told_to_stop(void *context) {
    struct worker *worker = context;
    worker->halted = worker->halted || took(worker->comm, MESSAGE_HALT);
    return worker->halted || stop_asked();
}

static bool told_to_abandon(void *context) {
    struct worker *worker = context;
    worker->abandoned = worker->abandoned || took(worker->comm, MESSAGE_ABANDON);
    return worker->abandoned;
}

struct run_result worker_run(run_function *train, const struct run_spec *spec, const struct run_sink *sink) {
    struct run_result result = {.run = spec->run};
    struct error error = {0};
    const double start = omp_get_wtime();
    if (train(spec, sink, &result.ending, &error) != 0) {
        result.failed = 1;
        copy_text(result.cause, sizeof result.cause, error.message);
    }
    result.seconds = omp_get_wtime() - start;
    return result;
}

/* Trains the run of a specification that has come, and tells how it ended. */
static void serve_run(struct worker *worker, run_function *train, const struct run_spec *spec,
                      const struct run_sink *sink) {
    worker->run = spec->run;
    worker->abandoned = false;
    struct run_result result = worker_run(train, spec, sink);
    if (worker->abandoned) {
        result.failed = 0;
        result.ending.end = RUN_ABANDONED;
    }
    send_to_coordinator(worker->comm, &result, sizeof result, MESSAGE_ENDED, NULL);
}

bool worker_serve(MPI_Comm comm, MPI_Comm workers, run_function *train) {
    struct worker worker = {.comm = comm};
    const struct run_sink sink = {.context = &worker,
                                  .begin = send_begun,
                                  .add_curve = send_curve,
                                  .add_losses = send_losses,
                                  .add_seen = send_seen,
                                  .stop = told_to_stop,
                                  .comm = workers,
                                  .abandon = told_to_abandon,
                                  .note = send_note};
    struct run_spec *spec = malloc(sizeof *spec);
    stop_listen();
    if (!spec) {
        MPI_Abort(comm, EXIT_FAILURE);
        return false;
    }
    for (;;) {
        MPI_Status status;
        if (!protocol_wait(comm, &status))
            continue;
        if (status.MPI_TAG == MESSAGE_RUN) {
            MPI_Recv(spec, sizeof *spec, MPI_BYTE, 0, MESSAGE_RUN, comm, MPI_STATUS_IGNORE);
            serve_run(&worker, train, spec, &sink);
            continue;
        }
        if (status.MPI_TAG == MESSAGE_ENCODE) {
            encode_task_serve(comm);
            continue;
        }
        if (status.MPI_TAG == MESSAGE_STOP)
            break;
        MPI_Recv(NULL, 0, MPI_BYTE, 0, status.MPI_TAG, comm, MPI_STATUS_IGNORE);
        if (status.MPI_TAG == MESSAGE_ABANDON) { /* it came behind the last step: the answer is waited for */
            const struct run_result result = {.ending = {.end = RUN_ABANDONED}};
            send_to_coordinator(comm, &result, sizeof result, MESSAGE_ENDED, NULL);
        }
    }
    int lost = 0;
    MPI_Recv(&lost, 1, MPI_INT, 0, MESSAGE_STOP, comm, MPI_STATUS_IGNORE);
    free(spec);
    return lost == 0;
}
