#include "worker/training.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of evaluation i. */
static const char *set_name(const struct run_spec *spec, uint32_t i) {
    return i < spec->test_count ? "test" : "parallel";
}

int training_open_tests(struct training *training, struct error *error) {
    const struct run_spec *spec = training->spec;
    const uint32_t count = run_spec_evaluations(spec);
    training->tests = calloc(count, sizeof *training->tests);
    training->points = calloc(count, sizeof *training->points);
    if (!training->tests || !training->points)
        return error_set(error, ERROR_FAILED, "run %u: no memory for its test sets", spec->run);
    for (uint32_t i = 0; i < count; i++, training->tests_open++)
        if (test_set_open(&training->tests[i], spec->tokens_folder, spec->tests[i % spec->test_count],
                          set_name(spec, i), spec->shape.vocabulary, spec->sequence, spec->evaluation_tokens,
                          error) != 0)
            return -1;
    return 0;
}

void training_close_tests(struct training *training) {
    for (uint32_t i = 0; i < training->tests_open; i++)
        test_set_close(&training->tests[i]);
    free(training->tests);
    free(training->points);
}

/* Windows [first, first + count) of a test set, shared out evenly: losses of all of them [count, T]. */
static int window_losses(struct training *training, const struct test_set *set, uint64_t first, uint64_t count) {
    const uint32_t length = training->spec->sequence, rank = training->group.rank, ranks = training->group.ranks;
    size_t begins[RUN_RANKS_MAX + 1];
    for (uint32_t m = 0; m <= ranks; m++)
        begins[m] = count * m / ranks * length * sizeof(float);
    const uint64_t mine = count * rank / ranks, end = count * (rank + 1) / ranks;
    if (mine < end) {
        test_set_get(set, first + mine, (uint32_t)(end - mine), training->tokens);
        const double start = omp_get_wtime();
        model_losses(training->model, training->tokens, (uint32_t)(end - mine), training->losses + mine * length);
        training->model_seconds += omp_get_wtime() - start;
    }
    return group_share(&training->group, training->losses, begins);
}

/* Sum of the cross entropies over the predictions of a test set, in the order of the text. */
static int test_loss_sum(struct training *training, const struct test_set *set, double *sum) {
    const uint32_t length = training->spec->sequence;
    const uint64_t most = (uint64_t)training->group.ranks * training->spec->micro_batch;
    *sum = 0;
    for (uint64_t first = 0; first < set->windows; first += most) {
        const uint64_t left = set->windows - first, count = left < most ? left : most;
        if (window_losses(training, set, first, count) != 0)
            return -1;
        for (uint64_t i = 0; i < count; i++) {
            const uint32_t predictions = test_set_predictions(set, first + i);
            for (uint32_t t = 0; t < predictions; t++)
                *sum += (double)training->losses[i * length + t];
        }
    }
    return 0;
}

static uint64_t tokens_of_language(const struct training *training, const char *language, uint64_t steps) {
    for (uint32_t l = 0; l < training->spec->language_count; l++)
        if (strcmp(training->spec->languages[l], language) == 0)
            return batches_seen(training->batches, steps, l).tokens;
    return 0;
}

int training_evaluate(struct training *training, uint64_t steps, struct error *error) {
    const struct run_spec *spec = training->spec;
    for (uint32_t i = 0; i < run_spec_evaluations(spec); i++) {
        const char *language = spec->tests[i % spec->test_count];
        double sum;
        if (test_loss_sum(training, &training->tests[i], &sum) != 0)
            return -1;
        const struct test_losses losses = test_set_losses(&training->tests[i], sum);
        struct loss_point *point = &training->points[i];
        *point = (struct loss_point){.run = spec->run,
                                     .step = (uint32_t)steps,
                                     .tokens = steps * spec->batch * spec->sequence,
                                     .tokens_target = tokens_of_language(training, language, steps),
                                     .cross_entropy = losses.cross_entropy,
                                     .unigram_normalised = losses.unigram_normalised,
                                     .bits_per_byte = losses.bits_per_byte};
        memcpy(point->language, language, LANGUAGE_CODE_SIZE);
        snprintf(point->set, sizeof point->set, "%s", set_name(spec, i));
    }
    return training_leads(training) ? training->sink->add_losses(training->sink->context, training->points,
                                                                 run_spec_evaluations(spec), error)
                                    : 0;
}
