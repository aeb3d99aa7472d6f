/* orchestrator/: pretrain or finetune, by the crossovers of an archive. With a path, writes an archive of a known law
 * there, for tests/test_advise.sh. */
#include "hdf5_schema/archive.h"
#include "orchestrator/advise_start.h"
#include "tests/test.h"

#include <math.h>

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.12g is not %.12g", value, expected);
}

/* Crossovers of en at three sizes with their power law, C = 6e18 FLOP at N = 1e8; of sw at one size; none of fr. */
static void add_crossovers(struct study_data *data) {
    static const struct crossover_record records[] = {
        {"small", "en", 10000000, 2.2387e9, 2e9, 3e9, "measured"},
        {"middle", "en", 30000000, 4.5724e9, 4e9, 5e9, "measured"},
        {"large", "en", 100000000, 1e10, 9e9, 1.1e10, "measured"},
        {"middle", "sw", 30000000, NAN, 5e9, INFINITY, "later"},
        {"small", "sw", 3000000, 1e9, 9e8, 1.1e9, "measured"},
        {"small", "es", 3000000, NAN, 0, 2e8, "earlier"},
    };
    data->crossover_count = sizeof records / sizeof *records;
    data->crossovers = malloc(sizeof records);
    data->laws = calloc(1, sizeof *data->laws);
    assert_true(data->crossovers && data->laws);
    memcpy(data->crossovers, records, sizeof records);
    data->law_count = 1;
    *data->laws = (struct law_record){.law = "crossover",
                                      .language = "en",
                                      .loss = "cross_entropy",
                                      .points = 3,
                                      .parameter_count = 2,
                                      .parameters = {{"a", 6e18 / pow(1e8, 1.65), NAN}, {"b", 1.65, NAN}}};
}

static void crossovers_tell_how_to_start(void **state) {
    (void)state;
    struct fit_source source = {.is_study = true};
    assert_string_equal(advise_start(&source, "en", 1e8, 1e18).basis, "the archive has no finetuned runs");
    add_crossovers(&source.data);
    const struct {
        const char *language;
        double N, flops;
        enum start_choice choice;
        double crossover;
        const char *basis;
    } cases[] = {
        {"en", 1e8, 5.9e18, START_FINETUNE, 6e18, "3 crossovers of en"},
        {"en", 1e8, 6.1e18, START_PRETRAIN, 6e18, "3 crossovers of en"},
        {"en", 1e9, 1e21, START_PRETRAIN, 6e18 * pow(10, 1.65), "3 crossovers of en; extrapolates N x 10"},
        {"sw", 3.1e6, 6 * 3.1e6 * 0.9e9, START_FINETUNE, 6 * 3.1e6 * 1e9, "one crossover, at N 3e+06 and D 1e+09"},
        {"sw", 3.1e6, 6 * 3.1e6 * 1.1e9, START_PRETRAIN, 6 * 3.1e6 * 1e9, "one crossover"},
        {"sw", 4e7, 6 * 4e7 * 4e9, START_FINETUNE, NAN, "at N 3e+07 the curves cross beyond D 5e+09"},
        {"sw", 4e7, 6 * 4e7 * 6e9, START_UNKNOWN, NAN, "cross beyond D 5e+09"},
        {"es", 4e6, 6 * 4e6 * 3e8, START_PRETRAIN, NAN, "at N 3e+06 the curves cross before D 2e+08"},
        {"es", 4e6, 6 * 4e6 * 1e8, START_UNKNOWN, NAN, "cross before D 2e+08"},
        {"sw", 1e9, 1e20, START_UNKNOWN, NAN, "no crossover is known near this size"},
        {"en", NAN, 1e20, START_UNKNOWN, NAN, "the best N is not known"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct start start = advise_start(&source, cases[i].language, cases[i].N, cases[i].flops);
        if (start.choice != cases[i].choice || !strstr(start.basis, cases[i].basis))
            fail_msg("case %zu: %s: %s", i, start_names[start.choice], start.basis);
        if (isnan(cases[i].crossover))
            assert_true(isnan(start.flops));
        else
            assert_near(start.flops, cases[i].crossover, 1e-12);
    }
    source.is_study = false;
    assert_string_equal(advise_start(&source, "en", 1e8, 1e18).basis, "a table has no finetuned runs");
    fit_source_free(&source);
}

/* --- an archive --- */

enum { MADE_SIZES = 5, MADE_MIXTURES = 3, MADE_EVALUATIONS = 20, MADE_STEPS = 20000 };

/* What D tokens count for of which U are unique, by the ATLAS law with lambda 0.8. */
static double worth(double D, double U) {
    return D <= U ? D : U * (1 + (1 - exp(-0.8 * (D / U - 1))) / 0.8);
}

/* Runs of en, of sw and of both, on 1e9 and 1e8 tokens of text; losses follow ATLAS laws with tau 0.4 and lambda 0.8.
 * All run at 25 GFLOP/s a core; the first was resumed. */
static int write_archive(const char *path) {
    static const char *const kinds[MADE_MIXTURES] = {"monolingual", "monolingual", "bilingual"};
    static const char *const languages[] = {"en", "sw"};
    static const double shares[MADE_MIXTURES][2] = {{1, 0}, {0, 1}, {0.5, 0.5}}, unique[] = {1e9, 1e8};
    struct study_data data = {.study = {strdup("made"), strdup(""),
                                        strdup("training.warmup_steps: 100\ntraining.decay_fraction: 0\n"),
                                        strdup("0")}};
    data.runs = calloc(MADE_SIZES * MADE_MIXTURES, sizeof *data.runs);
    data.outcomes = calloc(MADE_SIZES * MADE_MIXTURES, sizeof *data.outcomes);
    data.seen = calloc(MADE_SIZES * MADE_MIXTURES * 2, sizeof *data.seen);
    data.losses = calloc(MADE_SIZES * MADE_MIXTURES * MADE_EVALUATIONS * 2, sizeof *data.losses);
    assert_true(data.runs && data.outcomes && data.seen && data.losses);
    for (uint32_t r = 0; r < MADE_SIZES * MADE_MIXTURES; r++) {
        const uint32_t mixture = r % MADE_MIXTURES, size = r / MADE_MIXTURES;
        const double *share = shares[mixture], N = 1e6 * pow(4, size);
        struct run_record *run = &data.runs[data.run_count++];
        *run = (struct run_record){.run = r,
                                   .layers = 1,
                                   .width = 1,
                                   .heads = 1,
                                   .head_size = 1,
                                   .feed_forward = 1,
                                   .vocabulary = 512,
                                   .parameters = (uint64_t)N,
                                   .batch = 1,
                                   .sequence = 1,
                                   .precision = "fp32",
                                   .steps = MADE_STEPS,
                                   .tokens = MADE_STEPS * 100000ull,
                                   .flops = 6 * N * MADE_STEPS * 1e5,
                                   .scale = -1};
        checksum_identity(&r, sizeof r, run->identity);
        snprintf(run->kind, sizeof run->kind, "%s", kinds[mixture]);
        snprintf(run->name, sizeof run->name, "%s", kinds[mixture]);
        snprintf(run->size, sizeof run->size, "size %u", size);
        run->languages = calloc(2, sizeof *run->languages);
        assert_non_null(run->languages);
        data.outcomes[r] = (struct run_outcome){
            .run = r, .status = RUN_DONE, .attempt = 1, .ranks = 2, .threads = 3, .isa = "avx2", .started = 1};
        data.outcomes[r].resumed = r == 0 ? MADE_STEPS / 2 : 0;
        data.outcomes[r].step = MADE_STEPS;
        data.outcomes[r].seconds = run->flops / (r == 0 ? 2 : 1) / (2 * 3 * 25e9);
        for (int l = 0; l < 2; l++) {
            if (share[l] == 0)
                continue;
            struct language_tokens *part = &run->languages[run->language_count++];
            *part = (struct language_tokens){.run = r, .weight = share[l]};
            snprintf(part->language, sizeof part->language, "%s", languages[l]);
            part->tokens = (uint64_t)((double)run->tokens * share[l]);
            part->epochs = (double)part->tokens / unique[l];
            part->unique_tokens = (uint64_t)fmin(unique[l], (double)part->tokens);
            data.seen[data.seen_count++] = *part;
        }
        for (uint32_t e = 1; e <= MADE_EVALUATIONS; e++)
            for (int l = 0; l < 2; l++) {
                struct loss_point *point = &data.losses[data.loss_count++];
                *point = (struct loss_point){.run = r, .step = MADE_STEPS / MADE_EVALUATIONS * e, .set = "test"};
                snprintf(point->language, sizeof point->language, "%s", languages[l]);
                point->tokens = point->step * 100000ull;
                point->tokens_target = (uint64_t)((double)point->tokens * share[l]);
                const double D = (double)point->tokens,
                             D_eff = worth(D * share[l], unique[l]) + 0.4 * worth(D * share[1 - l], unique[1 - l]);
                point->cross_entropy = 1.7 + 0.2 * l + 90 / pow(N, 0.34) + 500 / pow(D_eff, 0.31);
            }
    }
    add_crossovers(&data);
    struct error error = {0};
    if (archive_write(path, &data, &error) != 0)
        fprintf(stderr, "%s\n", error.message);
    study_data_free(&data);
    return error.code;
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(crossovers_tell_how_to_start)};
    if (count > 1)
        return write_archive(words[1]);
    return cmocka_run_group_tests_name("advise", tests, NULL, NULL);
}
