/* The coordinator: gives runs to workers, takes their points into the journal, and publishes the archive now and then.
 *
 * Alone (one rank) it trains the runs itself, one after the other, through the same hands: what reaches the journal
 * does not depend on who trained. */
#ifndef SWEEP_ORCHESTRATOR_COORDINATOR_H
#define SWEEP_ORCHESTRATOR_COORDINATOR_H

#include "hdf5_schema/journal.h"
#include "orchestrator/plan.h"
#include "orchestrator/progress.h"
#include "orchestrator/schedule.h"
#include "worker/machine.h"

struct coordinator {
    const struct study *study;
    const struct plan *plan;
    struct journal *journal;
    const char *journal_path;
    struct schedule *schedule;
    struct progress *progress;
    uint32_t *attempts;          /* [runs] attempts so far */
    const uint64_t *resume_most; /* [runs] as in run_spec */
    bool stopped;                /* by a signal, before all runs were done */
    uint64_t *resumed;           /* [runs] steps that this session went on from */
    double synced, published;
    double publish_seconds; /* how long the last publication took */
    bool unsynced, unpublished;
};

/* Does every run that the schedule still has waiting, over the workers of comm or alone; machines: [ranks], what each
 * rank is. Failed runs are recorded and the others go on; an error of the journal ends everything. A signal to any rank
 * (worker/stop.h) ends all runs behind a checkpoint; what there is then is published. */
int coordinator_run(struct coordinator *coordinator, MPI_Comm comm, const struct machine *machines,
                    struct error *error);

/* Tells all workers of comm to stop. */
void coordinator_dismiss(MPI_Comm comm);

#endif
