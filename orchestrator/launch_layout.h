/* How many ranks and threads `sweep launch` starts, and whether they are bound to cores. */
#ifndef SWEEP_ORCHESTRATOR_LAUNCH_LAYOUT_H
#define SWEEP_ORCHESTRATOR_LAUNCH_LAYOUT_H

#include <stdbool.h>

/* What there is to run on; 0: unknown, or not wished. */
struct allocation {
    int nodes;
    int cores;         /* of a node, that may be used */
    int machine_cores; /* of a node, all */
    int domains;       /* memory domains (NUMA nodes) of a node */
    int tasks;         /* that Slurm was asked for: one a worker */
    int threads;       /* wished, a worker */
    int ranks;         /* wished, the coordinator among them */
};

struct layout {
    int ranks;   /* one worker fewer: the coordinator sleeps and takes no core. 1: that one trains */
    int threads; /* of a worker */
    bool bound;
};

/* What this machine, the Slurm allocation and OMP_NUM_THREADS say. Nothing is wished but threads by the latter. */
struct allocation allocation_find(void);

/* Fills the cores with workers: the wished ranks, or one a task, or one for every `threads` cores (1 if not wished).
 * They are bound when they fill whole machines of several memory domains, where a worker that wanders leaves its memory
 * behind. Everywhere else nothing is bound: another job may have been given the same first cores. */
struct layout layout_choose(const struct allocation *allocation);

#endif
