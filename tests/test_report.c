/* Text on its way onto the page; and, as `test_report ARCHIVE [full|bare]`, the archive of a made-up study of all kinds
 * of runs, with names that mean harm, for tests/test_report.sh. full: 774 runs; bare: nothing has run yet. */
#include "base/random.h"
#include "hdf5_schema/archive.h"
#include "orchestrator/postfit.h"
#include "report/report.h"
#include "report/text.h"
#include "tests/test.h"

#include <math.h>

/* ---- text ---- */

static void assert_cleaned(const char *text, const char *expected) {
    char room[64] = "";
    snprintf(room, sizeof room, "%s", text);
    text_clean(room, sizeof room);
    assert_string_equal(room, expected);
}

static void cleans_text(void **state) {
    (void)state;
    assert_cleaned("en + fr", "en + fr");
    assert_cleaned("हिन्दी 中文 العربية 😀", "हिन्दी 中文 العربية 😀");
    assert_cleaned("a\nb\tc\x01\x7f", "a?b?c??");
    assert_cleaned("\xff\xc0\xaf\xed\xa0\x80", "??????"); /* never, overlong, surrogate */
    assert_cleaned("\xe0\xa4", "??");                     /* torn */
    assert_cleaned("a\xe2\x80\xae"
                   "b\xc2\x85",
                   "a???b??");                                 /* turns the direction, C1 control */
    assert_cleaned("\xef\xbf\xbf\xf4\x90\x80\x80", "???????"); /* not of XML, beyond Unicode */
    char torn[4] = {'a', 'b', '\xe4', 'x'};
    text_clean(torn, sizeof torn);
    assert_string_equal(torn, "ab?");
}

static void assert_written(void (*write)(FILE *out, const char *text), const char *text, const char *expected) {
    char *written;
    size_t size;
    FILE *out = open_memstream(&written, &size);
    write(out, text);
    fclose(out);
    assert_string_equal(written, expected);
    free(written);
}

static void escapes_text(void **state) {
    (void)state;
    assert_written(text_html, "<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    assert_written(text_csv, "en", "en");
    assert_written(text_csv, "a,\"b\"", "\"a,\"\"b\"\"\"");
    assert_written(text_gnuplot, "it's `date` \"$x\"", "'it''s `date` \"$x\"'");
}

static void write_rfc_4648(FILE *out, const char *text) {
    text_base64(out, (const unsigned char *)text, strlen(text));
}

static void encodes_base64(void **state) {
    (void)state;
    assert_written(write_rfc_4648, "", "");
    assert_written(write_rfc_4648, "f", "Zg==");
    assert_written(write_rfc_4648, "fo", "Zm8=");
    assert_written(write_rfc_4648, "foobar", "Zm9vYmFy");
}

/* ---- a study ---- */

enum { STEPS = 2000, TOKENS_A_STEP = 50000, FINETUNE_STEPS = 1000 };

struct shape {
    uint32_t languages, sizes, evaluations;
};
static const struct shape SMALL = {7, 6, 20}, FULL = {20, 20, 40};
static double size_step = 3; /* from one size to the next */

static char names[20][LANGUAGE_CODE_SIZE] = {"en", "fr", "中文", "हिन्", "a'`>p`\"<&", "العربي", "de", "es", "pt", "it",
                                             "ru", "uk", "ja",   "ko",  "vi",         "sw",     "tr", "fi", "et", "he"};

/* Families for the scores: neighbours are related. */
static double worth(uint32_t source, uint32_t target) {
    return source / 3 == target / 3 ? 0.5 : 0.08 * random_normal(5, source, target);
}

static double loss_of(const struct run_record *run, uint32_t target, double tokens, bool finetuned) {
    const double K = run->language_count;
    double own = 0, others = 0;
    for (uint32_t l = 0; l < run->language_count; l++)
        for (uint32_t s = 0; s < 20; s++)
            if (strcmp(run->languages[l].language, names[s]) == 0)
                *(s == target ? &own : &others) +=
                    tokens * run->languages[l].weight * (s == target ? 1 : worth(s, target));
    const double seen = fmax(own + others, tokens * 0.002) + (finetuned ? 6e6 : 0) + 1e3;
    const double noise = exp(0.002 * random_normal(3, run->run * 64 + target, (uint64_t)tokens));
    return (1.5 + 0.05 * target + 150 * pow(K, 0.1) / pow((double)run->parameters, 0.33) + (finetuned ? 0.12 : 0) +
            300 / pow(seen, 0.35)) *
           noise;
}

static void add_points(struct study_data *data, const struct run_record *run, uint32_t languages,
                       uint32_t evaluations) {
    const bool finetuned = strcmp(run->kind, "finetune") == 0;
    for (uint32_t e = finetuned ? 0 : 1; e <= evaluations; e++)
        for (uint32_t t = 0; t < languages; t++) {
            bool learned = finetuned; /* that meet every test set */
            for (uint32_t l = 0; l < run->language_count; l++)
                learned = learned || strcmp(run->languages[l].language, names[t]) == 0;
            if (!learned)
                continue;
            struct loss_point *point = &data->losses[data->loss_count++];
            *point =
                (struct loss_point){.run = run->run, .step = (uint32_t)run->steps / evaluations * e, .set = "test"};
            memcpy(point->language, names[t], LANGUAGE_CODE_SIZE);
            point->tokens = (uint64_t)point->step * TOKENS_A_STEP;
            for (uint32_t l = 0; l < run->language_count; l++)
                if (strcmp(run->languages[l].language, names[t]) == 0)
                    point->tokens_target = (uint64_t)((double)point->tokens * run->languages[l].weight);
            point->cross_entropy = loss_of(run, t, (double)point->tokens, finetuned);
            point->unigram_normalised = point->cross_entropy - 6;
            point->bits_per_byte = point->cross_entropy / 3;
        }
    for (uint32_t c = 1; c <= 100; c++) {
        const uint32_t step = (uint32_t)run->steps / 100 * c;
        data->curves[data->curve_count++] =
            (struct curve_point){run->run, step, (uint64_t)step * TOKENS_A_STEP, 1e-3,
                                 1.6 + 150 / pow((double)run->parameters, 0.33) + 4 * exp(-(double)c / 8) +
                                     0.1 * random_uniform(4, run->run, c)};
    }
}

static void add_run(struct study_data *data, const char *kind, uint32_t size, const uint32_t *languages,
                    uint32_t count) {
    const uint32_t number = (uint32_t)data->run_count++;
    struct run_record *run = &data->runs[number];
    *run = (struct run_record){.run = number,
                               .scale = (int32_t)size,
                               .layers = 2,
                               .width = 64,
                               .heads = 4,
                               .head_size = 16,
                               .feed_forward = 256,
                               .vocabulary = 512,
                               .parameters = (uint64_t)(2e5 * pow(size_step, size)),
                               .batch = 8,
                               .sequence = 128,
                               .steps = strcmp(kind, "finetune") == 0 ? FINETUNE_STEPS : STEPS,
                               .seed = 7,
                               .language_count = count,
                               .precision = "fp32"};
    run->tokens = run->steps * TOKENS_A_STEP;
    run->flops = 6 * (double)run->parameters * (double)run->tokens;
    checksum_identity(&number, sizeof number, run->identity);
    snprintf(run->kind, sizeof run->kind, "%s", kind);
    snprintf(run->size, sizeof run->size, "scale %u", size);
    run->languages = calloc(count, sizeof *run->languages);
    assert_non_null(run->languages);
    for (uint32_t l = 0; l < count; l++) {
        run->languages[l] = (struct language_tokens){.run = number,
                                                     .weight = 1.0 / count,
                                                     .tokens = run->tokens / count,
                                                     .unique_tokens = run->tokens / count,
                                                     .epochs = 1};
        memcpy(run->languages[l].language, names[languages[l]], LANGUAGE_CODE_SIZE);
    }
    if (count > 2)
        snprintf(run->name, sizeof run->name, "mixture of %u", count);
    else
        snprintf(run->name, sizeof run->name, "%s%s%s", names[languages[0]], count > 1 ? "+" : "",
                 count > 1 ? names[languages[1]] : "");
    data->outcomes[number] = (struct run_outcome){.run = number,
                                                  .status = RUN_DONE,
                                                  .attempt = 1,
                                                  .step = run->steps,
                                                  .learning_rate = 1e-3,
                                                  .ranks = 1,
                                                  .threads = 2,
                                                  .isa = "avx2",
                                                  .seconds = 100.0 * (size + 1),
                                                  .started = 1.75e9};
}

static void plan_runs(struct study_data *data, const struct shape *shape, uint32_t most) {
    uint32_t all[20];
    for (uint32_t l = 0; l < 20; l++)
        all[l] = l;
    for (uint32_t s = 0; s < shape->sizes; s++)
        for (uint32_t l = 0; l < shape->languages; l++)
            add_run(data, "monolingual", s, &l, 1);
    for (uint32_t s = 2; s < shape->sizes; s += 2)
        for (uint32_t K = 3; K <= shape->languages; K += shape->languages > 6 ? 3 : 1)
            add_run(data, "multilingual", s, all, K);
    for (uint32_t s = 1; s < shape->sizes; s += shape->sizes / 3)
        for (uint32_t l = 0; l<shape->languages; l += shape->languages> 7 ? 2 : 1)
            add_run(data, "finetune", s, &l, 1);
    const uint32_t main_size = shape->sizes / 2;
    for (uint32_t a = 0; a < shape->languages; a++)
        for (uint32_t b = a + 1; b < shape->languages && data->run_count < most; b++)
            if ((a + b) % 7 != 3)
                add_run(data, "bilingual", main_size, (const uint32_t[]){a, b}, 2);
    for (uint32_t s = 0; s < shape->sizes; s++)
        for (uint32_t l = 0; l + 1 < shape->languages && s != main_size && data->run_count < most; l += 2)
            add_run(data, "bilingual", s, (const uint32_t[]){l, l + 1}, 2);
}

/* A run that failed, one that runs and one that waits, of the last ones. */
static void spoil_runs(struct study_data *data) {
    struct run_outcome *outcomes = data->outcomes + data->run_count - 3;
    outcomes[0].status = RUN_FAILED;
    snprintf(outcomes[0].cause, sizeof outcomes[0].cause, "<script>alert('cause')</script> & loss is not a number");
    outcomes[1].status = RUN_RUNNING;
    outcomes[1].step = 700;
    outcomes[2] = (struct run_outcome){.run = outcomes[2].run};
}

static void fill_runs(struct study_data *data, const struct shape *shape) {
    const size_t runs = data->run_count;
    data->losses = calloc(runs * (shape->evaluations + 1) * shape->languages, sizeof *data->losses);
    data->curves = calloc(runs * 100, sizeof *data->curves);
    data->seen = calloc(runs * 20, sizeof *data->seen);
    assert_true(data->losses && data->curves && data->seen);
    for (size_t r = 0; r < runs; r++) {
        if (data->outcomes[r].status == RUN_WAITING)
            continue;
        add_points(data, &data->runs[r], shape->languages, shape->evaluations);
        for (uint32_t l = 0; data->outcomes[r].status == RUN_DONE && l < data->runs[r].language_count; l++)
            data->seen[data->seen_count++] = data->runs[r].languages[l];
    }
    study_data_sort(data);
}

static void make_study(const struct shape *shape, uint32_t most, struct study *study, struct study_data *data) {
    *study = (struct study){.language_count = shape->languages,
                            .languages = names,
                            .warmup_steps = 100,
                            .decay_fraction = 0.1,
                            .seed = 7,
                            .reference_tokens = 0.4 * STEPS * TOKENS_A_STEP};
    *data = (struct study_data){.study = {strdup("<script>alert(1)</script> & 'größer'"), strdup("study: x\n"),
                                          strdup("training.warmup_steps: 100\ntraining.decay_fraction: 0.1\n"),
                                          strdup("0.1.0")}};
    data->runs = calloc(2000, sizeof *data->runs);
    data->outcomes = calloc(2000, sizeof *data->outcomes);
    assert_true(data->runs && data->outcomes);
    plan_runs(data, shape, most);
    spoil_runs(data);
    fill_runs(data, shape);
}

static void forget_runs(struct study_data *data) {
    data->curve_count = data->loss_count = data->seen_count = 0;
    for (uint32_t r = 0; r < data->run_count; r++)
        data->outcomes[r] = (struct run_outcome){.run = r};
}

static int write_archive(const char *path, const char *kind) {
    const bool full = strcmp(kind, "full") == 0;
    struct study study;
    struct study_data data;
    struct error error = {0};
    size_step = full ? 1.4 : 3;
    make_study(full ? &FULL : &SMALL, full ? 774 : 2000, &study, &data);
    if (strcmp(kind, "bare") == 0)
        forget_runs(&data);
    const int result = postfit(&study, &data, stdout, &error) != 0 ? -1 : archive_write(path, &data, &error);
    if (result != 0)
        fprintf(stderr, "%s\n", error.message);
    study_data_free(&data);
    return result != 0;
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cleans_text), cmocka_unit_test(escapes_text),
                                       cmocka_unit_test(encodes_base64)};
    if (count > 1)
        return write_archive(words[1], count > 2 ? words[2] : "");
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
