/* orchestrator/plan.c and command_plan.c: what a study comes to. */
#include "orchestrator/command.h"
#include "orchestrator/plan.h"
#include "orchestrator/records.h"
#include "tests/test.h"
#include "worker/train.h"

#include <math.h>
#include <unistd.h>

static const char base[] = "study: test\n"
                           "languages: [en, es, ru]\n"
                           "corpus: {text: text, tokens: tokens}\n"
                           "vocabulary: {pieces: 1000}\n"
                           "sizes:\n"
                           "  - {name: small, layers: 1, width: 16, heads: 2, head_size: 8, feed_forward: 32}\n"
                           "  - {name: large, layers: 2, width: 32, heads: 2, head_size: 16, feed_forward: 64}\n"
                           "training: {tokens: 1e6, batch: 8, sequence: 128, warmup_steps: 10}\n"
                           "runs:\n"
                           "  monolingual: {languages: [en, es], sizes: all}\n"
                           "  bilingual: {pairs: [[es, en]], sizes: [small]}\n"
                           "  multilingual: {mixtures: {three: {ru: 2, en: 1, es: 1}}, sizes: [large]}\n"
                           "evaluation: {every_tokens: 1e5, tokens: 3000}\n";

static void read_plan(const char *path, struct study *study, struct plan *plan) {
    struct error error = {0};
    assert_int_equal(study_read(path, study, stderr, &error), 0);
    assert_int_equal(plan_make(study, plan, &error), 0);
    for (uint32_t l = 0; l < study->language_count; l++) /* as if there were shards */
        study->train_tokens[l] = 100000 + 1000000ull * l;
    assert_int_equal(plan_identify(study, plan, &error), 0);
}

/* The study and plan of base with its first `from` replaced. */
static void plan_of(const char *folder, const char *from, const char *to, struct study *study, struct plan *plan) {
    char path[FILE_PATH_SIZE];
    const char *place = strstr(base, from);
    assert_non_null(place);
    snprintf(path, sizeof path, "%s/study.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%.*s%s%s", (int)(place - base), base, to, place + strlen(from));
    assert_int_equal(fclose(file), 0);
    read_plan(path, study, plan);
}

static void sweeps_have_the_runs_they_promise(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t runs, groups[2];
    } sweeps[] = {
        {"sweeps/tiny.yaml", 12, {9, 3}}, {"sweeps/demo.yaml", 18, {12, 6}}, {"sweeps/bilingual.yaml", 55, {10, 45}}};
    for (size_t i = 0; i < 3; i++) {
        struct study study;
        struct plan plan;
        size_t groups[2] = {0};
        read_plan(sweeps[i].path, &study, &plan);
        assert_int_equal(plan.count, sweeps[i].runs);
        for (size_t r = 0; r < plan.count; r++) {
            const struct planned_run *run = &plan.runs[r];
            groups[run->group]++;
            assert_int_equal(run->waits_for, WAITS_FOR_NOTHING);
            for (size_t other = 0; other < r; other++)
                assert_string_not_equal(run->identity, plan.runs[other].identity);
        }
        assert_memory_equal(groups, sweeps[i].groups, sizeof groups);
        plan_free(&plan);
        study_free(&study);
    }
}

static void runs_stand_in_the_order_of_the_file(void **state) {
    static const struct {
        uint32_t group, mixture, size;
    } order[] = {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 1}, {1, 0, 0}, {2, 0, 1}};
    struct study study;
    struct plan plan;
    plan_of(*state, "", "", &study, &plan);
    assert_int_equal(plan.count, 6);
    for (size_t r = 0; r < plan.count; r++) {
        assert_int_equal(plan.runs[r].group, order[r].group);
        assert_int_equal(plan.runs[r].mixture, order[r].mixture);
        assert_int_equal(plan.runs[r].size, order[r].size);
    }
    plan_free(&plan);
    study_free(&study);
}

static void groups_of_a_kind_may_have_tokens_and_seeds_of_their_own(void **state) {
    struct study study;
    struct plan plan;
    plan_of(*state, "{languages: [en, es], sizes: all}",
            "[{languages: [en], sizes: [small]}, {languages: [en], sizes: [small], tokens: 2e6, name: longer},\n"
            "    {languages: [en], sizes: [small], seed: 7}]",
            &study, &plan);
    assert_int_equal(study.group_count, 5);
    assert_int_equal(plan.count, 5);
    assert_string_equal(study.groups[0].name, "monolingual");
    assert_string_equal(study.groups[1].name, "longer");
    assert_string_equal(study.groups[2].kind, "monolingual");
    assert_int_equal(plan.runs[0].steps, 977);
    assert_int_equal(plan.runs[1].steps, 1954);
    assert_int_equal(plan.runs[2].steps, 977);
    struct run_record record;
    struct language_tokens languages[1];
    struct run_spec *first = malloc(sizeof *first), *again = malloc(sizeof *again);
    assert_non_null(first);
    assert_non_null(again);
    record_of_run(&study, &plan, 2, languages, &record);
    assert_int_equal(record.seed, 7);
    plan_spec(&study, &plan, 0, 1, first);
    plan_spec(&study, &plan, 2, 1, again);
    assert_true(first->key != again->key);
    assert_string_not_equal(first->identity, again->identity);
    free(first);
    free(again);
    plan_free(&plan);
    study_free(&study);
}

static void steps_flops_and_memory_are_those_of_the_formulas(void **state) {
    struct study study;
    struct plan plan;
    plan_of(*state, "", "", &study, &plan);
    const struct planned_run *run = &plan.runs[4]; /* en+es, small */
    assert_int_equal(run->steps, 977);             /* ceil(1e6 / 1024) */
    assert_int_equal(run->tokens, 977 * 1024);
    /* Matrices 1000 x 16 + 4 x 16 x 16 + 3 x 16 x 32 = 18 560 elements; attention 6 x 16 x 128; an evaluation every 98
     * steps and at the end: 10, of 3000 predictions in two languages, at a third. */
    const double token = 6.0 * 18560 + 6.0 * 16 * 128;
    assert_true(fabs(run->flops / (token * (977.0 * 1024 + 10 * 2 * 3000 / 3.0)) - 1) < 1e-12);
    const struct model_setup setup = {.shape = study.sizes[0].shape, .batch = 8, .sequence = 128, .dropout = 0.1f};
    assert_true(run->memory_bytes == run_memory_bytes(&setup));
    plan_free(&plan);
    study_free(&study);
}

static void specification_says_everything(void **state) {
    struct study study;
    struct plan plan;
    plan_of(*state, "batch: 8,", "batch: 100, decay_fraction: 0.25, precision: bf16,", &study, &plan);
    struct run_spec *spec = malloc(sizeof *spec), *again = malloc(sizeof *again);
    assert_true(spec && again);
    memset(spec, 0xff, sizeof *spec);
    plan_spec(&study, &plan, 5, 3, spec); /* three, large */
    assert_int_equal(spec->run, 5);
    assert_int_equal(spec->attempt, 3);
    assert_memory_equal(&spec->shape, &study.sizes[1].shape, sizeof spec->shape);
    assert_int_equal(spec->shape.vocabulary, 1000);
    assert_int_equal(spec->batch, 100);
    assert_int_equal(spec->micro_batch, 64); /* 8192 tokens */
    assert_int_equal(spec->sequence, 128);
    assert_int_equal(spec->steps, 79); /* ceil(1e6 / 12800) */
    assert_int_equal(spec->warmup_steps, 10);
    assert_true(spec->decay_fraction == 0.25 && spec->dropout == 0.1f);
    assert_int_equal(spec->precision, MODEL_BF16);
    assert_true(spec->optimizer.learning_rate == 2e-4f);
    assert_int_equal(spec->curve_steps, 1);      /* of 10 000 tokens */
    assert_int_equal(spec->evaluation_steps, 8); /* 7.8 */
    assert_int_equal(spec->evaluation_tokens, 3000);
    assert_string_equal(spec->tokens_folder, study.tokens_folder);
    assert_int_equal(spec->language_count, 3);
    assert_int_equal(spec->test_count, 3);
    assert_int_equal(run_spec_evaluations(spec), 3);
    static const char *const codes[] = {"en", "es", "ru"};
    static const double weights[] = {0.25, 0.25, 0.5};
    for (int l = 0; l < 3; l++) {
        assert_string_equal(spec->languages[l], codes[l]);
        assert_string_equal(spec->tests[l], codes[l]);
        assert_true(spec->weights[l] == weights[l]);
    }
    struct run_record record;
    struct language_tokens languages[3];
    record_of_run(&study, &plan, 5, languages, &record);
    assert_string_equal(record.precision, "bf16");
    plan_spec(&study, &plan, 5, 3, again);
    assert_memory_equal(spec, again, sizeof *spec);
    plan_spec(&study, &plan, 5, 4, again);
    assert_true(again->key == spec->key); /* another attempt is the same run */
    plan_spec(&study, &plan, 4, 1, again);
    assert_true(again->key != spec->key);
    free(spec);
    free(again);
    plan_free(&plan);
    study_free(&study);
}

/* Runs of one size share batch, sequence and intervals, so that their evaluations meet at the same tokens. */
static void monolingual_and_bilingual_runs_are_aligned(void **state) {
    (void)state;
    struct study study;
    struct plan plan;
    struct run_spec *mono = malloc(sizeof *mono), *pair = malloc(sizeof *pair);
    assert_true(mono && pair);
    read_plan("sweeps/demo.yaml", &study, &plan);
    plan_spec(&study, &plan, 1, 1, mono); /* sizes are mini, small, large */
    plan_spec(&study, &plan, 12, 1, pair);
    assert_string_equal(study.groups[plan.runs[12].group].kind, "bilingual");
    assert_int_equal(plan.runs[1].size, plan.runs[12].size);
    assert_int_equal(mono->batch, pair->batch);
    assert_int_equal(mono->steps, pair->steps);
    assert_int_equal(mono->evaluation_steps, pair->evaluation_steps);
    /* fine enough: several evaluations before d and between d and 2 d */
    assert_true(study.reference_tokens / ((double)mono->evaluation_steps * mono->batch * mono->sequence) > 4);
    free(mono);
    free(pair);
    plan_free(&plan);
    study_free(&study);
}

/* A run at small has 1000448 tokens, that at large too; en has 100 000, es 1 100 000, ru 2 100 000. */
static void weights_follow_from_the_tokens_of_the_languages(void **state) {
    static const struct {
        const char *mixture;
        double weights[3];
    } cases[] = {
        {"{unimax: 1}", {100000 / 1000448., 450224 / 1000448., 450224 / 1000448.}},
        {"{unimax: 10, languages: [ru, es, en]}", {1 / 3., 1 / 3., 1 / 3.}},
        {"{unimax: 1, shares: {ru: 0.5}}", {100000 / 1000448., 0.5 - 100000 / 1000448., 0.5}},
        {"{temperature: 1}", {1 / 33., 11 / 33., 21 / 33.}},
    };
    static const char even[] = "{ru: 2, en: 1, es: 1}";
    struct run_spec *spec = malloc(sizeof *spec);
    assert_non_null(spec);
    char identities[4][IDENTITY_SIZE];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct study study;
        struct plan plan;
        plan_of(*state, even, cases[c].mixture, &study, &plan);
        plan_spec(&study, &plan, 5, 1, spec);
        for (int l = 0; l < 3; l++)
            assert_true(fabs(spec->weights[l] - cases[c].weights[l]) < 1e-12);
        memcpy(identities[c], plan.runs[5].identity, IDENTITY_SIZE);
        for (size_t other = 0; other < c; other++)
            assert_string_not_equal(identities[c], identities[other]);
        plan_free(&plan);
        study_free(&study);
    }
    free(spec);
    /* Not enough text for so few epochs. */
    struct study study;
    struct plan plan;
    struct error error;
    plan_of(*state, even, "{unimax: 1, languages: [en, es]}", &study, &plan);
    study.train_tokens[1] = 800000;
    plan_free(&plan);
    assert_int_equal(plan_make(&study, &plan, &error), 0);
    assert_int_equal(plan_identify(&study, &plan, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "mixture 'three', size 'large': 1 epochs of"));
    plan_free(&plan);
    study_free(&study);
}

static void identity_is_that_of_the_run_alone(void **state) {
    static const struct {
        const char *from, *to;
        size_t place; /* where the run en+es at small is then */
    } same[] = {
        {"[en, es], sizes", "[en, es, ru], sizes", 6},
        {"[en, es, ru]\n", "[de, ru, es, en]\n", 4},
        {"[[es, en]]", "[[en, ru], [en, es]]", 5},
        {"{three:", "{two: [en, ru], three:", 4},
        {"  monolingual: {languages: [en, es], sizes: all}\n", "", 0},
        {"- {name: small", "- {scale: 0}\n  - {name: small", 6},
        {"name: large, layers: 2", "name: large, layers: 3", 4},
        {"every_tokens: 1e5", "every_tokens: 5e4", 4},
        {"batch: 8,", "batch: 8, micro_batch: 2,", 4},
        {"study: test", "study: other", 4},
    };
    struct study study, other_study;
    struct plan plan, other;
    plan_of(*state, "", "", &study, &plan);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        plan_of(*state, same[i].from, same[i].to, &other_study, &other);
        assert_string_equal(other.runs[same[i].place].identity, plan.runs[4].identity);
        plan_free(&other);
        study_free(&other_study);
    }
    static const struct {
        const char *from, *to;
    } changed[] = {
        {"batch: 8,", "batch: 16,"},
        {"batch: 8,", "batch: 8, seed: 2,"},
        {"batch: 8,", "batch: 8, learning_rate: 3e-4,"},
        {"batch: 8,", "batch: 8, dropout: 0,"},
        {"batch: 8,", "batch: 8, precision: bf16,"},
        {"feed_forward: 32", "feed_forward: 32, ranks: 1"},
        {"tokens: 1e6", "tokens: 2e6"},
        {"pieces: 1000", "pieces: 1001"},
        {"feed_forward: 32", "feed_forward: 33"},
        {"[[es, en]]", "[[es, ru]]"},
    };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        plan_of(*state, changed[i].from, changed[i].to, &other_study, &other);
        assert_string_not_equal(other.runs[4].identity, plan.runs[4].identity);
        plan_free(&other);
        study_free(&other_study);
    }
    plan_free(&plan);
    study_free(&study);
}

/* Its batch is cut the same for any number of them, so that only their memory differs. */
static void ranks_of_a_size_change_memory_alone(void **state) {
    static const char *const sizes[] = {"feed_forward: 32, ranks: 1", "feed_forward: 32, ranks: 2",
                                        "feed_forward: 32, ranks: 4", "feed_forward: 32, ranks: 8"};
    struct study study[4];
    struct plan plan[4];
    struct run_spec *spec = malloc(sizeof *spec);
    assert_non_null(spec);
    for (uint32_t i = 0; i < 4; i++) {
        plan_of(*state, "feed_forward: 32", sizes[i], &study[i], &plan[i]);
        const struct planned_run *run = &plan[i].runs[4];
        assert_int_equal(run->ranks, 1 << i);
        assert_string_equal(run->identity, plan[0].runs[4].identity);
        char *settings = study_settings(&study[i]), *first = study_settings(&study[0]);
        assert_string_equal(settings, first);
        free(settings);
        free(first);
        plan_spec(&study[i], &plan[i], 4, 1, spec);
        assert_int_equal(spec->shards, 8);
        assert_int_equal(spec->micro_batch, 1); /* a batch of 8 */
    }
    for (uint32_t i = 0; i < 4; i++) {
        const struct model_setup setup = {.shape = study[i].sizes[0].shape,
                                          .batch = 1,
                                          .sequence = 128,
                                          .dropout = 0.1f,
                                          .sharing = {.batch = 8, .shards = 8, .rank = (1 << i) - 1, .ranks = 1 << i}};
        assert_true(plan[i].runs[4].memory_bytes == run_memory_bytes(&setup));
        plan_free(&plan[i]);
        study_free(&study[i]);
    }
    free(spec);
}

static void run_with_its_own_vocabulary_is_another_run_on_other_shards(void **state) {
    struct study study, shared_study;
    struct plan plan, shared;
    struct run_spec *spec = malloc(sizeof *spec);
    struct run_record record;
    struct language_tokens languages[1];
    char folder[FILE_PATH_SIZE];
    assert_non_null(spec);
    plan_of(*state, "{languages: [en, es], sizes: all}", "{languages: [en, es], vocabulary: own}", &study, &plan);
    plan_of(*state, "", "", &shared_study, &shared);
    plan_spec(&study, &plan, 2, 1, spec);
    snprintf(folder, sizeof folder, "%.900s/own/es", study.tokens_folder);
    assert_string_equal(spec->tokens_folder, folder);
    assert_string_not_equal(plan.runs[2].identity, shared.runs[2].identity);
    assert_string_equal(plan.runs[4].identity, shared.runs[4].identity);
    record_of_run(&study, &plan, 2, languages, &record);
    assert_string_equal(record.kind, "monolingual-own");
    free(spec);
    plan_free(&plan);
    plan_free(&shared);
    study_free(&study);
    study_free(&shared_study);
}

/* The run en+es, small, of 977 steps, warms up for 10 and decays over 98. */
static void cooldown_shares_the_steps_of_its_trunk(void **state) {
    struct study study;
    struct plan plan;
    struct run_spec *trunk = malloc(sizeof *trunk), *spec = malloc(sizeof *spec);
    char kept[FILE_PATH_SIZE];
    assert_non_null(trunk);
    assert_non_null(spec);
    plan_of(*state, "evaluation: {",
            "  cooldown: [{from: bilingual, sizes: [small], tokens: 512000},\n"
            "    {from: bilingual, sizes: [small], tokens: 204800}]\nevaluation: {",
            &study, &plan);
    assert_int_equal(plan.count, 8);
    assert_int_equal(plan.runs[6].waits_for, 4);
    assert_int_equal(plan.runs[6].steps, 500);
    assert_int_equal(plan.runs[6].shared_steps, 450);
    assert_int_equal(plan_own_tokens(&plan.runs[6]), 50 * 1024);
    /* as in steps_flops_and_memory_are_those_of_the_formulas; evaluations every 98 steps, behind step 450 two */
    const double token = 6.0 * 18560 + 6.0 * 16 * 128;
    assert_true(fabs(plan.runs[6].flops / (token * (50.0 * 1024 + 2 * 2 * 3000 / 3.0)) - 1) < 1e-12);
    plan_spec(&study, &plan, 4, 1, trunk);
    assert_int_equal(trunk->kept_count, 2);
    assert_int_equal(trunk->kept_steps[0], 180);
    assert_int_equal(trunk->kept_steps[1], 450);
    plan_spec(&study, &plan, 6, 1, spec);
    run_kept_path(kept, trunk->checkpoint, 450);
    assert_string_equal(spec->start, kept);
    assert_string_equal(spec->start_identity, trunk->identity);
    assert_int_equal(spec->continues, 1);
    assert_true(spec->key == trunk->key && spec->start_step == 450 && spec->steps == 500);
    assert_string_not_equal(plan.runs[6].identity, plan.runs[7].identity);
    free(trunk);
    free(spec);
    plan_free(&plan);
    study_free(&study);
}

static void last_checkpoints_stay_where_the_study_says_so(void **state) {
    struct study study;
    struct plan plan;
    struct run_spec *spec = malloc(sizeof *spec);
    assert_non_null(spec);
    plan_of(*state, "evaluation: {",
            "  finetune: {from: three, languages: [en], sizes: [large], tokens: 2e6}\n"
            "  cooldown: {from: bilingual, sizes: [small], tokens: 512000}\n"
            "checkpoints: {keep: true}\nevaluation: {",
            &study, &plan);
    for (size_t run = 0; run < plan.count; run++) {
        plan_spec(&study, &plan, run, 1, spec);
        assert_int_equal(spec->kept_count, run == 4 ? 2 : 1); /* the trunk of the cooldown; finetuning takes the last */
        assert_int_equal(spec->kept_steps[spec->kept_count - 1], spec->steps);
    }
    free(spec);
    plan_free(&plan);
    study_free(&study);
}

/* Reads a study with as much text as Unimax wants. */
static void read_large_plan(const char *path, struct study *study, struct plan *plan) {
    struct error error = {0};
    assert_int_equal(study_read(path, study, stderr, &error), 0);
    assert_int_equal(plan_make(study, plan, &error), 0);
    for (uint32_t l = 0; l < study->language_count; l++)
        study->train_tokens[l] = UINT64_C(1000000000000);
    assert_int_equal(plan_identify(study, plan, &error), 0);
}

static size_t runs_of_group(const struct study *study, const struct plan *plan, const char *name) {
    size_t count = 0;
    for (size_t r = 0; r < plan->count; r++)
        count += strcmp(study->groups[plan->runs[r].group].name, name) == 0;
    return count;
}

/* docs/atlas-study.md */
static void published_study_has_its_runs(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t runs;
    } groups[] = {{"mono", 140},     {"unimax", 20},      {"multi-mono", 70},    {"pairs-mono", 50},
                  {"pairs", 45},     {"pairs-again", 45}, {"pairs-scales", 140}, {"en-en-scales", 10},
                  {"capacity", 120}, {"finetune", 50},    {"finetune-size", 84}};
    static const struct {
        const char *path;
        size_t runs;
    } parts[] = {{"sweeps/atlas/monolingual.yaml", 210},
                 {"sweeps/atlas/bilingual.yaml", 360},
                 {"sweeps/atlas/multilingual.yaml", 140},
                 {"sweeps/atlas/finetune.yaml", 261}};
    struct study study, part;
    struct plan plan, part_plan;
    read_large_plan("sweeps/atlas.yaml", &study, &plan);
    assert_int_equal(plan.count, 774);
    assert_int_equal(study.language_count, 419);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        assert_int_equal(runs_of_group(&study, &plan, groups[g].name), groups[g].runs);
    for (size_t r = 0; r < plan.count; r++) {
        const struct planned_run *run = &plan.runs[r];
        const bool finetuned = strcmp(study.groups[run->group].kind, "finetune") == 0;
        assert_int_equal(run->waits_for != WAITS_FOR_NOTHING, finetuned);
        assert_true(run->steps >= 30000);
        for (size_t other = 0; other < r; other++)
            assert_string_not_equal(run->identity, plan.runs[other].identity);
    }
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) { /* each run of a part is one of the whole */
        read_large_plan(parts[p].path, &part, &part_plan);
        assert_int_equal(part_plan.count, parts[p].runs);
        for (size_t r = 0; r < part_plan.count; r++) {
            size_t same = 0;
            while (same < plan.count && strcmp(part_plan.runs[r].identity, plan.runs[same].identity) != 0)
                same++;
            assert_true(same < plan.count);
        }
        plan_free(&part_plan);
        study_free(&part);
    }
    plan_free(&plan);
    study_free(&study);
}

static const char finetune[] = "  finetune: {from: three, languages: [en], sizes: [large], tokens: 2e6}\n"
                               "evaluation: {";

static void finetuned_run_begins_with_the_last_weights_of_another(void **state) {
    struct study study;
    struct plan plan;
    struct run_spec *base_spec = malloc(sizeof *base_spec), *spec = malloc(sizeof *spec);
    assert_non_null(base_spec);
    assert_non_null(spec);
    plan_of(*state, "evaluation: {", finetune, &study, &plan);
    assert_int_equal(plan.count, 7);
    assert_int_equal(plan.runs[6].waits_for, 5);
    assert_int_equal(plan.runs[5].first_waiting, 6);
    assert_int_equal(plan.runs[6].next_waiting, WAITS_FOR_NOTHING);
    assert_int_equal(plan.runs[4].first_waiting, WAITS_FOR_NOTHING);
    plan_spec(&study, &plan, 5, 1, base_spec);
    plan_spec(&study, &plan, 6, 1, spec);
    assert_int_equal(base_spec->kept_count, 1);
    assert_int_equal(base_spec->kept_steps[0], base_spec->steps);
    assert_string_equal(base_spec->start, "");
    char kept[FILE_PATH_SIZE];
    run_kept_path(kept, base_spec->checkpoint, base_spec->steps);
    assert_string_equal(spec->start, kept);
    assert_int_equal(spec->continues, 0);
    assert_string_equal(spec->start_identity, base_spec->identity);
    assert_int_equal(spec->start_step, base_spec->steps);
    assert_int_equal(spec->kept_count, 0);
    assert_int_equal(spec->steps, 1954);
    assert_int_equal(spec->language_count, 1);
    assert_int_equal(spec->test_count, 3); /* all languages, in the order of the study */
    assert_string_equal(spec->tests[2], "ru");
    /* matrices 1000 x 32 + 2 x (4 x 32 x 32 + 3 x 32 x 64); evaluations at 0, then every 98 steps and at the end: 21 */
    const double token = 6.0 * 52480 + 2 * 6.0 * 32 * 128;
    assert_true(fabs(plan.runs[6].flops / (token * (1954.0 * 1024 + 21 * 3 * 3000 / 3.0)) - 1) < 1e-12);
    char identity[IDENTITY_SIZE];
    memcpy(identity, plan.runs[6].identity, sizeof identity);
    plan_free(&plan);
    study_free(&study);

    plan_of(*state, "three: {ru: 2, en: 1, es: 1}}, sizes: [large]}\nevaluation: {",
            "three: {ru: 3, en: 1, es: 1}}, sizes: [large]}\n  finetune: {from: three, languages: [en], sizes: "
            "[large], tokens: 2e6}\nevaluation: {languages: [en, es], ",
            &study, &plan);
    assert_string_not_equal(plan.runs[6].identity, identity); /* another base is another run */
    plan_spec(&study, &plan, 6, 1, spec);
    assert_int_equal(spec->test_count, 2);
    plan_spec(&study, &plan, 5, 1, spec);
    assert_int_equal(spec->language_count, 3);
    assert_int_equal(spec->test_count, 2);
    free(base_spec);
    free(spec);
    plan_free(&plan);
    study_free(&study);
}

/* What a command writes to standard output. The caller frees it. */
static char *output_of(const char *folder, int (*run)(const struct command *, int, char **, struct error *), int count,
                       char **words) {
    const struct command command = {"command", "STUDY.yaml", "", run};
    char path[FILE_PATH_SIZE], *text;
    size_t size;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/output", folder);
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    assert_true(kept >= 0);
    assert_non_null(freopen(path, "w", stdout));
    const int result = run(&command, count, words, &error);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    assert_string_equal(error.message, "");
    assert_int_equal(result, 0);
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &error), 0);
    return text;
}

static void json_adds_up(void **state) {
    char *text = output_of(*state, command_plan, 2, (char *[]){"sweeps/bilingual.yaml", "--json"});
    json_t *object = json_loads(text, 0, NULL), *groups = json_object_get(object, "groups");
    assert_non_null(object);
    assert_int_equal(json_object_size(object), 10);
    assert_string_equal(json_string_value(json_object_get(object, "study")), "bilingual");
    assert_string_equal(json_string_value(json_object_get(object, "precision")), "fp32");
    assert_int_equal(json_array_size(groups), 2);
    json_int_t runs = 0, tokens = 0;
    double flops = 0;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        json_t *group = json_array_get(groups, g);
        assert_int_equal(json_object_size(group), 5);
        assert_non_null(json_object_get(group, "kind"));
        assert_string_equal(json_string_value(json_object_get(group, "name")), g ? "bilingual" : "monolingual");
        runs += json_integer_value(json_object_get(group, "runs"));
        tokens += json_integer_value(json_object_get(group, "tokens"));
        flops += json_real_value(json_object_get(group, "flops"));
    }
    assert_int_equal(runs, 55);
    assert_int_equal(json_integer_value(json_object_get(object, "runs")), 55);
    assert_true(json_integer_value(json_object_get(object, "tokens")) == tokens && tokens >= 55 * 20000000LL);
    assert_true(fabs(json_real_value(json_object_get(object, "flops")) / flops - 1) < 1e-12);
    assert_true(json_integer_value(json_object_get(object, "parameters_max")) == 16384 * 128 + 786816);
    assert_true(json_integer_value(json_object_get(object, "memory_bytes_max")) > 4 * (16384 * 128 + 786816));
    json_decref(object);
    free(text);
}

static void table_fits_80_columns_and_tells_what_scores_lack(void **state) {
    struct study study;
    struct plan plan;
    char path[FILE_PATH_SIZE];
    plan_of(*state, "[[es, en]]", "[[es, ru]]", &study, &plan);
    plan_free(&plan);
    study_free(&study);
    snprintf(path, sizeof path, "%s/study.yaml", (const char *)*state);
    char *text = output_of(*state, command_plan, 1, (char *[]){path});
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    for (const char *c = text; *c; c++)
        assert_true((*c >= ' ' && *c <= '~') || *c == '\n');
    assert_non_null(strstr(text, "total      6 runs"));
    assert_non_null(strstr(text, "precision  fp32\n"));
    assert_non_null(
        strstr(text, "note: size 'small': no transfer scores toward these, without monolingual run:\n      ru\n"));
    free(text);
}

static void scales_are_the_published_table(void **state) {
    char *text = output_of(*state, command_scales, 0, NULL);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 54);
    assert_non_null(strstr(text, "scale,heads,layers,embed,ffw,kv,parameters\n0,4,3,128,512,32,9044352\n"));
    assert_non_null(strstr(text, "\n34,17,25,2176,8704,128,2034422912\n"));
    free(text);
    text = output_of(*state, command_scales, 1, (char *[]){"--vocabulary=1000"});
    assert_non_null(strstr(text, "\n0,4,3,128,512,32,914816\n"));
    free(text);
    struct error error = {0};
    const struct command command = {"scales", "", "", command_scales};
    assert_int_equal(command_scales(&command, 2, (char *[]){"--vocabulary", "65537"}, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweeps_have_the_runs_they_promise),
        IN_FOLDER(runs_stand_in_the_order_of_the_file),
        IN_FOLDER(groups_of_a_kind_may_have_tokens_and_seeds_of_their_own),
        IN_FOLDER(steps_flops_and_memory_are_those_of_the_formulas),
        IN_FOLDER(specification_says_everything),
        cmocka_unit_test(monolingual_and_bilingual_runs_are_aligned),
        IN_FOLDER(weights_follow_from_the_tokens_of_the_languages),
        IN_FOLDER(ranks_of_a_size_change_memory_alone),
        IN_FOLDER(run_with_its_own_vocabulary_is_another_run_on_other_shards),
        IN_FOLDER(cooldown_shares_the_steps_of_its_trunk),
        IN_FOLDER(last_checkpoints_stay_where_the_study_says_so),
        cmocka_unit_test(published_study_has_its_runs),
        IN_FOLDER(finetuned_run_begins_with_the_last_weights_of_another),
        IN_FOLDER(identity_is_that_of_the_run_alone),
        IN_FOLDER(json_adds_up),
        IN_FOLDER(table_fits_80_columns_and_tells_what_scores_lack),
        IN_FOLDER(scales_are_the_published_table),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
