/* worker/: one training run on a small synthetic corpus. */
#include "corpus/encode.h"
#include "corpus/synthetic.h"
#include "model/checkpoint.h"
#include "model/kernels.h"
#include "model/schedule.h"
#include "tests/test.h"
#include "worker/train.h"
#include "worker/worker.h"

#include <math.h>
#include <omp.h>

enum { PIECES = 400, POINTS_MAX = 128 };

/* What a run told. */
struct told {
    struct curve_point curve[POINTS_MAX];
    struct loss_point losses[POINTS_MAX];
    struct language_tokens seen[4];
    uint32_t curve_count, loss_count, seen_count;
    uint32_t refuse_after;  /* the sink fails at this curve point; 0: never */
    uint32_t abandon_after; /* told to leave at this curve point; 0: never */
    uint32_t stop_after;    /* told to stop behind so many steps; 0: never */
    uint32_t steps;         /* that it was asked behind */
    uint64_t begun;         /* step that the run went on from */
    char note[256];
};

static int take_begin(void *context, uint64_t step, struct error *error) {
    (void)error;
    struct told *told = context;
    told->begun = step;
    return 0;
}

static void take_note(void *context, const char *text) {
    struct told *told = context;
    snprintf(told->note, sizeof told->note, "%s", text);
}

static bool asked_to_abandon(void *context) {
    const struct told *told = context;
    return told->abandon_after > 0 && told->curve_count == told->abandon_after;
}

static bool asked_to_stop(void *context) {
    struct told *told = context;
    return ++told->steps == told->stop_after;
}

static int take_curve(void *context, const struct curve_point *point, struct error *error) {
    struct told *told = context;
    assert_true(told->curve_count < POINTS_MAX);
    told->curve[told->curve_count++] = *point;
    return told->refuse_after == told->curve_count ? error_set(error, ERROR_FAILED, "no more") : 0;
}

static int take_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    struct told *told = context;
    (void)error;
    assert_true(told->loss_count + count <= POINTS_MAX);
    memcpy(told->losses + told->loss_count, points, count * sizeof *points);
    told->loss_count += count;
    return 0;
}

static int take_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    (void)error;
    struct told *told = context;
    memcpy(told->seen, seen, count * sizeof *seen);
    told->seen_count = count;
    return 0;
}

static struct run_sink sink_to(struct told *told) {
    return (struct run_sink){.context = told,
                             .begin = take_begin,
                             .add_curve = take_curve,
                             .add_losses = take_losses,
                             .add_seen = take_seen,
                             .stop = asked_to_stop,
                             .abandon = asked_to_abandon,
                             .note = take_note};
}

/* The third is so short that a run sees all of it several times. */
static const char LANGUAGES[3][LANGUAGE_CODE_SIZE] = {"xa", "xb", "xc"};
static char tokens_folder[FILE_PATH_SIZE], checkpoint_path[FILE_PATH_SIZE];

/* Group setup: shards of three related languages, once for all tests. */
static int make_shards(void **state) {
    if (test_folder_make(state) != 0)
        return -1;
    omp_set_num_threads(1); /* the models are too small for more */
    const struct synthetic_settings synthetic = {.words = 200, .seed = 1};
    struct synthetic_language languages[3] = {{.bytes = 150000}, {.bytes = 150000}, {.bytes = 4000}};
    const struct vocabulary_settings settings = {
        .pieces = PIECES, .temperature = 100, .coverage = 1, .byte_fallback = true, .sample_bytes = 300000, .seed = 1};
    const struct encode_settings held_out = {.test_fraction = 0.1, .test_tokens_max = 5000, .seed = 1};
    struct error error = {0};
    char path[FILE_PATH_SIZE];
    struct vocabulary *vocabulary;
    snprintf(tokens_folder, sizeof tokens_folder, "%s", (const char *)*state);
    if (file_join(checkpoint_path, tokens_folder, "a.safetensors", &error) != 0)
        return -1;
    for (int l = 0; l < 3; l++) {
        memcpy(languages[l].code, LANGUAGES[l], LANGUAGE_CODE_SIZE);
        languages[l].shared_words = 0.7;
    }
    if (synthetic_write(tokens_folder, languages, 3, &synthetic, &error) != 0 ||
        file_join(path, tokens_folder, "vocabulary.model", &error) != 0 ||
        vocabulary_train(path, tokens_folder, LANGUAGES, 2, &settings, &error) != 0 ||
        vocabulary_open(&vocabulary, path, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    int result = 0;
    for (int l = 0; l < 3 && result == 0; l++) {
        struct encode_result encoded;
        char text[1][FILE_PATH_SIZE];
        snprintf(text[0], sizeof text[0], "%.900s/%s.jsonl", tokens_folder, LANGUAGES[l]);
        result = encode_language(tokens_folder, LANGUAGES[l], &(struct text_files){1, text}, vocabulary, &held_out,
                                 &encoded, &error);
    }
    vocabulary_close(vocabulary);
    return result;
}

/* A bilingual run of 24 steps that is evaluated on both languages. */
static struct run_spec *make_spec(void) {
    struct run_spec *spec = calloc(1, sizeof *spec);
    *spec = (struct run_spec){
        .run = 7,
        .attempt = 1,
        .key = 42,
        .shape = {.layers = 1, .width = 16, .heads = 2, .head_size = 8, .feed_forward = 32, .vocabulary = PIECES},
        .batch = 4,
        .micro_batch = 4,
        .sequence = 32,
        .steps = 24,
        .warmup_steps = 4,
        .decay_fraction = 0.25,
        .optimizer =
            {.learning_rate = 1e-2F, .beta1 = 0.9F, .beta2 = 0.95F, .epsilon = 1e-8F, .weight_decay = 0.1F, .clip = 1},
        .dropout = 0.1F,
        .curve_steps = 5,
        .evaluation_steps = 10,
        .evaluation_tokens = 500,
        .language_count = 2,
        .test_count = 2,
        .weights = {1, 1},
    };
    memcpy(spec->tokens_folder, tokens_folder, sizeof spec->tokens_folder);
    memcpy(spec->languages, LANGUAGES, 2 * sizeof *LANGUAGES);
    memcpy(spec->tests, LANGUAGES, 2 * sizeof *LANGUAGES);
    return spec;
}

static void train_or_fail(const struct run_spec *spec, struct told *told) {
    struct error error = {0};
    const struct run_sink sink = sink_to(told);
    struct run_ending ending;
    if (run_train(spec, &sink, &ending, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(ending.end, told->stop_after ? RUN_STOPPED : RUN_ENDED);
    assert_int_equal(ending.step, told->stop_after ? told->stop_after : spec->steps);
}

/* That keeps checkpoints, one every so many steps; none is there yet. */
static struct run_spec *keeping(struct run_spec *spec, uint64_t steps) {
    run_forget(checkpoint_path);
    memcpy(spec->checkpoint, checkpoint_path, sizeof spec->checkpoint);
    memcpy(spec->identity, "a run", 6);
    spec->checkpoint_steps = steps;
    spec->resume_most = UINT64_MAX;
    return spec;
}

static void points_come_at_their_steps(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told told = {0};
    train_or_fail(spec, &told);
    static const uint32_t curve_steps[] = {5, 10, 15, 20, 24}, loss_steps[] = {10, 10, 20, 20, 24, 24};
    assert_int_equal(told.curve_count, 5);
    const struct learning_rate_schedule schedule = {
        .base = (double)spec->optimizer.learning_rate, .warmup_steps = 4, .steps = 24, .decay_fraction = 0.25};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(told.curve[i].run, 7);
        assert_int_equal(told.curve[i].step, curve_steps[i]);
        assert_int_equal(told.curve[i].tokens, curve_steps[i] * 4 * 32);
        assert_true(told.curve[i].learning_rate == schedule_learning_rate(&schedule, curve_steps[i] - 1));
        assert_true(told.curve[i].loss > 1 && told.curve[i].loss < log(PIECES) + 1);
    }
    assert_true(told.curve[4].loss < told.curve[0].loss);
    assert_int_equal(told.loss_count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(told.losses[i].step, loss_steps[i]);
        assert_string_equal(told.losses[i].language, LANGUAGES[i % 2]);
        assert_true(told.losses[i].tokens_target < told.losses[i].tokens);
        assert_true(told.losses[i].unigram_normalised < told.losses[i].cross_entropy);
        assert_true(told.losses[i].bits_per_byte > 0);
    }
    assert_int_equal(told.losses[4].tokens_target + told.losses[5].tokens_target, 24 * 4 * 32);
    assert_int_equal(told.seen_count, 2);
    assert_int_equal(told.seen[0].tokens, told.losses[4].tokens_target);
    assert_true(fabs(told.seen[0].weight - 0.5) < 1e-12);
    free(spec);
}

static void same_specification_gives_the_same_bits(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told first = {0}, second = {0};
    train_or_fail(spec, &first);
    train_or_fail(spec, &second);
    assert_memory_equal(&first, &second, sizeof first);
    spec->key++;
    struct told other = {0};
    train_or_fail(spec, &other);
    assert_true(other.curve[4].loss != first.curve[4].loss);
    free(spec);
}

static void micro_batches_change_rounding_only(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told whole = {0}, cut = {0};
    train_or_fail(spec, &whole);
    spec->micro_batch = 3; /* 3 + 1 sequences */
    train_or_fail(spec, &cut);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(whole.curve[i].loss - cut.curve[i].loss) < 1e-3);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(whole.losses[i].cross_entropy - cut.losses[i].cross_entropy) < 1e-3);
    free(spec);
}

static void breakdown_is_told_with_its_step(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    spec->optimizer.learning_rate = 1e30F;
    struct told told = {0};
    const struct run_sink sink = sink_to(&told);
    const struct run_result result = worker_run(run_train, spec, &sink);
    assert_int_equal(result.failed, 1);
    assert_int_equal(result.run, 7);
    assert_non_null(strstr(result.cause, "not finite at step"));
    assert_true(result.ending.diverged);
    free(spec);
}

static void exploding_loss_is_a_failure(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    spec->optimizer.learning_rate = 30;
    spec->optimizer.weight_decay = 0;
    spec->warmup_steps = 0;
    struct told told = {0};
    const struct run_sink sink = sink_to(&told);
    const struct run_result result = worker_run(run_train, spec, &sink);
    assert_int_equal(result.failed, 1);
    assert_non_null(strstr(result.cause, "loss explodes at step"));
    assert_true(result.ending.diverged && result.ending.step < spec->steps);
    char cause[64];
    snprintf(cause, sizeof cause, "at step %llu;", (unsigned long long)result.ending.step + 1);
    assert_non_null(strstr(result.cause, cause));
    free(spec);
}

static void abandoned_run_leaves_no_checkpoint(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 0);
    struct told told = {.abandon_after = 1};
    struct error error = {0};
    const struct run_sink sink = sink_to(&told);
    struct run_ending ending;
    assert_int_equal(run_train(spec, &sink, &ending, &error), 0);
    assert_int_equal(ending.end, RUN_ABANDONED);
    assert_int_equal(ending.step, 5);
    assert_false(file_exists(checkpoint_path));
    free(spec);
}

static void missing_shard_is_told_with_its_path(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    memcpy(spec->languages[1], "xz", 3);
    struct told told = {0};
    struct error error = {0};
    const struct run_sink sink = sink_to(&told);
    struct run_ending ending;
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_non_null(strstr(error.message, "xz.train.tokens"));
    free(spec);
}

static void error_of_the_sink_ends_the_run(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told told = {.refuse_after = 2};
    struct error error = {0};
    const struct run_sink sink = sink_to(&told);
    struct run_ending ending;
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_string_equal(error.message, "no more");
    assert_int_equal(told.curve_count, 2);
    free(spec);
}

/* Both together tell what the whole run told. */
static void assert_whole(struct told *told, const struct told *rest, const struct told *whole) {
    assert_int_equal(told->curve_count + rest->curve_count, whole->curve_count);
    assert_int_equal(told->loss_count + rest->loss_count, whole->loss_count);
    memcpy(told->curve + told->curve_count, rest->curve, rest->curve_count * sizeof *rest->curve);
    memcpy(told->losses + told->loss_count, rest->losses, rest->loss_count * sizeof *rest->losses);
    assert_memory_equal(told->curve, whole->curve, sizeof told->curve[0] * whole->curve_count);
    assert_memory_equal(told->losses, whole->losses, sizeof told->losses[0] * whole->loss_count);
    assert_memory_equal(rest->seen, whole->seen, sizeof rest->seen);
}

/* A run is told to stop behind step `stop` and goes on. */
static void assert_stop_is_not_seen(struct run_spec *spec, const struct told *whole, uint32_t stop) {
    struct told told = {.stop_after = stop}, rest = {0};
    keeping(spec, 3);
    train_or_fail(spec, &told);
    assert_int_equal(told.seen_count, 0);
    train_or_fail(spec, &rest);
    assert_int_equal(rest.begun, stop);
    assert_whole(&told, &rest, whole);
    spec->checkpoint[0] = '\0';
}

static void run_stopped_at_any_step_goes_on_with_the_same_bits(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    spec->evaluation_steps = 1;
    spec->evaluation_tokens = 60;
    struct told whole = {0};
    train_or_fail(spec, &whole);
    for (uint32_t stop = 1; stop < spec->steps; stop++)
        assert_stop_is_not_seen(spec, &whole, stop);
    free(spec);
}

static void run_stopped_in_its_second_epoch_goes_on_with_the_same_bits(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    memcpy(spec->languages[0], "xc", 3);
    spec->language_count = spec->test_count = 1;
    spec->steps = 40;
    spec->batch = 10;
    spec->micro_batch = 10;
    spec->evaluation_steps = 1;
    spec->evaluation_tokens = 60;
    struct told whole = {0};
    train_or_fail(spec, &whole);
    const double epochs = whole.seen[0].epochs;
    assert_true(epochs > 2);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) { /* before, at and behind the border */
        const uint32_t border = (uint32_t)((double)epoch * (double)spec->steps / epochs);
        for (uint32_t stop = border - 1; stop < spec->steps && stop <= border + 1; stop++)
            assert_stop_is_not_seen(spec, &whole, stop);
    }
    free(spec);
}

static void finished_run_has_only_to_say_what_it_saw(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 8);
    struct told told = {0}, again = {0};
    train_or_fail(spec, &told);
    train_or_fail(spec, &again);
    assert_int_equal(again.curve_count + again.loss_count, 0);
    assert_memory_equal(again.seen, told.seen, sizeof told.seen);
    free(spec);
}

static void damage(const char *path) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -5, SEEK_END), 0);
    assert_int_equal(fputc(0x55, file), 0x55);
    assert_int_equal(fclose(file), 0);
}

static void damaged_checkpoint_gives_way_to_the_one_before(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 7);
    struct told whole = {0}, cut = {.stop_after = 16}, rest = {0};
    train_or_fail(spec, &whole);
    keeping(spec, 7);
    train_or_fail(spec, &cut); /* of steps 7, 14 and 16 */
    damage(checkpoint_path);
    train_or_fail(spec, &rest);
    assert_int_equal(rest.begun, 14);
    assert_non_null(strstr(rest.note, "a.safetensors"));
    cut.curve_count = 2; /* those up to step 14 */
    assert_whole(&cut, &rest, &whole);
    free(spec);
}

static void what_a_killed_worker_left_is_removed(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 20);
    struct told told = {0};
    char left[FILE_PATH_SIZE + 16];
    snprintf(left, sizeof left, "%s.123.tmp", checkpoint_path);
    FILE *file = fopen(left, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    train_or_fail(spec, &told);
    assert_false(file_exists(left));
    assert_true(file_exists(checkpoint_path));
    run_forget(checkpoint_path);
    assert_false(file_exists(checkpoint_path));
    free(spec);
}

static void checkpoint_of_steps_that_nobody_knows_is_left(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 7);
    struct told whole = {0}, cut = {.stop_after = 16}, anew = {0}, nothing = {0};
    train_or_fail(spec, &whole);
    keeping(spec, 7);
    train_or_fail(spec, &cut);
    spec->resume_most = 13; /* the points of step 14 may be lost */
    train_or_fail(spec, &anew);
    assert_int_equal(anew.begun, 0);
    assert_whole(&nothing, &anew, &whole);
    free(spec);
}

static void checkpoint_of_another_run_is_not_gone_on_from(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 20);
    struct told whole = {0}, other = {0}, nothing = {0};
    train_or_fail(spec, &whole);
    memcpy(spec->identity, "another", 8);
    train_or_fail(spec, &other);
    assert_int_equal(other.begun, 0);
    assert_non_null(strstr(other.note, "of run a run, not of another"));
    assert_whole(&nothing, &other, &whole);
    free(spec);
}

/* Trains `spec` as one that others begin from, behind a step, and makes it one that does, under another name. */
static void begin_from(struct run_spec *spec, struct told *base, uint64_t step, char start[FILE_PATH_SIZE]) {
    keeping(spec, 0)->kept_count = 1;
    spec->kept_steps[0] = step;
    train_or_fail(spec, base);
    run_kept_path(start, checkpoint_path, step);
    memcpy(spec->start, start, sizeof spec->start);
    memcpy(spec->start_identity, "a run", 6);
    spec->start_step = step;
    spec->kept_count = 0;
    memcpy(spec->identity, "finetuned", 10);
    spec->key = 43;
}

static void run_begins_with_the_weights_of_another(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told base = {0}, tuned = {0}, random = {0};
    char start[FILE_PATH_SIZE];
    begin_from(spec, &base, 24, start);
    memcpy(spec->languages[0], "xc", 3); /* learns one language, and is tested on the two of the base */
    spec->language_count = 1;
    train_or_fail(spec, &tuned);
    assert_int_equal(tuned.loss_count, base.loss_count + 2);
    for (int i = 0; i < 2; i++) {
        const struct loss_point *last = &base.losses[base.loss_count - 2 + i], *first = &tuned.losses[i];
        assert_true(first->step == 0 && first->tokens == 0 && first->tokens_target == 0);
        assert_string_equal(first->language, last->language);
        assert_true(first->cross_entropy == last->cross_entropy);
    }
    assert_int_equal(tuned.losses[2].step, 10);
    assert_true(tuned.curve[0].learning_rate == base.curve[0].learning_rate); /* the schedule begins anew */
    spec->start[0] = '\0';
    train_or_fail(spec, &random);
    assert_int_equal(random.loss_count, base.loss_count);
    assert_true(random.curve[0].loss > tuned.curve[0].loss);
    assert_int_equal(remove(start), 0);
    free(spec);
}

static void run_that_began_with_other_weights_goes_on_with_the_same_bits(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told base = {0}, whole = {0};
    char start[FILE_PATH_SIZE];
    begin_from(spec, &base, 24, start);
    spec->checkpoint[0] = '\0';
    train_or_fail(spec, &whole);
    for (uint32_t stop = 1; stop < spec->steps; stop += 5)
        assert_stop_is_not_seen(spec, &whole, stop);
    assert_int_equal(remove(start), 0);
    free(spec);
}

/* A run of 24 steps and one of 16 have the same first 12, for the latter decays over its last 4. */
static void cooldown_gives_the_bits_of_a_whole_run(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told trunk = {0}, whole = {0}, branch = {0};
    char start[FILE_PATH_SIZE];
    begin_from(spec, &trunk, 12, start);
    spec->key = 42; /* that of the trunk */
    spec->steps = 16;
    spec->continues = 1;
    train_or_fail(spec, &branch);
    assert_int_equal(branch.begun, 12);
    spec->start[0] = '\0';
    train_or_fail(spec, &whole);
    assert_int_equal(branch.curve_count, 2); /* steps 15 and 16 of 5, 10, 15, 16 */
    assert_memory_equal(branch.curve, whole.curve + 2, 2 * sizeof *whole.curve);
    assert_int_equal(branch.loss_count, 2); /* step 16 of 10 and 16, in two languages */
    assert_memory_equal(branch.losses, whole.losses + 2, 2 * sizeof *whole.losses);
    assert_memory_equal(branch.seen, whole.seen, sizeof whole.seen);
    assert_memory_equal(trunk.curve, whole.curve, 2 * sizeof *whole.curve);
    assert_int_equal(remove(start), 0);
    free(spec);
}

static void weights_that_are_not_those_it_begins_with_are_refused(void **state) {
    (void)state;
    struct run_spec *spec = make_spec();
    struct told base = {0}, told = {0};
    struct error error = {0};
    struct run_ending ending;
    char start[FILE_PATH_SIZE];
    begin_from(spec, &base, 24, start);
    const struct run_sink sink = sink_to(&told);
    spec->start_step = 23;
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_non_null(strstr(error.message, "step-24: a checkpoint of step 24, not of 23"));
    spec->start_step = 24;
    memcpy(spec->start_identity, "b run", 6);
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_non_null(strstr(error.message, "a checkpoint of run a run, not of b run"));
    assert_int_equal(remove(start), 0);
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_non_null(strstr(error.message, "step-24: cannot be read"));
    assert_int_equal(told.loss_count + told.curve_count, 0);
    free(spec);
}

static void checkpoint_that_cannot_be_written_ends_the_run(void **state) {
    (void)state;
    struct run_spec *spec = keeping(make_spec(), 7);
    struct told told = {0};
    struct error error = {0};
    const struct run_sink sink = sink_to(&told);
    struct run_ending ending;
    memcpy(spec->checkpoint, "/nowhere/a.safetensors", 23);
    assert_int_equal(run_train(spec, &sink, &ending, &error), -1);
    assert_non_null(strstr(error.message, "/nowhere/a.safetensors"));
    assert_int_equal(told.curve_count, 1);
    free(spec);
}

/* Shards of real text, the pages of this project, in folder. */
static void encode_pages(const char *folder) {
    const struct vocabulary_settings settings = {
        .pieces = PIECES, .temperature = 1, .coverage = 1, .byte_fallback = true, .sample_bytes = 1000000, .seed = 1};
    const struct encode_settings held_out = {.test_fraction = 0.1, .test_tokens_max = 5000, .seed = 1};
    struct encode_result encoded;
    struct vocabulary *vocabulary = NULL;
    struct error error = {0};
    char command[FILE_PATH_SIZE], text[1][FILE_PATH_SIZE], model[FILE_PATH_SIZE];
    snprintf(command, sizeof command, "cat README.md docs/*.md > '%.900s/en.txt'", folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own path */
    snprintf(text[0], sizeof text[0], "%.900s/en.txt", folder);
    snprintf(model, sizeof model, "%.900s/vocabulary.model", folder);
    if (vocabulary_train(model, folder, (const char[][LANGUAGE_CODE_SIZE]){"en"}, 1, &settings, &error) != 0 ||
        vocabulary_open(&vocabulary, model, &error) != 0 ||
        encode_language(folder, "en", &(struct text_files){1, text}, vocabulary, &held_out, &encoded, &error) != 0)
        fail_msg("%s", error.message);
    vocabulary_close(vocabulary);
}

/* A monolingual run on these pages. */
static struct run_spec *make_page_spec(const char *folder, enum model_precision precision, uint64_t steps) {
    struct run_spec *spec = make_spec();
    snprintf(spec->tokens_folder, sizeof spec->tokens_folder, "%s", folder);
    memcpy(spec->languages[0], "en", 3);
    memcpy(spec->tests[0], "en", 3);
    spec->language_count = spec->test_count = 1;
    spec->shape = (struct model_shape){
        .layers = 2, .width = 64, .heads = 4, .head_size = 16, .feed_forward = 192, .vocabulary = PIECES};
    spec->precision = precision;
    spec->batch = spec->micro_batch = 8;
    spec->sequence = 64;
    spec->steps = steps;
    spec->warmup_steps = 20;
    spec->curve_steps = 20;
    spec->evaluation_steps = steps;
    spec->evaluation_tokens = 2000;
    spec->optimizer.learning_rate = 3e-3F;
    return spec;
}

static void bf16_learns_what_fp32_learns(void **state) {
    struct told told[2] = {0};
    encode_pages(*state);
    for (int precision = MODEL_FP32; precision <= MODEL_BF16; precision++) {
        struct run_spec *spec = make_page_spec(*state, (enum model_precision)precision, 200);
        train_or_fail(spec, &told[precision]);
        free(spec);
    }
    const struct curve_point *exact = told[MODEL_FP32].curve, *rounded = told[MODEL_BF16].curve;
    const uint32_t last = told[MODEL_FP32].curve_count - 1;
    const double exact_test = told[MODEL_FP32].losses[0].cross_entropy;
    const double rounded_test = told[MODEL_BF16].losses[0].cross_entropy;
    print_message("# loss %.4f to %.4f and %.4f, of the test %.4f and %.4f\n", exact[0].loss, exact[last].loss,
                  rounded[last].loss, exact_test, rounded_test);
    assert_true(exact[last].loss < 0.7 * exact[0].loss);
    assert_true(fabs(rounded[last].loss / exact[last].loss - 1) < 0.005);
    assert_true(fabs(rounded_test / exact_test - 1) < 0.005);
}

/* Or the comparison above shows nothing. */
static void bf16_gives_other_bits_than_fp32(void **state) {
    static const char *const isas[] = {"portable", "avx2", "avx512", "avx512bf16", "amx"};
    encode_pages(*state);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        struct told told[2] = {0};
        setenv("SWEEP_ISA", isas[i], 1);
        const int chosen = kernels_choose(NULL);
        unsetenv("SWEEP_ISA");
        for (int precision = MODEL_FP32; chosen == 0 && precision <= MODEL_BF16; precision++) {
            struct run_spec *spec = make_page_spec(*state, (enum model_precision)precision, 2);
            train_or_fail(spec, &told[precision]);
            free(spec);
        }
        assert_int_equal(kernels_choose(NULL), 0);
        const double exact = told[MODEL_FP32].curve[0].loss, rounded = told[MODEL_BF16].curve[0].loss;
        if (chosen == 0 && !(rounded != exact && fabs(rounded / exact - 1) < 1e-3))
            fail_msg("%s: losses %.17g in fp32, %.17g in bf16", isas[i], exact, rounded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_come_at_their_steps),
        cmocka_unit_test(same_specification_gives_the_same_bits),
        cmocka_unit_test(micro_batches_change_rounding_only),
        cmocka_unit_test(breakdown_is_told_with_its_step),
        cmocka_unit_test(exploding_loss_is_a_failure),
        cmocka_unit_test(abandoned_run_leaves_no_checkpoint),
        cmocka_unit_test(missing_shard_is_told_with_its_path),
        cmocka_unit_test(error_of_the_sink_ends_the_run),
        cmocka_unit_test(run_stopped_at_any_step_goes_on_with_the_same_bits),
        cmocka_unit_test(run_stopped_in_its_second_epoch_goes_on_with_the_same_bits),
        cmocka_unit_test(finished_run_has_only_to_say_what_it_saw),
        cmocka_unit_test(damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(what_a_killed_worker_left_is_removed),
        cmocka_unit_test(checkpoint_of_steps_that_nobody_knows_is_left),
        cmocka_unit_test(checkpoint_of_another_run_is_not_gone_on_from),
        cmocka_unit_test(run_begins_with_the_weights_of_another),
        cmocka_unit_test(run_that_began_with_other_weights_goes_on_with_the_same_bits),
        cmocka_unit_test(cooldown_gives_the_bits_of_a_whole_run),
        cmocka_unit_test(weights_that_are_not_those_it_begins_with_are_refused),
        cmocka_unit_test(checkpoint_that_cannot_be_written_ends_the_run),
        cmocka_unit_test_setup_teardown(bf16_learns_what_fp32_learns, test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(bf16_gives_other_bits_than_fp32, test_folder_make, test_folder_remove),
    };
    return cmocka_run_group_tests_name("worker", tests, make_shards, test_folder_remove);
}
