/* What a rank runs on: its node, the cores it may use, and how many threads that leaves it. */
#ifndef SWEEP_WORKER_MACHINE_H
#define SWEEP_WORKER_MACHINE_H

#include <mpi.h>
#include <stdint.h>

struct machine {
    int rank, ranks;  /* in the communicator */
    int nodes;        /* nodes of the whole job */
    int workers_here; /* ranks of this node that train */
    int cores_here;   /* cores that the ranks of this node may use between them */
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

#endif
