#include "worker/heart.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const double BEAT_SECONDS = 1;
static const double COORDINATOR_SILENT_SECONDS = 60;

struct heart {
    MPI_Comm comm; /* of its own: main threads never see a beat */
    int rank, ranks;
    pthread_t thread;
    atomic_bool stopped;
    _Atomic double *heard; /* [ranks] omp_get_wtime() */
    _Atomic double looked; /* when it was last looked who had been heard */
    MPI_Request *beats;    /* [ranks] the last one sent to each */
};

/* Where this process itself was stopped, or its machine, nobody was silent meanwhile. */
static void hear(struct heart *heart) {
    MPI_Status status;
    const double now = omp_get_wtime(), stopped = now - atomic_load(&heart->looked) - 2 * BEAT_SECONDS;
    for (int rank = 0; stopped > 0 && rank < heart->ranks; rank++)
        atomic_store(&heart->heard[rank], atomic_load(&heart->heard[rank]) + stopped);
    for (int here = 1; here;) {
        MPI_Iprobe(MPI_ANY_SOURCE, 0, heart->comm, &here, &status);
        if (here) {
            MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, 0, heart->comm, MPI_STATUS_IGNORE);
            atomic_store(&heart->heard[status.MPI_SOURCE], now);
        }
    }
    atomic_store(&heart->looked, now);
}

/* The next beat, if the last one is on its way: the rank may be gone. */
static void tell(struct heart *heart, int rank) {
    int sent = 0;
    MPI_Test(&heart->beats[rank], &sent, MPI_STATUS_IGNORE);
    if (sent)
        MPI_Isend(NULL, 0, MPI_BYTE, rank, 0, heart->comm, &heart->beats[rank]);
}

static void *beat(void *context) {
    struct heart *heart = context;
    while (!atomic_load(&heart->stopped)) {
        if (heart->rank > 0)
            tell(heart, 0);
        for (int rank = 1; heart->rank == 0 && rank < heart->ranks; rank++)
            tell(heart, rank);
        hear(heart);
        if (heart->rank > 0 && heart_silence(heart, 0) > COORDINATOR_SILENT_SECONDS) {
            fprintf(stderr, "sweep: rank %d: no sign of the coordinator for a minute; ending\n", heart->rank);
            _exit(ERROR_FAILED);
        }
        for (int nap = 0; nap < 20 && !atomic_load(&heart->stopped); nap++)
            nanosleep(&(struct timespec){.tv_nsec = (long)(BEAT_SECONDS * 5e7)}, NULL);
    }
    return NULL;
}

int heart_start(struct heart **heart, MPI_Comm comm, struct error *error) {
    struct heart *made = calloc(1, sizeof *made);
    *heart = made;
    if (!made)
        return error_set(error, ERROR_FAILED, "no memory for a heartbeat");
    MPI_Comm_dup(comm, &made->comm);
    MPI_Comm_set_errhandler(made->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm, &made->rank);
    MPI_Comm_size(comm, &made->ranks);
    made->heard = calloc((size_t)made->ranks, sizeof *made->heard);
    made->beats = malloc((size_t)made->ranks * sizeof(MPI_Request));
    atomic_init(&made->looked, omp_get_wtime());
    for (int rank = 0; made->heard && made->beats && rank < made->ranks; rank++) {
        atomic_init(&made->heard[rank], omp_get_wtime());
        made->beats[rank] = MPI_REQUEST_NULL;
    }
    if (made->heard && made->beats && pthread_create(&made->thread, NULL, beat, made) == 0)
        return 0;
    free(made->heard);
    free(made->beats);
    free(made);
    *heart = NULL;
    return error_set(error, ERROR_FAILED, "no thread for a heartbeat");
}

double heart_silence(const struct heart *heart, int rank) {
    return atomic_load(&heart->looked) - atomic_load(&heart->heard[rank]);
}

void heart_stop(struct heart *heart) {
    if (!heart)
        return;
    atomic_store(&heart->stopped, true);
    pthread_join(heart->thread, NULL);
    free(heart->heard);
    free(heart->beats);
    free(heart);
}
