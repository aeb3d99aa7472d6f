/* Every kind of file that sweep reads, damaged at random (tests/mutation.h). Under the sanitizers 5000 mutants a
 * kind, which takes a minute, else some hundred; `test_mutations COUNT` (make fuzz) reads so many of each. */
#include "base/checksum.h"
#include "base/csv.h"
#include "corpus/batches.h"
#include "corpus/shard_writer.h"
#include "corpus/synthetic.h"
#include "corpus/test_set.h"
#include "corpus/vocabulary.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "hdf5_schema/journal_format.h"
#include "hdf5_schema/schema.h"
#include "model/checkpoint.h"
#include "model/network.h"
#include "orchestrator/plan.h"
#include "orchestrator/score_table.h"
#include "tests/mutation.h"
#include "tests/sample_study.h"

#include <omp.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
enum { MUTANTS = 5000 };
#else
enum { MUTANTS = 300 };
#endif

static bool copy_file(const char *from, const char *path) {
    char *bytes;
    size_t size;
    assert_int_equal(file_read(from, SIZE_MAX, &bytes, &size, NULL), 0);
    test_file_write(path, bytes, size);
    free(bytes);
    return true;
}

static bool is_source(const char *path, const struct source *source) {
    char *bytes;
    size_t size;
    if (file_read(path, SIZE_MAX, &bytes, &size, NULL) != 0)
        return false;
    const bool same = size == source->size && memcmp(bytes, source->bytes, size) == 0;
    free(bytes);
    return same;
}

/* ---- study files ---- */

static bool make_study(const char *folder, int number, const char *path) {
    static const char *const studies[] = {"sweeps/demo.yaml", "sweeps/tiny.yaml", "sweeps/bilingual.yaml"};
    (void)folder;
    return number < 3 && copy_file(studies[number], path);
}

static int read_study(const char *path, const struct source *source, struct error *error) {
    struct study study;
    struct plan plan;
    char *said;
    size_t size;
    (void)source;
    FILE *file = open_memstream(&said, &size);
    if (!file)
        wrong("no memory for mistakes");
    int result = study_read(path, &study, file, error);
    fclose(file);
    if ((result == 0) != (said[0] == '\0'))
        wrong(said[0] ? "read in spite of mistakes" : "refused without a mistake");
    free(said);
    if (result != 0)
        return -1;
    char *settings = study_settings(&study);
    if (!settings)
        wrong("no settings");
    free(settings);
    result = plan_make(&study, &plan, error);
    plan_free(&plan);
    study_free(&study);
    return result;
}

/* ---- tables ---- */

static bool make_table(const char *folder, int number, const char *path) {
    static const char good[] = "run,N,D,L,\"note, long\"\n2b8,2810000000,32000000000,2.722962,\"a \"\"b\"\"\"\n"
                               "2b9,2810000000,4e10,2.706547,\r\n\nx,1.5e8,1e9,nan,\"\"\n";
    (void)folder;
    test_file_write(path, good, sizeof good - 1);
    return number == 0;
}

static int read_table(const char *path, const struct source *source, struct error *error) {
    struct csv csv;
    if (csv_open(&csv, path, error) != 0)
        return -1;
    int status;
    double value;
    while ((status = csv_next(&csv, error)) == 1)
        for (int c = 0; c < csv.columns; c++) {
            if (strlen(csv.cells[c]) > 2 * source->size)
                wrong("a cell that is longer than its file");
            csv_number(&csv, c, &value, NULL);
        }
    csv_close(&csv);
    return status;
}

static const char scores_path[] = "tests/data/transfer/bts.csv", languages_path[] = "tests/data/transfer/languages.csv";

static bool make_scores(const char *folder, int number, const char *path) {
    (void)folder;
    return number == 0 && copy_file(scores_path, path);
}

static int read_scores(const char *path, const struct source *source, struct error *error) {
    struct score_table table;
    (void)source;
    if (score_table_read(&table, path, error) != 0)
        return -1;
    for (size_t i = 0; i < table.count * table.count; i++)
        if (isinf(table.scores[i]))
            wrong("an infinite score");
    score_table_free(&table);
    return 0;
}

static bool make_groups(const char *folder, int number, const char *path) {
    (void)folder;
    return number == 0 && copy_file(languages_path, path);
}

static int read_groups(const char *path, const struct source *source, struct error *error) {
    struct score_table table;
    struct language_groups groups;
    (void)source;
    if (score_table_read(&table, scores_path, error) != 0)
        return -1;
    const int result = language_groups_read(&groups, &table, path, error);
    score_table_free(&table);
    return result;
}

/* ---- journals and archives ---- */

static bool make_journal(const char *folder, int number, const char *path) {
    (void)folder;
    if (number > 0)
        return false;
    struct study_data data = sample_study();
    struct journal *journal;
    assert_int_equal(journal_create(&journal, path, &data.study, NULL), 0);
    for (size_t r = 0; r < data.run_count; r++)
        assert_int_equal(journal_add_run(journal, &data.runs[r], NULL), 0);
    assert_int_equal(journal_sync(journal, NULL), 0);
    for (uint32_t r = 0; r < 3; r++) {
        const struct run_outcome begun = sample_outcome(r, RUN_RUNNING, 1);
        assert_int_equal(journal_add_outcome(journal, &begun, NULL), 0);
        for (uint32_t i = 0; i < SAMPLE_POINTS; i++)
            assert_int_equal(journal_add_curve(journal, &data.curves[r * SAMPLE_POINTS + i], 1, NULL), 0);
        assert_int_equal(journal_add_losses(journal, &data.losses[r * SAMPLE_EVALUATIONS], SAMPLE_EVALUATIONS, NULL),
                         0);
        assert_int_equal(journal_add_outcome(journal, &data.outcomes[r], NULL), 0);
        assert_int_equal(journal_sync(journal, NULL), 0);
    }
    assert_int_equal(journal_add_seen(journal, data.seen, (uint32_t)data.seen_count, NULL), 0);
    assert_int_equal(journal_close(journal, NULL), 0);
    study_data_free(&data);
    return true;
}

static int read_journal(const char *path, const struct source *source, struct error *error) {
    struct study_data data;
    uint64_t torn;
    (void)source;
    if (journal_read(path, &data, &torn, error) != 0)
        return -1;
    const int result = study_data_check(&data, path, error);
    study_data_free(&data);
    return result;
}

static void seal_journal(char *bytes, size_t size) {
    for (size_t at = JOURNAL_HEADER_SIZE; at + RECORD_HEADER_SIZE <= size;) {
        uint8_t *record = (uint8_t *)bytes + at;
        const size_t payload = schema_get(record + 8, 4);
        if (payload > size - at - RECORD_HEADER_SIZE)
            return;
        record_seal(record, (enum record_kind)schema_get(record + 12, 2), payload);
        at += RECORD_HEADER_SIZE + payload;
    }
}

static bool make_archive(const char *folder, int number, const char *path) {
    (void)folder;
    if (number > 0)
        return false;
    struct study_data data = sample_study();
    sample_results(&data);
    assert_int_equal(archive_write(path, &data, NULL), 0);
    study_data_free(&data);
    return true;
}

/* The seal leaves nothing to read but the archive itself. It is not made good again: HDF5 trusts what it reads. */
static int read_archive(const char *path, const struct source *source, struct error *error) {
    struct study_data data;
    if (archive_read(path, &data, error) != 0)
        return -1;
    study_data_free(&data);
    if (!is_source(path, source))
        wrong("a damaged archive was read");
    return 0;
}

/* ---- shards ---- */

enum { VOCABULARY = 50, SHARD_TOKENS = 600, SEQUENCE = 16 };

static bool make_shard(const char *folder, int number, const char *split) {
    if (number > 0)
        return false;
    struct shard_writer writer;
    uint8_t piece_bytes[VOCABULARY];
    uint64_t counts[VOCABULARY];
    uint16_t tokens[SHARD_TOKENS];
    for (size_t i = 0; i < VOCABULARY; i++) {
        piece_bytes[i] = (uint8_t)(1 + i % 7);
        counts[i] = 100 + i;
    }
    for (size_t i = 0; i < SHARD_TOKENS; i++)
        tokens[i] = (uint16_t)random_below(VOCABULARY, 9, 0, i);
    assert_int_equal(
        shard_writer_open(&writer, folder, "xx", split, "vocabulary", "text", piece_bytes, VOCABULARY, NULL), 0);
    assert_int_equal(shard_writer_add(&writer, tokens, SHARD_TOKENS, 3 * SHARD_TOKENS, NULL), 0);
    assert_int_equal(shard_writer_publish(&writer, counts, NULL), 0);
    return true;
}

static bool make_training_shard(const char *folder, int number, const char *path) {
    (void)path;
    return make_shard(folder, number, "train");
}

static bool make_test_shard(const char *folder, int number, const char *path) {
    (void)path;
    return make_shard(folder, number, "test");
}

static int verify_shard(const char *path, struct error *error) {
    struct shard shard;
    if (shard_open(&shard, path, error) != 0)
        return -1;
    const int result = shard_verify(&shard, path, error);
    shard_close(&shard);
    return result;
}

/* As a run reads them: workers do not read all of a shard again that the coordinator has verified. */
static int read_training_shard(const char *path, const struct source *source, struct error *error) {
    static const char languages[1][LANGUAGE_CODE_SIZE] = {"xx"};
    const double weight = 1;
    char folder[FILE_PATH_SIZE];
    struct batches *batches;
    (void)source;
    file_folder(folder, path);
    if (batches_open(&batches, folder, languages, &weight, 1, VOCABULARY, 2, SEQUENCE, 3, error) != 0)
        return -1;
    for (uint64_t b = 0; b < 40; b++) {
        uint16_t tokens[2 * (SEQUENCE + 1)];
        batches_get(batches, b, 0, 2, tokens);
    }
    batches_close(batches);
    return verify_shard(path, error);
}

static int read_test_shard(const char *path, const struct source *source, struct error *error) {
    char folder[FILE_PATH_SIZE];
    struct test_set set;
    (void)source;
    file_folder(folder, path);
    if (test_set_open(&set, folder, "xx", "test", VOCABULARY, SEQUENCE, 500, error) != 0)
        return -1;
    for (uint64_t w = 0; w < set.windows; w++) {
        uint16_t tokens[SEQUENCE + 1];
        test_set_get(&set, w, 1, tokens);
    }
    const struct test_losses losses = test_set_losses(&set, 1000);
    test_set_close(&set);
    if (!isfinite(losses.bits_per_byte))
        wrong("a loss that is no number");
    return verify_shard(path, error);
}

static void seal_shard(char *bytes, size_t size) {
    struct shard_header header;
    if (size < SHARD_HEADER_SIZE)
        return;
    memcpy(&header, bytes, sizeof header);
    header.payload_checksum = checksum64(bytes + SHARD_HEADER_SIZE, size - SHARD_HEADER_SIZE);
    header.header_checksum = checksum64(&header, offsetof(struct shard_header, header_checksum));
    memcpy(bytes, &header, sizeof header);
}

/* ---- checkpoints ---- */

static struct model *make_model(void) {
    static const struct model_setup setup = {
        .shape = {.layers = 2, .width = 6, .heads = 3, .head_size = 4, .feed_forward = 10, .vocabulary = 17},
        .batch = 1,
        .sequence = 4,
        .seed = 3,
    };
    struct model *model;
    return model_create(&model, &setup, NULL) == 0 ? model : NULL;
}

static bool make_checkpoint(const char *folder, int number, const char *path) {
    static const struct checkpoint told = {.identity = "run 7", .step = 12, .loss_sum = 0.1 + 0.2};
    (void)folder;
    if (number > 0)
        return false;
    struct model *model = make_model();
    assert_non_null(model);
    for (size_t i = 0; i < model->parameters; i++)
        model->weights[i] = (float)i;
    assert_int_equal(model_save(model, path, &told, NULL, NULL), 0);
    model_destroy(model);
    return true;
}

/* What was refused left the model as it was; what was read is what was saved. */
static int read_checkpoint(const char *path, const struct source *source, struct error *error) {
    struct model *model = make_model(), *fresh = make_model();
    struct checkpoint found;
    (void)source;
    if (!model || !fresh)
        wrong("no model");
    const int result = model_load(model, path, "run 7", &found, error);
    for (size_t i = 0; i < model->parameters; i++)
        if (model->weights[i] != (result == 0 ? (float)i : fresh->weights[i]))
            wrong(result == 0 ? "other weights than were saved" : "refused, but the model was touched");
    if (result == 0 && (found.step != 12 || found.loss_sum != 0.1 + 0.2))
        wrong("another checkpoint than was saved");
    model_destroy(model);
    model_destroy(fresh);
    return result;
}

static bool make_weights(const char *folder, int number, const char *path) {
    if (!make_checkpoint(folder, number, path))
        return false;
    json_t *metadata = json_object();
    assert_int_equal(checkpoint_copy_weights(path, "run 7", 12, path, metadata, NULL), 0);
    json_decref(metadata);
    return true;
}

static int read_weights(const char *path, const struct source *source, struct error *error) {
    struct checkpoint found;
    bool weights_alone;
    (void)source;
    if (checkpoint_verify(path, &found, &weights_alone, error) != 0)
        return -1;
    if (!weights_alone || model_parameters(&found.shape) != 1050)
        wrong("other weights than were exported");
    return 0;
}

static size_t range_of_header(const char *bytes) {
    uint64_t size;
    memcpy(&size, bytes, sizeof size);
    return sizeof size + size;
}

/* ---- vocabularies ---- */

static bool make_vocabulary(const char *folder, int number, const char *path) {
    static const struct synthetic_settings text = {.words = 400, .seed = 11};
    static const struct synthetic_language languages[] = {{"aa", 0, 0, 0.6, 60000}, {"bb", 1, 1, 0.6, 40000}};
    static const char codes[][LANGUAGE_CODE_SIZE] = {"aa", "bb"};
    const struct vocabulary_settings settings = {.pieces = 350,
                                                 .reserved = 5,
                                                 .temperature = 100,
                                                 .coverage = 0.999995,
                                                 .byte_fallback = number == 0,
                                                 .sample_bytes = 1000000,
                                                 .seed = 3};
    if (number > 1)
        return false;
    assert_int_equal(synthetic_write(folder, languages, 2, &text, NULL), 0);
    assert_int_equal(vocabulary_train(path, folder, codes, 2, &settings, NULL), 0);
    return true;
}

static int read_vocabulary(const char *path, const struct source *source, struct error *error) {
    static const char text[] = "some words, ta ke\nna \xE4\xB8\xAD\xE6\x96\x87 <0x41></s>  \t\xF0\x9F\x98\x80 \xff end";
    struct vocabulary *vocabulary;
    uint16_t *tokens = NULL;
    size_t room = 0, count;
    (void)source;
    if (vocabulary_open(&vocabulary, path, error) != 0)
        return -1;
    if (vocabulary_encode(vocabulary, text, sizeof text - 1, &tokens, &room, &count, NULL) == 0)
        for (size_t i = 0; i < count; i++)
            if (tokens[i] >= vocabulary_size(vocabulary))
                wrong("a token beyond the vocabulary");
    free(tokens);
    vocabulary_close(vocabulary);
    return 0;
}

static const struct kind kinds[] = {
    {"study file", "study.yaml", make_study, read_study, NULL, NULL, 1},
    {"table", "table.csv", make_table, read_table, NULL, NULL, 60}, /* the reader of all CSV, which is fast */
    {"transfer scores", "scores.csv", make_scores, read_scores, NULL, NULL, 1},
    {"languages", "languages.csv", make_groups, read_groups, NULL, NULL, 1},
    {"journal", "a.h5.journal", make_journal, read_journal, seal_journal, NULL, 1},
    {"archive", "a.h5", make_archive, read_archive, NULL, NULL, 1},
    {"training shard", "xx.train.tokens", make_training_shard, read_training_shard, seal_shard, NULL, 1},
    {"test shard", "xx.test.tokens", make_test_shard, read_test_shard, seal_shard, NULL, 1},
    {"checkpoint", "run.safetensors", make_checkpoint, read_checkpoint, NULL, NULL, 1},
    {"checkpoint header", "run.safetensors", make_checkpoint, read_checkpoint, NULL, range_of_header, 1},
    {"exported weights", "model.safetensors", make_weights, read_weights, NULL, range_of_header, 1},
    {"vocabulary", "vocabulary.model", make_vocabulary, read_vocabulary, NULL, NULL, 1},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static uint64_t count_wanted = MUTANTS;

static void mutants_are_read_right_or_refused(void **state) {
    const struct kind *kind = *state;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const uint64_t count = count_wanted * kind->times;
    const size_t refused = read_mutants(kind, count);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(refused > count / 4); /* or they are not damaged */
    print_message("# %s: %llu mutants, %zu refused, %ld s\n", kind->name, (unsigned long long)count, refused,
                  (long)(end.tv_sec - begin.tv_sec));
}

int main(int count, char **words) {
    struct CMUnitTest tests[KINDS];
    for (int k = 0; k < KINDS; k++)
        tests[k] = (struct CMUnitTest){
            .name = kinds[k].name, .test_func = mutants_are_read_right_or_refused, .initial_state = (void *)&kinds[k]};
    if (count == 2)
        count_wanted = strtoull(words[1], NULL, 10);
    omp_set_num_threads(1);
    return cmocka_run_group_tests_name("mutations", tests, NULL, NULL);
}
