/* orchestrator/: settings, and what is fitted after the runs. Study files and plans have tests of their own.
 */
#include "orchestrator/command.h"
#include "orchestrator/fit_table.h"
#include "orchestrator/postfit.h"
#include "orchestrator/settings.h"
#include "tests/test.h"

#include <math.h>

/* ---- settings ---- */

static void first_difference_of_settings_is_named(void **state) {
    (void)state;
    char difference[128];
    assert_false(settings_differ("a: 1\nb: 2\n", "a: 1\nb: 2\n", difference, sizeof difference));
    assert_false(settings_differ("a: 1\nb: 2\n", "b: 2\na: 1\n", difference, sizeof difference));
    assert_true(settings_differ("a: 1\nb.c: 2\n", "a: 1\nb.c: 23\n", difference, sizeof difference));
    assert_string_equal(difference, "b.c was 2, is 23");
    assert_true(settings_differ("a: 1\nb: 2\n", "a: 1\n", difference, sizeof difference));
    assert_string_equal(difference, "b was 2, is not set");
    assert_true(settings_differ("a: 1\n", "a: 1\nb: 2", difference, sizeof difference));
    assert_string_equal(difference, "b was not set, is 2");
    assert_true(settings_differ("ab: 1\n", "a: 1\n", difference, sizeof difference));
}

static void settings_are_selected_by_prefix(void **state) {
    (void)state;
    static const char *const prefixes[] = {"b.", "d", NULL};
    char *selected = settings_select("a: 1\nb.x: 2\nb.y: 3\nbc: 4\nd: 5\n", prefixes);
    assert_string_equal(selected, "b.x: 2\nb.y: 3\nd: 5\n");
    free(selected);
}

/* ---- numbers on the command line ---- */

static void whole_numbers_are_read_as_people_write_them(void **state) {
    (void)state;
    uint64_t value = 0;
    assert_int_equal(command_parse_count("1_000", &value), 0);
    assert_int_equal(value, 1000);
    assert_int_equal(command_parse_count("2.5e6", &value), 0);
    assert_int_equal(value, 2500000);
    const char *const wrong[] = {"", "-1", "1.5", "1e", "x", "_1", "1_", "1e400", "0x10", "nan", "1e17"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(command_parse_count(wrong[i], &value), -1);
}

/* ---- post-fit ---- */

enum { EVALUATIONS = 20, SIZES = 3 };
static const double STEP_TOKENS = 1000;

/* The loss of a law with known parameters. */
static double known_loss(double N, double D) {
    return 1.5 + 20 / pow(N, 0.3) + 50 / pow(D, 0.4);
}

/* Three monolingual sizes of "aa", one of "bb", and the bilingual run aa+bb, whose losses are those of a monolingual
 * run with twice (aa) and four times (bb) the tokens: BTS 0 and -2, the latter inside the run. */
struct made_study {
    struct study study;
    struct study_data data;
    struct run_record runs[5];
    struct run_outcome outcomes[5];
    struct language_tokens languages[5][2];
    struct loss_point losses[6 * EVALUATIONS];
};

static void add_losses(struct made_study *made, uint32_t run, const char *language, double slower) {
    for (uint32_t i = 1; i <= EVALUATIONS; i++) {
        struct loss_point *point = &made->losses[made->data.loss_count++];
        const double tokens = i * STEP_TOKENS;
        *point = (struct loss_point){.run = run, .step = i, .tokens = (uint64_t)tokens, .set = "test"};
        snprintf(point->language, sizeof point->language, "%s", language);
        point->cross_entropy = known_loss((double)made->runs[run].parameters, tokens / slower);
    }
}

static void add_run(struct made_study *made, const char *kind, const char *size, uint64_t parameters, const char *first,
                    const char *second) {
    const uint32_t run = (uint32_t)made->data.run_count++;
    struct run_record *record = &made->runs[run];
    *record = (struct run_record){.run = run, .parameters = parameters, .steps = EVALUATIONS};
    record->tokens = (uint64_t)(EVALUATIONS * STEP_TOKENS);
    snprintf(record->kind, sizeof record->kind, "%s", kind);
    snprintf(record->size, sizeof record->size, "%s", size);
    record->language_count = second ? 2 : 1;
    record->languages = made->languages[run];
    made->languages[run][0].weight = made->languages[run][1].weight = 1.0 / record->language_count;
    snprintf(made->languages[run][0].language, LANGUAGE_CODE_SIZE, "%s", first);
    snprintf(made->languages[run][1].language, LANGUAGE_CODE_SIZE, "%s", second ? second : "");
    made->outcomes[run] = (struct run_outcome){.run = run, .status = RUN_DONE, .attempt = 1};
}

static struct made_study *make_study(void) {
    static char languages[2][LANGUAGE_CODE_SIZE] = {"aa", "bb"};
    static struct study_size sizes[SIZES] = {{.name = "s"}, {.name = "m"}, {.name = "l"}};
    struct made_study *made = calloc(1, sizeof *made);
    made->study = (struct study){.language_count = 2,
                                 .languages = languages,
                                 .size_count = SIZES,
                                 .sizes = sizes,
                                 .reference_tokens = 4.5 * STEP_TOKENS};
    made->data = (struct study_data){.runs = made->runs, .outcomes = made->outcomes, .losses = made->losses};
    for (int i = 0; i < SIZES; i++) {
        add_run(made, "monolingual", sizes[i].name, UINT64_C(1000) << 2 * i, "aa", NULL);
        add_losses(made, (uint32_t)i, "aa", 1);
    }
    add_run(made, "monolingual", "s", 1000, "bb", NULL);
    add_losses(made, 3, "bb", 1);
    add_run(made, "bilingual", "s", 1000, "aa", "bb");
    add_losses(made, 4, "aa", 2);
    add_losses(made, 4, "bb", 4);
    return made;
}

static void free_made(struct made_study *made) {
    free(made->data.transfer);
    free(made->data.laws);
    free(made);
}

static const struct transfer_record *score_of(const struct study_data *data, const char *target) {
    for (size_t i = 0; i < data->transfer_count; i++)
        if (strcmp(data->transfer[i].target, target) == 0)
            return &data->transfer[i];
    fail_msg("no score for %s", target);
    return NULL;
}

static int postfit_quietly(struct made_study *made, char **notes) {
    size_t size;
    FILE *file = open_memstream(notes, &size);
    struct error error = {0};
    const int result = postfit(&made->study, &made->data, file, &error);
    fclose(file);
    return result;
}

static void scores_and_law_of_a_known_study_come_back(void **state) {
    (void)state;
    struct made_study *made = make_study();
    char *notes;
    assert_int_equal(postfit_quietly(made, &notes), 0);
    assert_int_equal(made->data.transfer_count, 2);
    /* interpolation between evaluations is linear in ln tokens: right to a percent here */
    assert_true(fabs(score_of(&made->data, "aa")->bts - 0) < 0.02);
    assert_true(fabs(score_of(&made->data, "bb")->bts - -2) < 0.04);
    assert_string_equal(score_of(&made->data, "aa")->source, "bb");
    assert_string_equal(score_of(&made->data, "bb")->state, "measured");
    assert_int_equal(made->data.law_count,
                     3); /* bb has one size; the ATLAS law of aa; the line of scores against tokens */
    assert_string_equal(made->data.laws[1].law, "atlas");
    assert_string_equal(made->data.laws[2].law, "bts-against-D");
    assert_string_equal(made->data.laws[0].language, "aa");
    const double known[] = {1.5, 20, 50, 0.3, 0.4};
    for (int i = 0; i < 5; i++)
        assert_true(fabs(made->data.laws[0].parameters[i].value / known[i] - 1) < 1e-4);
    assert_non_null(strstr(notes, "chinchilla bb:"));
    const struct law_record *atlas = &made->data.laws[1];
    assert_string_equal(atlas->law, "atlas");
    assert_string_equal(atlas->language, "aa");
    assert_int_equal(atlas->points, 4 * EVALUATIONS);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(atlas->parameters[i].value / known[i] - 1) < 1e-4);
    assert_true(isnan(atlas->parameters[5].value) && isnan(atlas->parameters[6].value)); /* no repetition, no others */
    assert_string_equal(atlas->parameters[7].name, "tau_bb");
    assert_true(fabs(atlas->parameters[7].value) < 1e-4); /* aa learned as much as from its own half */
    assert_non_null(strstr(notes, "atlas bb: ATLAS fit: fewer than 3 distinct N"));
    free(notes);
    free_made(made);
}

static void score_that_is_not_reached_is_a_bound(void **state) {
    (void)state;
    struct made_study *made = make_study();
    made->study.reference_tokens = 8 * STEP_TOKENS; /* bb would need 32 000 tokens, the run has 20 000 */
    char *notes;
    assert_int_equal(postfit_quietly(made, &notes), 0);
    assert_string_equal(score_of(&made->data, "bb")->state, "bound");
    assert_true(score_of(&made->data, "bb")->bts == -(20.0 - 16.0) / 8.0);
    free(notes);
    free_made(made);
}

static void unfinished_runs_are_left_out(void **state) {
    (void)state;
    struct made_study *made = make_study();
    made->outcomes[3].status = RUN_FAILED;  /* bb alone */
    made->outcomes[2].status = RUN_RUNNING; /* the third size of aa */
    char *notes;
    assert_int_equal(postfit_quietly(made, &notes), 0);
    assert_int_equal(made->data.transfer_count, 1);
    assert_int_equal(made->data.law_count, 1);
    assert_string_equal(made->data.laws[0].law, "bts-against-D");
    assert_non_null(strstr(notes, "transfer aa -> bb at s: no finished monolingual run of bb"));
    free(notes);
    free_made(made);
}

static void only_plain_kinds_are_fitted_unless_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        bool plain, constant, end; /* what counts where the kind is asked for */
    } cases[] = {{"monolingual", true, true, false},
                 {"multilingual", true, true, false},
                 {"finetune", false, true, false},
                 {"monolingual-own", false, true, false},
                 {"cooldown", false, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_record run = {.steps = 100};
        struct run_outcome outcome = {.status = RUN_DONE};
        const struct study_data data = {.run_count = 1, .runs = &run, .outcomes = &outcome};
        const struct fit_filter any = {.warmup_steps = 10, .decay_fraction = 0.1};
        struct fit_filter own = any;
        const struct loss_point constant = {.step = 50}, end = {.step = 100};
        snprintf(run.kind, sizeof run.kind, "%s", cases[i].kind);
        own.kind = cases[i].kind;
        assert_int_equal(fit_row_wanted(&data, &constant, &any), cases[i].plain);
        assert_false(fit_row_wanted(&data, &end, &any));
        assert_int_equal(fit_row_wanted(&data, &constant, &own), cases[i].constant);
        assert_int_equal(fit_row_wanted(&data, &end, &own), cases[i].end);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_kinds_are_fitted_unless_asked_for),
        cmocka_unit_test(first_difference_of_settings_is_named),
        cmocka_unit_test(settings_are_selected_by_prefix),
        cmocka_unit_test(whole_numbers_are_read_as_people_write_them),
        cmocka_unit_test(scores_and_law_of_a_known_study_come_back),
        cmocka_unit_test(score_that_is_not_reached_is_a_bound),
        cmocka_unit_test(unfinished_runs_are_left_out),
    };
    return cmocka_run_group_tests_name("orchestrator", tests, NULL, NULL);
}
