/* The post-fit of a study like the published one: 774 runs, 48 evaluation languages. As a test with few evaluations a
 * run; with --full, which `make bench-postfit` does, with 300, and how long it takes. */
#include "base/random.h"
#include "laws/atlas.h"
#include "orchestrator/postfit.h"
#include "tests/test.h"

#include <math.h>
#include <time.h>

enum { EVALUATED = 48, UNIMAX = 420, SCALES = 20, RUNS = 774, TARGETS = 10, MIXTURES = 12 };

/* Runs of the study in the order of docs: how many, of which kind, and of how many languages at how many sizes. */
static const struct part {
    int runs, sizes;
    const char *kind, *name;
} PARTS[] = {
    {140, 20, "monolingual", "mono"},      {20, 20, "multilingual", "unimax"},  {70, 10, "monolingual", "mono"},
    {50, 1, "monolingual", "mono"},        {90, 1, "bilingual", "pair"},        {150, 10, "bilingual", "pair"},
    {120, 10, "multilingual", "capacity"}, {50, 1, "monolingual", "finetuned"}, {84, 7, "monolingual", "finetuned"},
};
static const uint32_t CAPACITIES[MIXTURES] = {4, 4, 4, 4, 6, 8, 8, 12, 16, 24, 32, 48};

static void language_name(uint32_t language, char *name) {
    snprintf(name, LANGUAGE_CODE_SIZE, "l%02u", language);
}

/* The languages of the run-th run of a part, which has `sizes` sizes of each mixture. */
static uint32_t choose_languages(const struct part *part, int run, uint32_t *languages) {
    const uint32_t mixture = (uint32_t)(run / part->sizes);
    uint32_t count = 0;
    if (strcmp(part->name, "unimax") == 0)
        count = UNIMAX;
    else if (strcmp(part->name, "capacity") == 0)
        count = CAPACITIES[mixture];
    for (uint32_t l = 0; l < count; l++)
        languages[l] = l;
    if (count > 0)
        return count;
    languages[0] = strcmp(part->kind, "monolingual") == 0 ? mixture % EVALUATED : mixture % TARGETS;
    languages[1] = (languages[0] + 1 + mixture / TARGETS) % TARGETS;
    return strcmp(part->kind, "monolingual") == 0 ? 1 : 2;
}

static void add_losses(struct study_data *data, const struct run_record *run, uint32_t evaluations) {
    for (uint32_t e = 1; e <= evaluations; e++)
        for (uint32_t t = 0; t < EVALUATED; t++) {
            struct loss_point *point = &data->losses[data->loss_count++];
            *point =
                (struct loss_point){.run = run->run, .step = (uint32_t)run->steps / evaluations * e, .set = "test"};
            point->tokens = (uint64_t)point->step * 1000000;
            language_name(t, point->language);
            double share = 0;
            for (uint32_t l = 0; l < run->language_count; l++)
                if (strcmp(run->languages[l].language, point->language) == 0)
                    share = run->languages[l].weight;
            const double tokens = (double)point->tokens, effective = tokens * (share + 0.05 * (1 - share));
            const uint64_t key = (uint64_t)e * EVALUATED + t;
            point->tokens_target = (uint64_t)(tokens * share);
            point->cross_entropy = (1.6 + 300 / pow((double)run->parameters, 0.32) + 700 / pow(effective, 0.3)) *
                                   exp(0.01 * random_normal(1, run->run, key));
        }
}

/* Fills data and the study that it is of. */
static void make_study(uint32_t evaluations, struct study *study, struct study_data *data) {
    static char languages[EVALUATED][LANGUAGE_CODE_SIZE];
    for (uint32_t l = 0; l < EVALUATED; l++)
        language_name(l, languages[l]);
    *study = (struct study){.language_count = EVALUATED,
                            .languages = languages,
                            .reference_tokens = 4e9,
                            .warmup_steps = 1000,
                            .decay_fraction = 0.1};
    *data = (struct study_data){0};
    data->runs = calloc(RUNS, sizeof *data->runs);
    data->outcomes = calloc(RUNS, sizeof *data->outcomes);
    data->losses = calloc((size_t)RUNS * EVALUATED * evaluations, sizeof *data->losses);
    assert_true(data->runs && data->outcomes && data->losses);
    for (size_t p = 0; p < sizeof PARTS / sizeof *PARTS; p++)
        for (int i = 0; i < PARTS[p].runs; i++) {
            uint32_t chosen[UNIMAX];
            const uint32_t r = (uint32_t)data->run_count++,
                           size = (uint32_t)(i % PARTS[p].sizes * SCALES / PARTS[p].sizes);
            struct run_record *run = &data->runs[r];
            *run = (struct run_record){.run = r, .steps = 30000, .parameters = (uint64_t)(1e7 * pow(1.4, size))};
            run->language_count = choose_languages(&PARTS[p], i, chosen);
            run->languages = calloc(run->language_count, sizeof *run->languages);
            assert_non_null(run->languages);
            for (uint32_t l = 0; l < run->language_count; l++) {
                run->languages[l].weight = 1.0 / run->language_count;
                language_name(chosen[l], run->languages[l].language);
            }
            snprintf(run->kind, sizeof run->kind, "%s", PARTS[p].kind);
            snprintf(run->name, sizeof run->name, "%s", PARTS[p].name);
            snprintf(run->size, sizeof run->size, "scale %u", size);
            data->outcomes[r] = (struct run_outcome){.run = r, .status = RUN_DONE, .attempt = 1};
            add_losses(data, run, evaluations);
        }
    assert_int_equal(data->run_count, RUNS);
}

static void fit_study(uint32_t evaluations) {
    struct study study;
    struct study_data data;
    struct error error = {0};
    char *notes;
    size_t size, count = 0;
    make_study(evaluations, &study, &data);
    FILE *file = open_memstream(&notes, &size);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (postfit(&study, &data, file, &error) != 0)
        fail_msg("%s", error.message);
    clock_gettime(CLOCK_MONOTONIC, &end);
    fclose(file);
    for (size_t i = 0; i < data.law_count; i++) {
        const struct law_parameter *beta = &data.laws[i].parameters[ATLAS_BETA];
        if (strcmp(data.laws[i].law, "atlas") != 0)
            continue;
        count++;
        assert_true(beta->standard_error > 0 && fabs(beta->value - 0.3) < 6 * beta->standard_error);
    }
    print_message("# post-fit of %d runs, %u evaluations of each on %d languages: %.1f s, %zu ATLAS laws, %zu scores\n",
                  RUNS, evaluations, EVALUATED,
                  (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec), count,
                  data.transfer_count);
    assert_int_equal(count, EVALUATED);
    free(notes);
    study_data_free(&data);
}

static void every_language_gets_its_law(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* it would take a minute; test_orchestrator holds the same code under the sanitizers */
#endif
    fit_study(4);
}

static void published_study_is_fitted(void **state) {
    (void)state;
    fit_study(300);
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_language_gets_its_law)};
    const struct CMUnitTest full[] = {cmocka_unit_test(published_study_is_fitted)};
    if (count > 1 && strcmp(words[1], "--full") == 0)
        return cmocka_run_group_tests_name("post-fit of the published study", full, NULL, NULL);
    return cmocka_run_group_tests_name("post-fit", tests, NULL, NULL);
}
