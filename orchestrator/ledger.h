/* The books of a running study: what the runs tell goes into the journal, and from there, now and then, into an archive
 * that readers may open while the study goes on. Knows how often each run was tried and how far it is known, and
 * decides whether one that failed is tried again. */
#ifndef SWEEP_ORCHESTRATOR_LEDGER_H
#define SWEEP_ORCHESTRATOR_LEDGER_H

#include "hdf5_schema/journal.h"
#include "orchestrator/plan.h"
#include "orchestrator/progress.h"
#include "orchestrator/schedule.h"
#include "worker/machine.h"
#include "worker/protocol.h"

/* What is known of a run. */
struct ledger_run {
    uint32_t attempts;
    uint32_t failures;      /* since the program started */
    float learning_rate;    /* of the next attempt */
    bool interrupted;       /* the last attempt has not ended: it goes on */
    bool forgettable;       /* it is done; its checkpoints go once the journal has been synced */
    bool evaluated;         /* there is an evaluation of it */
    uint64_t resumed;       /* steps that the last attempt went on from */
    uint64_t curve, losses; /* steps of its last curve point and its last evaluation */
    uint32_t ranks;         /* that train it */
};

struct ledger {
    const struct study *study;
    const struct plan *plan;
    struct journal *journal;
    const char *journal_path;
    struct schedule *schedule;
    struct progress *progress;
    struct ledger_run *runs; /* [plan->count] */
    double synced, published;
    double publish_seconds; /* how long the last publication took */
    bool unsynced, unpublished, any_forgettable;
};

/* Nothing is known. What the members point to must outlive the ledger. */
int ledger_open(struct ledger *ledger, const struct study *study, const struct plan *plan, struct schedule *schedule,
                struct progress *progress, struct error *error);
void ledger_close(struct ledger *ledger);

/* Takes over what an earlier program has done, as a journal tells it. Runs that are done are so in the schedule. */
void ledger_recall(struct ledger *ledger, const struct study_data *data);

/* The specification of the next attempt of a run, or of the one that was interrupted, over so many ranks. */
void ledger_spec(struct ledger *ledger, uint32_t run, uint32_t ranks, struct run_spec *spec);

/* What runs tell; of the journal's errors only those that end everything. */
int ledger_begun(struct ledger *ledger, const struct run_begun *begun, const struct machine *worker,
                 struct error *error);
int ledger_curve(struct ledger *ledger, const struct curve_point *points, uint32_t count, struct error *error);
int ledger_losses(struct ledger *ledger, const struct loss_point *points, uint32_t count, struct error *error);
int ledger_seen(struct ledger *ledger, const struct language_tokens *seen, uint32_t count, struct error *error);
void ledger_note(struct ledger *ledger, const struct run_note *note);

/* A run ended: done, stopped (it waits, and would go on), or failed: then it is tried again as the study says. The
 * schedule is told. */
int ledger_ended(struct ledger *ledger, const struct run_result *result, const struct machine *worker,
                 struct error *error);

/* A run was taken from its ranks without a result: it goes on elsewhere. */
void ledger_lost(struct ledger *ledger, uint32_t run);

/* Syncs, publishes and shows progress, each when its time has come. A full disk is waited for, and said; a signal to
 * stop (worker/stop.h) ends the wait with ERROR_NO_ROOM. */
int ledger_tend(struct ledger *ledger, struct error *error);
int ledger_sync(struct ledger *ledger, struct error *error);

/* Publishes what there is now. */
int ledger_publish(struct ledger *ledger, struct error *error);

#endif
