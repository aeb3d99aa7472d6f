#include "worker/training.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { DECISION = sizeof(struct training_decision) / sizeof(double) };

static bool save_is_due(const struct training *training, uint64_t steps) {
    const struct run_spec *spec = training->spec;
    return (spec->checkpoint_steps > 0 && steps % spec->checkpoint_steps == 0) ||
           (spec->checkpoint_seconds > 0 && omp_get_wtime() - training->saved >= spec->checkpoint_seconds);
}

/* Adds the gradient of one shard; returns the sum of its cross entropies. */
static double shard_gradient(struct training *training, uint64_t step, uint32_t shard) {
    const struct run_spec *spec = training->spec;
    const uint64_t shards = run_spec_shards(spec), B = spec->batch;
    const uint32_t end = (uint32_t)((shard + 1) * B / shards);
    double sum = 0;
    for (uint32_t first = (uint32_t)(shard * B / shards); first < end; first += spec->micro_batch) {
        const uint32_t left = end - first, count = left < spec->micro_batch ? left : spec->micro_batch;
        const float scale = (float)(1 / ((double)spec->batch * spec->sequence));
        double loss;
        batches_get(training->batches, step, first, count, training->tokens);
        const double start = omp_get_wtime();
        model_gradient(training->model, training->tokens, count, scale, step, first, &loss);
        training->model_seconds += omp_get_wtime() - start;
        sum += loss;
    }
    return sum;
}

/* The leader's word on what comes behind step `done`, before it is done: it travels with the step. */
static struct training_decision decide(const struct training *training, uint64_t done) {
    const struct run_spec *spec = training->spec;
    const bool stop = done < spec->steps && training_told(training, training->sink->stop);
    return (struct training_decision){.stop = stop,
                                      .save = spec->checkpoint[0] && (stop || save_is_due(training, done))};
}

static double *report_of(const struct training *training, uint32_t m) {
    return training->report + training->reports[m] / sizeof(double);
}

/* Tells the others what this member found in a step, its decision if it leads, and learns what they did: the leader's
 * decision, the sum of the losses of all shards, in their order, and for the model all square sums. */
static int share_reports(struct training *training, double *square_sums, struct training_decision *decision,
                         double *loss) {
    struct group *group = &training->group;
    const uint32_t shards = run_spec_shards(training->spec) / group->ranks; /* of a member */
    const size_t *sums = training->sums;
    double *mine = report_of(training, group->rank);
    memcpy(mine, decision, sizeof *decision);
    memcpy(mine + DECISION + shards, square_sums + sums[group->rank],
           (sums[group->rank + 1] - sums[group->rank]) * sizeof *square_sums);
    if (group_share(group, training->report, training->reports) != 0)
        return -1;
    memcpy(decision, training->report, sizeof *decision);
    *loss = 0;
    for (uint32_t m = 0; m < group->ranks; m++) {
        const double *losses = report_of(training, m) + DECISION;
        for (uint32_t s = 0; s < shards; s++)
            *loss += losses[s];
        memcpy(square_sums + sums[m], losses + shards, (sums[m + 1] - sums[m]) * sizeof *square_sums);
    }
    return 0;
}

int training_step(struct training *training, uint64_t step, float learning_rate, double *loss,
                  struct training_decision *decision) {
    const struct run_spec *spec = training->spec;
    struct group *group = &training->group;
    const uint32_t shards = run_spec_shards(spec) / group->ranks; /* of a member */
    double *losses = report_of(training, group->rank) + DECISION;
    group_sum_begin(group, model_gradients(training->model), training->owned);
    for (uint32_t s = 0; s < shards; s++)
        losses[s] = shard_gradient(training, step, group->rank * shards + s);
    if (training_leads(training))
        *decision = decide(training, step + 1);
    if (group_sum(group) != 0)
        return -1;
    double start = omp_get_wtime();
    double *square_sums = model_square_sums(training->model);
    training->model_seconds += omp_get_wtime() - start;
    if (share_reports(training, square_sums, decision, loss) != 0)
        return -1;
    struct model_optimizer optimizer = spec->optimizer;
    optimizer.learning_rate = learning_rate;
    start = omp_get_wtime();
    const double norm = model_update_owned(training->model, &optimizer);
    training->model_seconds += omp_get_wtime() - start;
    *loss = isfinite(norm) ? *loss / ((double)spec->batch * spec->sequence) : NAN;
    return training_share_parameters(training, model_weights(training->model));
}
