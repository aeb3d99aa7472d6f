#include "worker/worker.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    return send_to_coordinator(*(MPI_Comm *)context, point, sizeof *point, MESSAGE_CURVE, error);
}

static int send_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    return send_to_coordinator(*(MPI_Comm *)context, points, count * sizeof *points, MESSAGE_LOSSES, error);
}

static int send_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return send_to_coordinator(*(MPI_Comm *)context, seen, count * sizeof *seen, MESSAGE_SEEN, error);
}

struct run_result worker_run(const struct run_spec *spec, const struct run_sink *sink) {
    struct run_result result = {.run = spec->run};
    struct error error = {0};
    const double start = omp_get_wtime();
    if (run_train(spec, NULL, sink, &error) != 0) {
        size_t length = strnlen(error.message, sizeof result.cause - 1);
        while (length > 0 && (error.message[length] & 0xC0) == 0x80) /* not inside a UTF-8 character */
            length--;
        result.failed = 1;
        memcpy(result.cause, error.message, length);
    }
    result.seconds = omp_get_wtime() - start;
    return result;
}

void worker_serve(MPI_Comm comm) {
    const struct run_sink sink = {&comm, send_curve, send_losses, send_seen, NULL};
    struct run_spec *spec = malloc(sizeof *spec);
    if (!spec)
        MPI_Abort(comm, EXIT_FAILURE);
    for (;;) {
        MPI_Status status;
        if (!protocol_wait(comm, &status))
            continue;
        if (status.MPI_TAG != MESSAGE_RUN)
            break;
        MPI_Recv(spec, sizeof *spec, MPI_BYTE, 0, MESSAGE_RUN, comm, MPI_STATUS_IGNORE);
        const struct run_result result = worker_run(spec, &sink);
        send_to_coordinator(comm, &result, sizeof result, MESSAGE_ENDED, NULL);
    }
    MPI_Recv(NULL, 0, MPI_BYTE, 0, MESSAGE_STOP, comm, MPI_STATUS_IGNORE);
    free(spec);
}
