#include "orchestrator/launch_layout.h"

#include "base/file.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Cores of a set of processors. Two hardware threads are one core: they share its vector units. */
static int count_cores(const cpu_set_t *processors) {
    int cores = 0;
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, processors))
            continue;
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", processor);
        FILE *file = fopen(path, "r");
        int first = processor; /* of the hardware threads of this core */
        if (file && fscanf(file, "%d", &first) != 1)
            first = processor;
        if (file)
            fclose(file);
        cores += first == processor || !CPU_ISSET(first, processors);
    }
    return cores;
}

static bool has_domain(int domain) {
    char path[64];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d", domain);
    return file_exists(path);
}

static int count_domains(void) {
    int domains = 0;
    while (has_domain(domains))
        domains++;
    return domains;
}

static int number_of(const char *variable) {
    const char *text = getenv(variable);
    return text && atoi(text) > 0 ? atoi(text) : 0;
}

struct allocation allocation_find(void) {
    cpu_set_t mine, all;
    CPU_ZERO(&all);
    for (long processor = 0; processor < sysconf(_SC_NPROCESSORS_ONLN) && processor < CPU_SETSIZE; processor++)
        CPU_SET((size_t)processor, &all);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
        mine = all;
    struct allocation allocation = {.nodes = number_of("SLURM_JOB_NUM_NODES"),
                                    .cores = count_cores(&mine),
                                    .machine_cores = count_cores(&all),
                                    .domains = count_domains(),
                                    .tasks = number_of("SLURM_NTASKS"),
                                    .threads = number_of("OMP_NUM_THREADS")};
    const int given = number_of("SLURM_CPUS_ON_NODE"); /* on a shared node fewer than may be used */
    if (given > 0 && given < allocation.cores)
        allocation.cores = given;
    if (allocation.nodes == 0)
        allocation.nodes = 1;
    if (allocation.threads == 0)
        allocation.threads = number_of("SLURM_CPUS_PER_TASK");
    return allocation;
}

struct layout layout_choose(const struct allocation *allocation) {
    const int cores = allocation->nodes * allocation->cores;
    int workers = allocation->ranks > 1     ? allocation->ranks - 1
                  : allocation->ranks == 1  ? 1
                  : allocation->tasks > 0   ? allocation->tasks
                  : allocation->threads > 0 ? cores / allocation->threads
                                            : cores;
    if (workers < 1)
        workers = 1;
    struct layout layout = {.ranks = allocation->ranks > 0 ? allocation->ranks : workers + 1,
                            .threads = allocation->threads > 0 ? allocation->threads : cores / workers};
    if (layout.threads < 1)
        layout.threads = 1;
    layout.bound =
        allocation->domains > 1 && allocation->cores == allocation->machine_cores && workers * layout.threads == cores;
    return layout;
}
