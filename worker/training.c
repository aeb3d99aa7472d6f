#include "worker/training.h"

#include <omp.h>
#include <stdlib.h>

/* What a worker holds beside the run: program, libraries and MPI, 18 MiB on Debian 12, and a page of a shard, 2 MiB.
 * Found by measuring, and felt by models of a few megabytes only. */
enum { PROCESS_BYTES = 23 << 20 };

struct model_setup training_model_setup(struct training *training) {
    const struct run_spec *spec = training->spec;
    return (struct model_setup){.shape = spec->shape,
                                .precision = spec->precision,
                                .batch = spec->micro_batch,
                                .sequence = spec->sequence,
                                .dropout = spec->dropout,
                                .seed = spec->key,
                                .sharing = {.batch = spec->batch,
                                            .shards = spec->shards,
                                            .rank = training->group.rank,
                                            .ranks = training->group.ranks,
                                            .ready = group_ready,
                                            .context = &training->group}};
}

static size_t token_bytes(const struct model_setup *setup) {
    return (size_t)setup->batch * (setup->sequence + 1) * sizeof(uint16_t);
}

static size_t loss_bytes(const struct model_setup *setup) {
    const size_t members = setup->sharing.ranks ? setup->sharing.ranks : 1;
    return members * setup->batch * setup->sequence * sizeof(float);
}

size_t run_memory_bytes(const struct model_setup *setup) {
    const size_t model = model_memory_bytes(setup);
    return model ? PROCESS_BYTES + model + token_bytes(setup) + loss_bytes(setup) +
                       group_memory_bytes(setup->sharing.ranks)
                 : 0;
}

void training_close(struct training *training) {
    batches_close(training->batches);
    training_close_tests(training);
    model_destroy(training->model);
    group_close(&training->group);
    free(training->report);
    free(training->tokens);
    free(training->losses);
    free(training->seen);
}

/* Finds where what each member owns begins. */
static void lay_out_members(struct training *training, const struct model_setup *setup) {
    const uint32_t ranks = training->group.ranks;
    const size_t others = sizeof(struct training_decision) + run_spec_shards(training->spec) / ranks * sizeof(double);
    for (uint32_t m = 0; m <= ranks; m++) {
        training->owned[m] = model_owned_first(setup, m) * sizeof(float);
        training->sums[m] = model_square_sum_first(setup, m);
        training->reports[m] = m * others + training->sums[m] * sizeof(double);
    }
}

int training_open(struct training *training, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct run_sink *sink = training->sink;
    if (group_open(&training->group, spec, sink->comm, sink->abandon, sink->context, error) != 0)
        return -1;
    const struct model_setup setup = training_model_setup(training);
    if (batches_open(&training->batches, spec->tokens_folder, spec->languages, spec->weights, spec->language_count,
                     spec->shape.vocabulary, spec->batch, spec->sequence, spec->key, error) != 0)
        return -1;
    training->tokens = malloc(token_bytes(&setup));
    training->losses = malloc(loss_bytes(&setup));
    lay_out_members(training, &setup);
    training->report = calloc(1, training->reports[training->group.ranks]);
    training->seen = calloc(spec->language_count, sizeof *training->seen);
    if (!training->tokens || !training->losses || !training->report || !training->seen)
        return error_set(error, ERROR_FAILED, "run %u: no memory for its batches", spec->run);
    if (training_open_tests(training, error) != 0)
        return -1;
    const double start = omp_get_wtime();
    const int result = model_create(&training->model, &setup, error);
    training->model_seconds += omp_get_wtime() - start;
    return result;
}

bool training_leads(const struct training *training) {
    return training->group.rank == 0;
}

bool training_told(const struct training *training, bool (*word)(void *context)) {
    return word && word(training->sink->context);
}

int training_share_parameters(void *context, float *parameters) {
    struct training *training = context;
    return group_share(&training->group, parameters, training->owned);
}
