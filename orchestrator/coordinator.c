#include "orchestrator/coordinator.h"

#include "worker/stop.h"
#include "worker/worker.h"

#include <omp.h>
#include <stdlib.h>

/* What the hands of a run know that is trained by the coordinator. */
struct alone {
    struct ledger *ledger;
    const struct machine *machine;
    uint32_t run;
};

static int begin(void *context, uint64_t step, struct error *error) {
    const struct alone *alone = context;
    const struct run_begun begun = {.run = alone->run, .step = step};
    return ledger_begun(alone->ledger, &begun, alone->machine, error);
}

static int add_curve(void *context, const struct curve_point *point, struct error *error) {
    const struct alone *alone = context;
    return ledger_curve(alone->ledger, point, 1, error) != 0 ? -1 : ledger_tend(alone->ledger, error);
}

static int add_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    return ledger_losses(((const struct alone *)context)->ledger, points, count, error);
}

static int add_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return ledger_seen(((const struct alone *)context)->ledger, seen, count, error);
}

static void note(void *context, const char *text) {
    const struct alone *alone = context;
    const struct run_note run_note = run_note_make(alone->run, text);
    ledger_note(alone->ledger, &run_note);
}

static bool stop(void *context) {
    (void)context;
    return stop_asked();
}

static int run_alone(struct ledger *ledger, const struct machine *machine, run_function *train, struct error *error) {
    struct alone alone = {.ledger = ledger, .machine = machine};
    const struct run_sink sink = {.context = &alone,
                                  .begin = begin,
                                  .add_curve = add_curve,
                                  .add_losses = add_losses,
                                  .add_seen = add_seen,
                                  .stop = stop,
                                  .note = note};
    struct run_spec *spec = malloc(sizeof *spec);
    if (!spec)
        return error_set(error, ERROR_FAILED, "no memory for a run specification");
    int result = 0;
    while (result == 0 && !stop_asked()) {
        const int64_t run = schedule_next(ledger->schedule, 1, omp_get_wtime());
        if (run == SCHEDULE_NOTHING_READY)
            break;
        alone.run = (uint32_t)run;
        ledger_spec(ledger, alone.run, 1, spec);
        const struct run_result ended = worker_run(train, spec, &sink);
        result = ledger_ended(ledger, &ended, machine, error);
        if (result == 0)
            result = ledger_tend(ledger, error);
    }
    free(spec);
    return result;
}

int coordinator_run(struct ledger *ledger, struct crew *crew, run_function *train, bool *stopped, struct error *error) {
    stop_listen();
    int result = crew->machines[0].ranks > 1 ? crew_run(crew, ledger, error)
                                             : run_alone(ledger, &crew->machines[0], train, error);
    if (result == 0)
        result = ledger_sync(ledger, error);
    stop_listen_no_more();
    *stopped = ledger->schedule->counts[RUN_WAITING] > 0 && (stop_asked() || crew->halted);
    return result == 0 && *stopped ? ledger_publish(ledger, error) : result;
}
