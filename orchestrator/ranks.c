#include "orchestrator/ranks.h"

#include "model/kernels.h"
#include "orchestrator/end_mark.h"

#include <stdlib.h>
#include <unistd.h>

/* A rank that dies while all start is waited for by the others for ever: they end themselves after so long. */
static unsigned start_seconds(void) {
    const char *wished = getenv("SWEEP_START_SECONDS");
    return wished && atoi(wished) > 0 ? (unsigned)atoi(wished) : 600;
}

int ranks_run(const struct command *command, int count, char **words, run_function *train, lead_function *lead,
              struct error *error) {
    /* Containers forbid the single-copy mechanism of Open MPI's shared memory, and tell so for every rank; idle ranks
     * must leave the cores to those that train. */
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    alarm(start_seconds());
    int provided;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS || provided < MPI_THREAD_MULTIPLE)
        return error_set(error, ERROR_FAILED, "MPI cannot be started, or was built without support for threads");
    MPI_Comm workers;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); /* a rank that died is done without */
    MPI_Comm_dup(MPI_COMM_WORLD, &workers);                     /* and so here */
    struct machine machine;
    kernels_choose(NULL); /* a failure is told by rank 0, and by every run of this rank */
    machine_find(MPI_COMM_WORLD, &machine);
    struct machine *machines = machine_gather(MPI_COMM_WORLD, &machine);
    bool *silent = calloc((size_t)machine.ranks, sizeof *silent);
    if (!silent)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    struct heart *heart = NULL;
    int result = machine.ranks > 1 ? heart_start(&heart, MPI_COMM_WORLD, error) : 0;
    alarm(0); /* from here on hearts are listened to */
    bool all_there = true;
    if (result == 0 && machine.rank > 0) {
        all_there = worker_serve(MPI_COMM_WORLD, workers, train);
    } else if (result == 0) {
        struct crew crew = {.comm = MPI_COMM_WORLD, .heart = heart, .machines = machines, .silent = silent};
        end_mark_begin();
        result = lead(command, count, words, &crew, error);
        all_there = crew_dismiss(&crew) == 0;
        end_mark_write(result == 0 ? 0 : error->code == ERROR_INPUT ? ERROR_INPUT : ERROR_FAILED);
    }
    heart_stop(heart);
    free(machines);
    free(silent);
    if (all_there)
        MPI_Finalize(); /* waits for every rank */
    return result;
}
