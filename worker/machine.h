/* What a rank runs on: its node, the cores it may use, and how many threads that leaves it. */
#ifndef SWEEP_WORKER_MACHINE_H
#define SWEEP_WORKER_MACHINE_H

#include <mpi.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

struct machine {
    int rank, ranks;  /* in the communicator */
    int nodes;        /* nodes of the whole job */
    int cores_here;   /* cores that the ranks of this node that train may use between them */
    int cores_online; /* cores of this node */
    int cores;        /* that this rank may use */
    int threads;      /* that it trains with */
    char isa[16];     /* instruction set of the kernels */
    char host[64];
};

/* Finds out where each rank of comm is and shares the cores of a node among the ranks of it that train: all but rank 0,
 * which only coordinates, unless it is alone. OMP_NUM_THREADS is obeyed. Collective; sets the number of OpenMP threads.
 */
void machine_find(MPI_Comm comm, struct machine *machine);

/* What every rank is, at rank 0: [ranks], to be freed; NULL elsewhere. Collective. */
struct machine *machine_gather(MPI_Comm comm, const struct machine *machine);

/* What is wrong with how these ranks [machines[0].ranks] were started, and what mends it, in one line: several threads
 * on one core, or cores left idle by a binding. Open MPI binds each rank of a small job to a single core. Empty when
 * nothing is. */
void machine_advice(const struct machine *machines, char *advice, size_t size);

/* A rank of a node, as the others of the node know it. */
struct place {
    cpu_set_t cores; /* of its affinity mask */
    int trains;
};

/* Threads that rank me of a node's ranks trains with: its share of the cores of its mask, at least 1; or what is
 * wished (OMP_NUM_THREADS, NULL: nothing). */
int machine_threads(const struct place *places, int ranks, int me, const char *wished);

#endif
