/* A small study with something in every field, for the tests of journal and archive. */
#ifndef SWEEP_TESTS_SAMPLE_STUDY_H
#define SWEEP_TESTS_SAMPLE_STUDY_H

#include "base/random.h"
#include "hdf5_schema/study_record.h"
#include "tests/test.h"

#include <math.h>

enum { SAMPLE_RUNS = 4, SAMPLE_POINTS = 20, SAMPLE_EVALUATIONS = 5 };

static const char sample_languages[3][LANGUAGE_CODE_SIZE] = {"en", "fr", "zh"};

static void *sample_array(size_t count, size_t size) {
    void *array = calloc(count, size);
    assert_non_null(array);
    return array;
}

static struct language_tokens sample_language(uint32_t run, uint32_t language, uint32_t count) {
    struct language_tokens row = {
        .run = run, .weight = 1.0 / count, .tokens = 1000000 / count, .unique_tokens = 400000 / count, .epochs = 2.5};
    snprintf(row.language, sizeof row.language, "%s", sample_languages[language]);
    return row;
}

static struct run_record sample_run(uint32_t number) {
    static const char *const kinds[] = {"monolingual", "bilingual", "multilingual"};
    static const char *const names[] = {"en", "en+fr", "en+fr+zh"};
    const uint32_t count = number % 3 + 1;
    struct run_record run = {.run = number,
                             .scale = number == 2 ? -1 : (int32_t)number,
                             .layers = 2,
                             .width = 64,
                             .heads = 4,
                             .head_size = 16,
                             .feed_forward = 256,
                             .vocabulary = 512,
                             .parameters = 123456 + number,
                             .batch = 8,
                             .sequence = 128,
                             .steps = 1000,
                             .tokens = 1024000,
                             .flops = 6.0 * 123456 * 1024000,
                             .seed = 7,
                             .language_count = count};
    checksum_identity(&number, sizeof number, run.identity);
    snprintf(run.kind, sizeof run.kind, "%s", kinds[count - 1]);
    snprintf(run.name, sizeof run.name, "%s", names[count - 1]);
    snprintf(run.precision, sizeof run.precision, number == 1 ? "bf16" : "fp32");
    snprintf(run.size, sizeof run.size, number == 2 ? "klein, größer" : "scale %u", number);
    run.languages = sample_array(count, sizeof *run.languages);
    for (uint32_t l = 0; l < count; l++)
        run.languages[l] = sample_language(number, l, count);
    return run;
}

static struct run_outcome sample_outcome(uint32_t run, enum run_status status, uint32_t attempt) {
    struct run_outcome outcome = {.run = run,
                                  .status = status,
                                  .attempt = attempt,
                                  .ranks = 1,
                                  .threads = 2,
                                  .isa = "avx2",
                                  .seconds = 12.25,
                                  .started = 1.75e9};
    if (status == RUN_FAILED)
        snprintf(outcome.cause, sizeof outcome.cause, "loss is not a number at step %u, \"en\"", 400u);
    return outcome;
}

static struct curve_point sample_curve(uint32_t run, uint32_t index) {
    const uint32_t step = 50 * (index + 1);
    return (struct curve_point){run, step, 1024ull * step, 2e-4, 9.0 - random_uniform(1, run, index)};
}

static struct loss_point sample_loss(uint32_t run, uint32_t index) {
    const uint32_t step = 200 * (index + 1);
    struct loss_point point = {.run = run,
                               .step = step,
                               .tokens = 1024ull * step,
                               .tokens_target = 512ull * step,
                               .set = "test",
                               .cross_entropy = 5.0 + random_uniform(2, run, index),
                               .unigram_normalised = -1.5,
                               .bits_per_byte = 1.25};
    snprintf(point.language, sizeof point.language, "%s", sample_languages[index % 3]);
    return point;
}

static struct study_record sample_study_record(void) {
    return (struct study_record){.name = strdup("sample"),
                                 .file = strdup("study: sample\nlanguages: [en, fr, zh] # größer\n"),
                                 .settings = strdup("seed: 7\nsequence: 128\n"),
                                 .version = strdup("0.1.0")};
}

/* Run 0 done, run 1 failed, run 2 done, run 3 waiting. Freed by study_data_free. */
static struct study_data sample_study(void) {
    static const enum run_status status[SAMPLE_RUNS] = {RUN_DONE, RUN_FAILED, RUN_DONE, RUN_WAITING};
    struct study_data data = {.study = sample_study_record(), .run_count = SAMPLE_RUNS};
    data.runs = sample_array(SAMPLE_RUNS, sizeof *data.runs);
    data.outcomes = sample_array(SAMPLE_RUNS, sizeof *data.outcomes);
    data.curves = sample_array(3 * SAMPLE_POINTS, sizeof *data.curves);
    data.losses = sample_array(3 * SAMPLE_EVALUATIONS, sizeof *data.losses);
    data.seen = sample_array(4, sizeof *data.seen);
    for (uint32_t r = 0; r < SAMPLE_RUNS; r++) {
        data.runs[r] = sample_run(r);
        data.outcomes[r].run = r;
        if (r == 3)
            continue;
        data.outcomes[r] = sample_outcome(r, status[r], 1);
        for (uint32_t i = 0; i < SAMPLE_POINTS; i++)
            data.curves[data.curve_count++] = sample_curve(r, i);
        for (uint32_t i = 0; i < SAMPLE_EVALUATIONS; i++)
            data.losses[data.loss_count++] = sample_loss(r, i);
        for (uint32_t l = 0; status[r] == RUN_DONE && l < data.runs[r].language_count; l++)
            data.seen[data.seen_count++] = sample_language(r, l, data.runs[r].language_count);
    }
    data.curves[5].loss = NAN;
    return data;
}

/* Adds what is worked out after the runs, which no journal holds. */
__attribute__((unused)) static void sample_results(struct study_data *data) {
    data->transfer_count = 2;
    data->transfer = sample_array(2, sizeof *data->transfer);
    data->transfer[0] = (struct transfer_record){"fr", "en", "scale 0", 5e5, 6.5, 9e5, 0.2, 1, NAN, "measured"};
    data->transfer[1] = (struct transfer_record){"en", "fr", "scale 0", 5e5, 6.25, 1e6, 0.0, 1, NAN, "bound"};
    data->adaptation_count = 1;
    data->adaptation = sample_array(1, sizeof *data->adaptation);
    data->adaptation[0] = (struct adaptation_record){"fr", "en", "scale 0", 4e5, 0.5, -0.75};
    data->crossover_count = 1;
    data->crossovers = sample_array(1, sizeof *data->crossovers);
    data->crossovers[0] = (struct crossover_record){"scale 0", "en", 123456, NAN, 8e5, INFINITY, "later"};
    data->law_count = 2;
    data->laws = sample_array(2, sizeof *data->laws);
    for (size_t i = 0; i < 2; i++)
        data->laws[i] = (struct law_record){.law = "chinchilla",
                                            .loss = "cross_entropy",
                                            .points = 60,
                                            .objective = 0.001,
                                            .r2 = 0.99,
                                            .parameter_count = 2,
                                            .parameters = {{"E", 1.75, 0.125}, {"alpha", 0.34, NAN}}};
    snprintf(data->laws[0].language, LANGUAGE_CODE_SIZE, "en");
    snprintf(data->laws[1].language, LANGUAGE_CODE_SIZE, "fr");
}

/* Equal in every bit of every field; NaN equals NaN. The structs are zeroed before they are filled. */
#define ASSERT_SAME_ARRAY(a, b, count, again)                                                                          \
    do {                                                                                                               \
        assert_int_equal(count, again);                                                                                \
        if ((count) > 0)                                                                                               \
            assert_memory_equal(a, b, (count) * sizeof *(a));                                                          \
    } while (0)

__attribute__((unused)) static void assert_same_study(const struct study_data *a, const struct study_data *b) {
    assert_string_equal(a->study.name, b->study.name);
    assert_string_equal(a->study.file, b->study.file);
    assert_string_equal(a->study.settings, b->study.settings);
    assert_string_equal(a->study.version, b->study.version);
    assert_int_equal(a->run_count, b->run_count);
    for (size_t r = 0; r < a->run_count; r++) {
        struct run_record x = a->runs[r], y = b->runs[r];
        ASSERT_SAME_ARRAY(x.languages, y.languages, x.language_count, y.language_count);
        x.languages = y.languages = NULL;
        assert_memory_equal(&x, &y, sizeof x);
    }
    ASSERT_SAME_ARRAY(a->outcomes, b->outcomes, a->run_count, b->run_count);
    ASSERT_SAME_ARRAY(a->curves, b->curves, a->curve_count, b->curve_count);
    ASSERT_SAME_ARRAY(a->losses, b->losses, a->loss_count, b->loss_count);
    ASSERT_SAME_ARRAY(a->seen, b->seen, a->seen_count, b->seen_count);
    ASSERT_SAME_ARRAY(a->transfer, b->transfer, a->transfer_count, b->transfer_count);
    ASSERT_SAME_ARRAY(a->adaptation, b->adaptation, a->adaptation_count, b->adaptation_count);
    ASSERT_SAME_ARRAY(a->crossovers, b->crossovers, a->crossover_count, b->crossover_count);
    ASSERT_SAME_ARRAY(a->laws, b->laws, a->law_count, b->law_count);
}

#endif
