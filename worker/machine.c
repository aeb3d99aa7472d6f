#include "worker/machine.h"

#include "model/kernels.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int machine_threads(const struct place *places, int ranks, int me, const char *wished) {
    if (wished && atoi(wished) > 0)
        return atoi(wished);
    int sharing = 0; /* training ranks whose cores overlap mine */
    for (int i = 0; i < ranks; i++) {
        cpu_set_t common;
        CPU_AND(&common, &places[i].cores, &places[me].cores);
        sharing += places[i].trains && CPU_COUNT(&common) > 0;
    }
    const int cores = CPU_COUNT(&places[me].cores);
    return sharing > 1 && cores > sharing ? cores / sharing : sharing > 1 ? 1 : cores;
}

void machine_find(MPI_Comm comm, struct machine *machine) {
    memset(machine, 0, sizeof *machine);
    MPI_Comm node;
    int node_rank, node_ranks;
    MPI_Comm_rank(comm, &machine->rank);
    MPI_Comm_size(comm, &machine->ranks);
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, machine->rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &node_rank);
    MPI_Comm_size(node, &node_ranks);

    struct place mine = {.trains = machine->rank > 0 || machine->ranks == 1};
    if (sched_getaffinity(0, sizeof mine.cores, &mine.cores) != 0)
        CPU_SET(0, &mine.cores);
    struct place *places = calloc((size_t)node_ranks, sizeof *places);
    if (!places) {
        MPI_Abort(comm, EXIT_FAILURE); /* no memory for a few hundred bytes: nothing can work */
        return;
    }
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, places, sizeof mine, MPI_BYTE, node);

    cpu_set_t all;
    CPU_ZERO(&all);
    for (int i = 0; i < node_ranks; i++)
        if (places[i].trains)
            CPU_OR(&all, &all, &places[i].cores);
    machine->cores_here = CPU_COUNT(&all);
    machine->cores = CPU_COUNT(&mine.cores);
    machine->cores_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    machine->threads = machine_threads(places, node_ranks, node_rank, getenv("OMP_NUM_THREADS"));
    /* What the coordinator computes, it computes while the workers wait. */
    omp_set_num_threads(mine.trains ? machine->threads : machine->cores);
    free(places);

    const int first = node_rank == 0;
    MPI_Allreduce(&first, &machine->nodes, 1, MPI_INT, MPI_SUM, comm);
    MPI_Comm_free(&node);
    snprintf(machine->isa, sizeof machine->isa, "%s", kernels_isa());
    gethostname(machine->host, sizeof machine->host - 1);
}

struct machine *machine_gather(MPI_Comm comm, const struct machine *machine) {
    struct machine *machines = NULL;
    if (machine->rank == 0) {
        machines = calloc((size_t)machine->ranks, sizeof *machines);
        if (!machines)
            MPI_Abort(comm, EXIT_FAILURE);
    }
    MPI_Gather(machine, sizeof *machine, MPI_BYTE, machines, sizeof *machine, MPI_BYTE, 0, comm);
    return machines;
}

/* Threads of the workers on the node of rank first, which is the first of them. */
static int node_threads(const struct machine *machines, int first) {
    int threads = 0;
    for (int rank = first; rank < machines[0].ranks; rank++)
        threads += strcmp(machines[rank].host, machines[first].host) == 0 ? machines[rank].threads : 0;
    return threads;
}

void machine_advice(const struct machine *machines, char *advice, size_t size) {
    advice[0] = '\0';
    const int first = machines[0].ranks > 1;
    for (int rank = first; rank < machines[0].ranks; rank++) {
        const struct machine *worker = &machines[rank];
        if (worker->threads <= worker->cores)
            continue;
        if (worker->cores < worker->cores_online)
            snprintf(advice, size,
                     "%d threads of rank %d share the %d of %d cores that it is bound to; start with `mpirun "
                     "--bind-to none`",
                     worker->threads, rank, worker->cores, worker->cores_online);
        else
            snprintf(advice, size, "%d threads of rank %d share %d cores; a smaller OMP_NUM_THREADS would be faster",
                     worker->threads, rank, worker->cores);
        return;
    }
    for (int rank = first; rank < machines[0].ranks; rank++) {
        const struct machine *worker = &machines[rank];
        const int threads = node_threads(machines, rank);
        if (threads > worker->cores_here)
            snprintf(advice, size, "%d threads share %d cores of node %s; fewer ranks would be as fast%s", threads,
                     worker->cores_here, worker->host,
                     worker->cores_here < worker->cores_online ? ", or start with `mpirun --bind-to none`" : "");
        else if (worker->cores_here < worker->cores_online)
            snprintf(advice, size,
                     "workers may use %d of %d cores of node %s; if the others are free, start with `mpirun --bind-to "
                     "none`",
                     worker->cores_here, worker->cores_online, worker->host);
        if (advice[0])
            return;
    }
}
