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
    bool halted; /* the coordinator said so */
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

struct run_begun run_begun_make(uint32_t run, uint64_t step, const char *note) {
    struct run_begun begun = {.run = run, .step = step};
    copy_text(begun.note, sizeof begun.note, note);
    return begun;
}

static int send_begun(void *context, uint64_t step, const char *note, struct error *error) {
    const struct worker *worker = context;
    const struct run_begun begun = run_begun_make(worker->run, step, note);
    return send_to_coordinator(worker->comm, &begun, sizeof begun, MESSAGE_BEGUN, error);
}

/* By a signal to this process, or by word of the coordinator. */
static bool told_to_stop(void *context) {
    struct worker *worker = context;
    int here = 0;
    MPI_Iprobe(0, MESSAGE_HALT, worker->comm, &here, MPI_STATUS_IGNORE);
    if (here) {
        MPI_Recv(NULL, 0, MPI_BYTE, 0, MESSAGE_HALT, worker->comm, MPI_STATUS_IGNORE);
        worker->halted = true;
    }
    return worker->halted || stop_asked();
}

struct run_result worker_run(const struct run_spec *spec, const struct run_sink *sink) {
    struct run_result result = {.run = spec->run};
    struct error error = {0};
    enum run_end end;
    const double start = omp_get_wtime();
    if (run_train(spec, sink, &end, &error) != 0) {
        result.failed = 1;
        copy_text(result.cause, sizeof result.cause, error.message);
    }
    result.stopped = !result.failed && end == RUN_STOPPED;
    result.seconds = omp_get_wtime() - start;
    return result;
}

void worker_serve(MPI_Comm comm) {
    struct worker worker = {.comm = comm};
    const struct run_sink sink = {.context = &worker,
                                  .begin = send_begun,
                                  .add_curve = send_curve,
                                  .add_losses = send_losses,
                                  .add_seen = send_seen,
                                  .stop = told_to_stop};
    struct run_spec *spec = malloc(sizeof *spec);
    stop_listen();
    if (!spec) {
        MPI_Abort(comm, EXIT_FAILURE);
        return;
    }
    for (;;) {
        MPI_Status status;
        if (!protocol_wait(comm, &status))
            continue;
        if (status.MPI_TAG == MESSAGE_STOP)
            break;
        if (status.MPI_TAG == MESSAGE_HALT) { /* it came behind the last step */
            MPI_Recv(NULL, 0, MPI_BYTE, 0, MESSAGE_HALT, comm, MPI_STATUS_IGNORE);
            continue;
        }
        if (status.MPI_TAG == MESSAGE_ENCODE) {
            encode_task_serve(comm);
            continue;
        }
        MPI_Recv(spec, sizeof *spec, MPI_BYTE, 0, MESSAGE_RUN, comm, MPI_STATUS_IGNORE);
        worker.run = spec->run;
        const struct run_result result = worker_run(spec, &sink);
        send_to_coordinator(comm, &result, sizeof result, MESSAGE_ENDED, NULL);
    }
    MPI_Recv(NULL, 0, MPI_BYTE, 0, MESSAGE_STOP, comm, MPI_STATUS_IGNORE);
    free(spec);
}
