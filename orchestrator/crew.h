/* The worker ranks and what each is doing: gives runs to those that are idle, takes what they tell into the ledger, and
 * does without those that fall silent.
 *
 *   idle -> a run -> busy -> it ended -> idle
 *   busy or idle -> silent for 8 seconds, or a member of its run was lost -> leaving -> left its run -> idle
 *
 * A rank that is leaving was told to abandon its run; what it still tells is dropped until it says that it has. A dead
 * one never does. A frozen one does when it goes on, and is welcome. At the end all are asked in this way: each rank
 * must know whether one is missing, before it waits for all in MPI_Finalize. */
#ifndef SWEEP_ORCHESTRATOR_CREW_H
#define SWEEP_ORCHESTRATOR_CREW_H

#include "orchestrator/ledger.h"
#include "worker/heart.h"

struct crew {
    MPI_Comm comm;
    const struct heart *heart;
    const struct machine *machines; /* [ranks]; the first is the coordinator */
    bool *silent;                   /* [ranks] nothing was heard of it for 8 seconds */
    double listened;                /* when it was looked who is silent */
    uint32_t encode_tasks;          /* that were numbered */
    int lost;                       /* ranks of which nothing was heard when they were dismissed */
    bool halted;                    /* a signal came to a rank: what runs was stopped behind checkpoints */
};

/* Is told of each rank that fell silent or is back, as crew->silent[rank] says; news: the same in words. */
typedef void crew_news(void *context, int rank, const char *news);

/* Looks who is silent, once a second. 1: somebody fell silent or is back, 0: nobody, -1: all workers are lost. */
int crew_listen(struct crew *crew, crew_news *tell, void *context, struct error *error);

/* Does every run of the ledger's schedule that can be done. Fails when the journal does, or all workers are lost. */
int crew_run(struct crew *crew, struct ledger *ledger, struct error *error);

/* Tells the workers to end, once each has answered or is silent; returns how many are. */
int crew_dismiss(struct crew *crew);

#endif
