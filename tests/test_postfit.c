/* orchestrator/: what the post-fit says of transfer in a study whose scores, gains and crossovers are known. */
#include "orchestrator/postfit.h"
#include "orchestrator/postfit_transfer.h"
#include "tests/test.h"

#include <math.h>

enum { LANGUAGES = 6, SIZES = 3, EVALUATIONS = 20, RUNS_MAX = 40, LOSSES_MAX = 4000 };
static const double STEP_TOKENS = 1000;
static const double N[SIZES] = {1000, 4000, 16000};
static struct study_size sizes[SIZES] = {{.name = "size 0"}, {.name = "size 1"}, {.name = "size 2"}};
static char languages[LANGUAGES][LANGUAGE_CODE_SIZE] = {"l0", "l1", "l2", "l3", "l4", "l5"};

struct made {
    struct study study;
    struct study_data data;
    struct run_record runs[RUNS_MAX];
    struct run_outcome outcomes[RUNS_MAX];
    struct language_tokens mixtures[RUNS_MAX][2];
    struct loss_point losses[LOSSES_MAX];
};

static double known_loss(double size, double tokens) {
    return 1.5 + 20 / pow(size, 0.3) + 50 / pow(tokens, 0.4);
}

/* BTS(source -> target): it follows from the languages, and rises with the size. */
static double known_bts(int source, int target, int size) {
    return 0.1 * (source - target) + 0.1 * size;
}

/* How much finetuning on source lowers the loss on target, from its first evaluation on. */
static double known_gain(int source, int target) {
    return source == target ? 0.1 * (source + 1) : 0.01 * (source - target);
}

/* C = 6 N D = 24000 (N / 1000)^1.4 * 1000 */
static double known_crossover(int size) {
    return 4000 * pow(N[size] / 1000, 0.4);
}

static uint32_t add_run(struct made *made, const char *kind, int size, int first, int second) {
    const uint32_t run = (uint32_t)made->data.run_count++;
    assert_true(run < RUNS_MAX);
    struct run_record *record = &made->runs[run];
    *record = (struct run_record){.run = run, .parameters = (uint64_t)N[size], .steps = EVALUATIONS};
    record->tokens = (uint64_t)(EVALUATIONS * STEP_TOKENS);
    snprintf(record->kind, sizeof record->kind, "%s", kind);
    snprintf(record->size, sizeof record->size, "%s", sizes[size].name);
    record->language_count = second >= 0 ? 2 : 1;
    record->languages = made->mixtures[run];
    snprintf(record->languages[0].language, LANGUAGE_CODE_SIZE, "%s", languages[first]);
    if (second >= 0)
        snprintf(record->languages[1].language, LANGUAGE_CODE_SIZE, "%s", languages[second]);
    made->outcomes[run] = (struct run_outcome){.run = run, .status = RUN_DONE, .attempt = 1};
    return run;
}

/* On the test set, and in front of it another one on the parallel set, which nothing may be made of. */
static void add_loss(struct made *made, uint32_t run, uint32_t step, int language, double loss) {
    for (int set = 0; set < 2; set++) {
        assert_true(made->data.loss_count < LOSSES_MAX);
        struct loss_point *point = &made->losses[made->data.loss_count++];
        *point = (struct loss_point){.run = run, .step = step, .tokens = (uint64_t)(step * STEP_TOKENS)};
        point->cross_entropy = set == 0 ? loss / 2 : loss;
        snprintf(point->set, sizeof point->set, "%s", set == 0 ? "parallel" : "test");
        snprintf(point->language, sizeof point->language, "%s", languages[language]);
    }
}

static void add_monolingual(struct made *made, int size, int language) {
    const uint32_t run = add_run(made, "monolingual", size, language, -1);
    for (uint32_t step = 1; step <= EVALUATIONS; step++)
        add_loss(made, run, step, language, known_loss(N[size], step * STEP_TOKENS));
}

/* A run that needs (2 - BTS) times the tokens, where BTS is the known one and more. */
static void add_bilingual(struct made *made, int size, int first, int second, double more) {
    const uint32_t run = add_run(made, "bilingual", size, first, second);
    for (uint32_t step = 1; step <= EVALUATIONS; step++) {
        const double tokens = step * STEP_TOKENS;
        add_loss(made, run, step, first, known_loss(N[size], tokens / (2 - more - known_bts(second, first, size))));
        add_loss(made, run, step, second, known_loss(N[size], tokens / (2 - more - known_bts(first, second, size))));
    }
}

/* A run that gains at once, and that the monolingual run of its language passes at known_crossover. */
static void add_finetune(struct made *made, int size, int source, uint32_t first_step) {
    const uint32_t run = add_run(made, "finetune", size, source, -1);
    for (uint32_t step = first_step; step <= EVALUATIONS; step++)
        for (int target = 0; target < LANGUAGES; target++) {
            const double base = known_loss(N[size], known_crossover(size)) + known_gain(target, target);
            add_loss(made, run, step, target, base - (step > 0 ? known_gain(source, target) : 0));
        }
}

static struct made *make_languages(void) {
    struct made *made = calloc(1, sizeof *made);
    assert_non_null(made);
    made->study = (struct study){.language_count = LANGUAGES,
                                 .languages = languages,
                                 .size_count = SIZES,
                                 .sizes = sizes,
                                 .seed = 1,
                                 .reference_tokens = 4.5 * STEP_TOKENS};
    made->data = (struct study_data){.runs = made->runs, .outcomes = made->outcomes, .losses = made->losses};
    return made;
}

/* At the first size everything but two pairs; at the others l0 and l2. */
static struct made *make_study(void) {
    struct made *made = make_languages();
    for (int size = 0; size < SIZES; size++)
        for (int l = 0; l < LANGUAGES; l++)
            if (size == 0 || l == 0 || l == 2)
                add_monolingual(made, size, l);
    for (int a = 0; a < LANGUAGES; a++)
        for (int b = a + 1; b < LANGUAGES; b++)
            if (!(a == 0 && b == 1) && !(a == 2 && b == 3))
                add_bilingual(made, 0, a, b, 0);
    for (int size = 1; size < SIZES; size++)
        add_bilingual(made, size, 0, 2, 0);
    for (int l = 0; l < LANGUAGES; l++)
        add_finetune(made, 0, l, 0);
    for (int size = 1; size < SIZES; size++)
        add_finetune(made, size, 0, 0);
    return made;
}

static void made_free(struct made *made) {
    free(made->data.transfer);
    free(made->data.adaptation);
    free(made->data.crossovers);
    free(made->data.laws);
    free(made);
}

static char *fit(struct made *made) {
    char *notes;
    size_t size;
    FILE *file = open_memstream(&notes, &size);
    struct error error = {0};
    assert_int_equal(postfit(&made->study, &made->data, file, &error), 0);
    fclose(file);
    return notes;
}

static const struct law_record *find_law(const struct made *made, const char *law, const char *language) {
    for (size_t i = 0; i < made->data.law_count; i++)
        if (strcmp(made->data.laws[i].law, law) == 0 && strcmp(made->data.laws[i].language, language) == 0)
            return &made->data.laws[i];
    return NULL;
}

static void assert_near(double value, double expected, double difference) {
    if (!(fabs(value - expected) <= difference))
        fail_msg("%.17g is not %.17g to %g", value, expected, difference);
}

static void adaptation_scores_are_those_of_the_runs(void **state) {
    (void)state;
    struct made *made = make_study();
    free(fit(made));
    assert_int_equal(made->data.adaptation_count, LANGUAGES * (LANGUAGES + 2));
    for (size_t i = 0; i < made->data.adaptation_count; i++) {
        const struct adaptation_record *record = &made->data.adaptation[i];
        const double gain = known_gain(record->source[1] - '0', record->target[1] - '0');
        assert_true(record->d_max == EVALUATIONS * STEP_TOKENS);
        assert_near(record->deviation, -gain, 1e-12);
        assert_near(record->fas, gain * (1 - 0.5 / EVALUATIONS), 1e-12); /* it comes up to the first evaluation */
    }
    made_free(made);
}

static void missing_scores_are_predicted_and_marked(void **state) {
    (void)state;
    struct made *made = make_study();
    free(fit(made));
    size_t predicted = 0;
    for (size_t i = 0; i < made->data.transfer_count; i++) {
        const struct transfer_record *record = &made->data.transfer[i];
        const int source = record->source[1] - '0', target = record->target[1] - '0', size = record->size[5] - '0';
        const bool missing = size == 0 && source / 2 == target / 2 && source < 4;
        assert_string_equal(record->state, missing ? "predicted" : "measured");
        assert_near(record->bts, known_bts(source, target, size), missing ? 0.15 : 0.02);
        assert_int_equal(isnan(record->sigma), missing);
        predicted += missing;
    }
    assert_int_equal(predicted, 4);
    assert_int_equal(made->data.transfer_count, LANGUAGES * (LANGUAGES - 1) + 4);
    const struct law_record *forest = find_law(made, "bts-forest", "all");
    assert_non_null(forest);
    assert_int_equal(forest->points, LANGUAGES * (LANGUAGES - 1) - 4);
    assert_true(forest->r2 > 0.7 && forest->parameters[0].value > 0.8);
    made_free(made);
}

/* The second seed's scores are higher by 0.3, but so would they be by far if its bilingual run were held against the
 * monolingual run of the first, which is worse. */
static void seeds_of_a_pair_become_one_row(void **state) {
    (void)state;
    struct made *made = make_languages();
    for (int l = 0; l < 2; l++)
        add_monolingual(made, 0, l);
    for (size_t i = 0; i < made->data.loss_count; i++)
        made->losses[i].cross_entropy += 0.05;
    const size_t first_seed = made->data.run_count;
    for (int l = 0; l < 2; l++)
        add_monolingual(made, 0, l);
    add_bilingual(made, 0, 0, 1, 0.3);
    for (size_t r = first_seed; r < made->data.run_count; r++)
        made->runs[r].seed = 2;
    const size_t second_seed = made->data.loss_count;
    add_bilingual(made, 0, 0, 1, 0);
    for (size_t i = second_seed; i < made->data.loss_count; i++)
        made->losses[i].cross_entropy += 0.05;
    free(fit(made));
    assert_int_equal(made->data.transfer_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct transfer_record *record = &made->data.transfer[i];
        assert_int_equal(record->seeds, 2);
        assert_near(record->bts, known_bts(record->source[1] - '0', record->target[1] - '0', 0) + 0.15, 0.02);
        assert_near(record->deviation, 0.3 / sqrt(2), 0.02);
        assert_near(record->bts, 2 - record->sigma / record->d, 1e-12);
    }
    made_free(made);
}

static void lines_follow_the_scores(void **state) {
    (void)state;
    struct made *made = make_study();
    free(fit(made));
    const struct law_record *law = find_law(made, "bts-against-N", "all");
    assert_non_null(law);
    assert_int_equal(law->points, 6); /* two directions, three sizes */
    /* 0, 0.1, 0.2 at 1000, 4000, 16000 (their mean 7000): slope 1.5e3 / 126e6 */
    assert_string_equal(law->parameters[1].name, "slope");
    assert_near(law->parameters[1].value, 1.5e3 / 126e6, 1e-6);
    assert_near(law->parameters[0].value, 0.1 - 7000 * 1.5e3 / 126e6, 0.02);
    law = find_law(made, "bts-against-D", "all");
    assert_non_null(law);
    assert_true(law->points > 100);
    assert_near(law->parameters[1].value * 8000, 0, 0.1); /* these scores do not depend on d */
    made_free(made);
}

static void crossovers_and_their_law_come_back(void **state) {
    (void)state;
    struct made *made = make_study();
    char *notes = fit(made);
    assert_int_equal(made->data.crossover_count, LANGUAGES + 2);
    for (size_t i = 0; i < made->data.crossover_count; i++) {
        const struct crossover_record *record = &made->data.crossovers[i];
        assert_string_equal(record->state, "measured");
        assert_near(record->tokens / known_crossover(record->size[5] - '0'), 1, 0.02);
        assert_true(record->low <= record->tokens && record->tokens <= record->high);
        assert_true(record->high - record->low == STEP_TOKENS);
    }
    const struct law_record *law = find_law(made, "crossover", "l0");
    assert_non_null(law);
    assert_int_equal(law->points, SIZES);
    assert_string_equal(law->parameters[1].name, "b");
    assert_near(law->parameters[1].value, 1.4, 0.01);
    law = find_law(made, "crossover", "all");
    assert_non_null(law);
    assert_int_equal(law->points, LANGUAGES + 2);
    assert_non_null(strstr(notes, "crossover l1: 1 points"));
    free(notes);
    made_free(made);
}

static void finetuned_runs_alone_leave_notes(void **state) {
    (void)state;
    struct made *made = make_languages();
    add_finetune(made, 0, 3, 1); /* never evaluated before its first step, and nothing to compare with */
    char *notes = fit(made);
    assert_int_equal(made->data.adaptation_count + made->data.crossover_count + made->data.transfer_count, 0);
    assert_non_null(strstr(notes, "adaptation of l3 at size 0: no evaluation before its first step"));
    assert_non_null(strstr(notes, "crossover l3 at size 0: no finished monolingual run"));
    free(notes);
    made_free(made);
}

static void few_pairs_predict_nothing(void **state) {
    (void)state;
    struct made *made = make_languages();
    add_monolingual(made, 0, 0);
    add_monolingual(made, 0, 1);
    add_bilingual(made, 0, 0, 1, 0);
    for (int l = 0; l < 3; l++)
        add_finetune(made, 0, l, 0);
    char *notes = fit(made);
    assert_int_equal(made->data.transfer_count, 2);
    assert_non_null(strstr(notes, "missing transfer scores at size 0: 2 measured pairs"));
    free(notes);
    made_free(made);
}

static void results_are_printed_in_80_columns(void **state) {
    (void)state;
    struct made *made = make_study();
    free(fit(made));
    char *page, *next;
    size_t size;
    FILE *file = open_memstream(&page, &size);
    postfit_transfer_print(&made->study, &made->data, file);
    fclose(file);
    assert_non_null(strstr(page, "~"));
    assert_non_null(strstr(page, "Predicted scores"));
    assert_non_null(strstr(page, "Pretrain or finetune"));
    assert_non_null(strstr(page, "Crossover of l0: C ="));
    for (char *line = strtok_r(page, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
    free(page);
    made_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adaptation_scores_are_those_of_the_runs),
        cmocka_unit_test(missing_scores_are_predicted_and_marked),
        cmocka_unit_test(seeds_of_a_pair_become_one_row),
        cmocka_unit_test(lines_follow_the_scores),
        cmocka_unit_test(crossovers_and_their_law_come_back),
        cmocka_unit_test(finetuned_runs_alone_leave_notes),
        cmocka_unit_test(few_pairs_predict_nothing),
        cmocka_unit_test(results_are_printed_in_80_columns),
    };
    return cmocka_run_group_tests_name("postfit", tests, NULL, NULL);
}
