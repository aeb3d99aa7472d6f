/* model/checkpoint: every byte comes back, and what is damaged is refused. With a path as its argument this program
 * writes a checkpoint there, for tests/test_checkpoint_python.sh. */
#include "base/checksum.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "model/network.h"
#include "tests/test.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct model_setup setup = {
    .shape = {.layers = 2, .width = 6, .heads = 3, .head_size = 4, .feed_forward = 10, .vocabulary = 17},
    .batch = 2,
    .sequence = 9,
    .dropout = 0.1F,
    .seed = 3,
};

static const struct checkpoint told = {.identity = "run 7", .step = 12, .loss_sum = 0.1 + 0.2};

static const char *path_in(void *folder, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)folder, name);
    return path;
}

static struct model *model_made(void) {
    struct model *model;
    struct error error;
    if (model_create(&model, &setup, &error) != 0)
        fail_msg("%s", error.message);
    return model;
}

static double train(struct model *model, uint64_t first, uint64_t steps) {
    const struct model_optimizer optimizer = {1e-2F, 0.9F, 0.95F, 1e-8F, 0.1F, 1};
    double loss = 0;
    for (uint64_t step = first; step < first + steps; step++) {
        uint16_t tokens[2 * 10];
        for (size_t i = 0; i < 20; i++)
            tokens[i] = (uint16_t)random_below(17, 1, step, i);
        model_gradient(model, tokens, 2, 1.0F / 18, step, 0, &loss);
        model_update(model, &optimizer);
    }
    return loss;
}

static struct model *model_trained(void) {
    struct model *model = model_made();
    train(model, 0, 12);
    return model;
}

static void save_or_fail(struct model *model, const char *path) {
    struct error error;
    if (model_save(model, path, &told, NULL, &error) != 0)
        fail_msg("%s", error.message);
}

static struct checkpoint verified(const char *path) {
    struct checkpoint found;
    struct error error;
    bool weights_alone;
    if (checkpoint_verify(path, &found, &weights_alone, &error) != 0)
        fail_msg("%s", error.message);
    assert_false(weights_alone);
    return found;
}

static void assert_same(const struct model *a, const struct model *b) {
    const size_t size = a->parameters * sizeof(float);
    assert_memory_equal(a->weights, b->weights, size);
    assert_memory_equal(a->mean, b->mean, size);
    assert_memory_equal(a->variance, b->variance, size);
    assert_memory_equal(a->gradient, b->gradient, size);
    assert_int_equal(a->updates, b->updates);
}

/* A whole file in memory, to be freed. */
static char *bytes_of(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, file);
    assert_true(*size < 1 << 20);
    fclose(file);
    return bytes;
}

static void every_byte_comes_back(void **state) {
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    omp_set_num_threads(3); /* another machine goes on */
    struct model *again = model_made();
    omp_set_num_threads(1);
    model_gradients(again)[3] = 1; /* is cleared */
    struct checkpoint found;
    struct error error;
    if (model_load(again, path, "run 7", &found, &error) != 0)
        fail_msg("%s", error.message);
    assert_string_equal(found.identity, "run 7");
    assert_int_equal(found.step, 12);
    assert_int_equal(found.updates, 12);
    assert_true(found.loss_sum == 0.1 + 0.2);
    assert_memory_equal(&found.shape, &setup.shape, sizeof found.shape);
    assert_same(model, again);
    assert_true(train(model, 12, 5) == train(again, 12, 5));
    assert_same(model, again);
    model_destroy(model);
    model_destroy(again);
}

static void same_state_gives_the_same_file(void **state) {
    struct model *model = model_trained(), *again = model_made();
    char second[256];
    snprintf(second, sizeof second, "%s/b.safetensors", (const char *)*state);
    const char *path = path_in(*state, "a.safetensors");
    save_or_fail(model, path);
    struct checkpoint found;
    assert_int_equal(model_load(again, path, "run 7", &found, NULL), 0);
    assert_int_equal(model_save(again, second, &found, NULL, NULL), 0);
    size_t size, second_size;
    char *bytes = bytes_of(path, &size), *second_bytes = bytes_of(second, &second_size);
    assert_int_equal(size, second_size);
    assert_memory_equal(bytes, second_bytes, size);
    free(bytes);
    free(second_bytes);
    model_destroy(model);
    model_destroy(again);
}

/* Loading fails with words in its one line, and leaves the model as it was. */
static void assert_refused(const char *path, const char *identity, const char *words) {
    struct model *model = model_made(), *fresh = model_made();
    struct checkpoint found;
    struct error error = {0};
    assert_int_equal(model_load(model, path, identity, &found, &error), -1);
    if (!strstr(error.message, words) || strchr(error.message, '\n'))
        fail_msg("\"%s\" does not say \"%s\" in a line", error.message, words);
    assert_same(model, fresh);
    model_destroy(model);
    model_destroy(fresh);
}

static void other_runs_and_shapes_are_refused(void **state) {
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    assert_refused(path, "run 8", "of run run 7, not of run 8");
    model_destroy(model);
    struct model_setup other = setup;
    other.shape.heads = 4;
    assert_int_equal(model_create(&model, &other, NULL), 0);
    save_or_fail(model, path);
    assert_refused(path, "run 7", "another shape");
    model_destroy(model);
}

/* The file with the first `old` of its header replaced, and the header's size made right again. */
static void header_edit(const char *path, const char *bytes, size_t size, const char *old, const char *new) {
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    char *edited = calloc(1, size + 256), *header = strndup(bytes + 8, header_size);
    assert_non_null(edited);
    assert_non_null(header);
    const char *place = strstr(header, old);
    if (!place)
        fail_msg("no %s in the header", old);
    const uint64_t new_size = header_size + strlen(new) - strlen(old);
    memcpy(edited, &new_size, sizeof new_size);
    snprintf(edited + 8, size, "%.*s%s%s", (int)(place - header), header, new, place + strlen(old));
    memcpy(edited + 8 + new_size, bytes + 8 + header_size, size - 8 - header_size);
    test_file_write(path, edited, size + new_size - header_size);
    free(edited);
    free(header);
}

static void wrong_headers_are_refused_with_the_reason(void **state) {
    static const struct {
        const char *old, *new, *words;
    } edits[] = {
        {"\"layers.0.down\":", "\"layers.1.down\":", "a name stands twice"},
        {"\"layers.0.down\":", "\"layers.0.dawn\":", "tensor layers.0.down is missing"},
        {"\"embedding\":", "\"more\":1,\"embedding\":", "29 entries in the header; its model has 28"},
        {"\"dtype\":\"F32\"", "\"dtype\":\"BF16\"", "tensor embedding is not of type F32"},
        {"\"dtype\":\"F32\"", "\"dtype\":32", "tensor embedding is not of type F32"},
        {"[17,6]", "[6,17]", "tensor embedding has another shape"},
        {"[17,6]", "[102]", "tensor embedding has another shape"},
        {"[17,6]", "[17,6.0]", "tensor embedding has another shape"},
        {"[17,6]", "[17,18446744073709551622]", "no JSON"},
        {"\"data_offsets\":[0,408]", "\"data_offsets\":[0,412]", "tensor embedding must lie at 0 to 408"},
        {"\"data_offsets\":[408,432]", "\"data_offsets\":[0,24]", "tensor layers.0.norm must lie at 408 to 432"},
        {"\"step\":\"12\"", "\"step\":\"13\"", "metadata are damaged"},
        {"\"loss_sum\":\"0.3", "\"loss_sum\":\"0.4", "metadata are damaged"},
        {"\"layers\":\"2\"", "\"layers\":\"4096\"", "metadata are damaged"},
        {"\"sweep_checkpoint\":\"1\"", "\"sweep_checkpoint\":\"2\"", "not a checkpoint of version 1"},
        {"\"identity\":\"run 7\",", "", "no identity in its metadata; not a checkpoint of sweep"},
        {"\"run 7\"", "\"1234567890123456789012345678901234567890123456789012345678901234\"", "longer than 63 bytes"},
        {"\"__metadata__\":", "\"metadata\":", "not a checkpoint of sweep"},
        {"}}", "}", "no JSON"},
    };
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    model_destroy(model);
    size_t size;
    char *bytes = bytes_of(path, &size);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        header_edit(path, bytes, size, edits[i].old, edits[i].new);
        assert_refused(path, "run 7", edits[i].words);
    }
    header_edit(path, bytes, size, "\"embedding\":", "  \"embedding\" : "); /* JSON laid out by others is fine */
    verified(path);
    free(bytes);
}

/* Makes the checksum of the metadata right again: of all texts before it, each with zeros behind it. */
static void metadata_forge(const char *path) {
    size_t size;
    char *bytes = bytes_of(path, &size), texts[32][CHECKPOINT_IDENTITY_SIZE] = {0}, checksum[32];
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    json_t *header = json_loadb(bytes + 8, header_size, 0, NULL), *metadata = json_object_get(header, "__metadata__");
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(metadata, name, value) {
        if (strcmp(name, "checksum_metadata") != 0)
            snprintf(texts[count++], sizeof *texts, "%s", json_string_value(value));
    }
    snprintf(checksum, sizeof checksum, "%016" PRIx64, checksum64(texts, count * sizeof *texts));
    static const char key[] = "\"checksum_metadata\":\"";
    memcpy(strstr(bytes + 8, key) + strlen(key), checksum, 16);
    test_file_write(path, bytes, size);
    json_decref(header);
    free(bytes);
}

static void forged_metadata_are_refused_with_the_reason(void **state) {
    static const struct {
        const char *old, *new, *words;
    } edits[] = {
        {"\"run 7\"", "\"run\\n7\"", "identity must be printable ASCII"},
        {"\"run 7\"", "\"\"", "identity must be printable ASCII"},
        {"\"step\":\"12\"", "\"step\":\"-1\"", "step must be a number"},
        {"\"step\":\"12\"", "\"step\":\"9223372036854775808\"", "step must be a number"},
        {"\"updates\":\"12\"", "\"updates\":\"18446744073709551628\"", "updates must be a number"},
        {"\"updates\":\"12\"", "\"updates\":\"\"", "updates must be a number"},
        {"\"loss_sum\":\"0.3", "\"loss_sum\":\"nan0.3", "loss_sum must be a finite number"},
        {"\"loss_sum\":\"0.3", "\"loss_sum\":\"1e999", "loss_sum must be a finite number"},
        {"\"layers\":\"2\"", "\"layers\":\"4096\"", "bytes of data; its model has"},
        {"\"layers\":\"2\"", "\"layers\":\"4294967295\"", "none of a model"},
        {"\"head_size\":\"4\"", "\"head_size\":\"4294967300\"", "head_size must be a number"},
        {"\"width\":\"6\"", "\"width\":\"0\"", "none of a model"},
        {"\"heads\":\"3\"", "\"heads\":\"2\"", "bytes of data; its model has"},
    };
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    model_destroy(model);
    size_t size;
    char *bytes = bytes_of(path, &size);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        header_edit(path, bytes, size, edits[i].old, edits[i].new);
        metadata_forge(path);
        assert_refused(path, "run 7", edits[i].words);
    }
    header_edit(path, bytes, size, "\"step\":\"12\"", "\"step\":\"13\""); /* the forger knows the way */
    metadata_forge(path);
    const struct checkpoint found = verified(path);
    assert_int_equal(found.step, 13);
    free(bytes);
}

static void wrong_sizes_are_refused_with_the_reason(void **state) {
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    model_destroy(model);
    size_t size;
    char *bytes = bytes_of(path, &size);
    bytes[size] = 0;
    test_file_write(path, bytes, size + 1);
    assert_refused(path, "run 7", "bytes of data; its model has");
    test_file_write(path, bytes, size - 1);
    assert_refused(path, "run 7", "bytes of data; its model has");
    bytes[size - 1] ^= 1;
    test_file_write(path, bytes, size);
    assert_refused(path, "run 7", "checksum_variance is another");
    static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, 1 << 30};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(bytes, &sizes[i], sizeof sizes[i]);
        test_file_write(path, bytes, size);
        assert_refused(path, "run 7", "damaged, or no checkpoint");
    }
    test_file_write(path, bytes, 8);
    assert_refused(path, "run 7", "no checkpoint");
    assert_refused("/dev/null", "run 7", "no checkpoint");
    assert_refused(*state, "run 7", "no checkpoint");
    assert_refused(path_in(*state, "none.safetensors"), "run 7", "cannot be read");
    memset(bytes, '[', size); /* nested as deep as it goes */
    const uint64_t header_size = size - 8;
    memcpy(bytes, &header_size, sizeof header_size);
    test_file_write(path, bytes, size);
    assert_refused(path, "run 7", "no JSON");
    free(bytes);
}

static void full_disk_leaves_the_old_checkpoint(void **state) {
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    save_or_fail(model, path);
    train(model, 12, 1);
    size_t size;
    free(bytes_of(path, &size));
    struct rlimit unlimited, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (size_t limit = 0; limit < size; limit += 1999) {
        small = unlimited;
        small.rlim_cur = limit; /* stands for a full disk */
        struct error error = {0};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const int result = model_save(model, path, &told, NULL, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        assert_int_equal(result, -1);
        assert_int_equal(error.code, ERROR_FAILED);
        assert_non_null(strstr(error.message, "cannot be written"));
    }
    signal(SIGXFSZ, handler);
    const struct checkpoint found = verified(path);
    assert_int_equal(found.updates, 12);
    DIR *folder = opendir(*state);
    assert_non_null(folder);
    int entries = 0;
    while (readdir(folder))
        entries++;
    closedir(folder);
    assert_int_equal(entries, 3); /* ".", "..", the checkpoint: no temporary is left */
    model_destroy(model);
}

static void impossible_things_are_not_written(void **state) {
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_made();
    struct error error;
    struct checkpoint bad = told;
    bad.identity[1] = '\n';
    assert_int_equal(model_save(model, path, &bad, NULL, &error), -1);
    assert_non_null(strstr(error.message, "printable ASCII"));
    assert_int_equal(model_save(model, path_in(*state, "none/a.safetensors"), &told, NULL, &error), -1);
    assert_non_null(strstr(error.message, "cannot be written"));
    model_destroy(model);
}

static void weights_alone_are_copied(void **state) {
    char to[256];
    snprintf(to, sizeof to, "%s/weights.safetensors", (const char *)*state);
    const char *path = path_in(*state, "a.safetensors");
    struct model *model = model_trained();
    struct error error;
    save_or_fail(model, path);
    json_t *metadata = json_pack("{s:s}", "study", "some");
    assert_int_equal(checkpoint_copy_weights(path, "run 8", 12, to, metadata, &error), -1);
    assert_non_null(strstr(error.message, "of run run 7, not of run 8"));
    assert_int_equal(checkpoint_copy_weights(path, "run 7", 13, to, metadata, &error), -1);
    assert_non_null(strstr(error.message, "of step 12, not of 13"));
    assert_int_not_equal(access(to, F_OK), 0);
    if (checkpoint_copy_weights(path, "run 7", 12, to, metadata, &error) != 0)
        fail_msg("%s", error.message);
    size_t size;
    char *bytes = bytes_of(to, &size);
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    assert_int_equal(size, 8 + header_size + model->parameters * sizeof(float));
    assert_memory_equal(bytes + 8 + header_size, model->weights, model->parameters * sizeof(float));
    json_t *header = json_loadb(bytes + 8, header_size, 0, NULL);
    assert_int_equal(json_object_size(header), 1 + 9);
    assert_int_equal(json_object_size(metadata), 1); /* it is the caller's */
    assert_int_equal(json_object_size(json_object_get(header, "__metadata__")), 1 + 1 + 6 + 1);
    assert_non_null(json_object_get(header, "layers.1.down"));
    json_decref(header);
    json_decref(metadata);
    free(bytes);
    model_destroy(model);
}

static void weights_alone_are_verified(void **state) {
    static const struct {
        const char *old, *new, *words;
    } edits[] = {
        {"\"sweep_weights\"", "\"sweep_weighty\"", "no sweep_checkpoint in its metadata"},
        {"\"layers\":\"2\"", "\"layers\":\"3\"", "bytes of data; its model has"},
        {"\"width\":\"6\"", "\"width\":\"0\"", "none of a model"},
        {"\"heads\":", "\"head\":", "no heads in its metadata"},
        {"\"embedding\"", "\"embedded\"", "tensor embedding is missing"},
        {"\"checksum_weights\":\"", "\"checksum_weights\":\"0", "checksum_weights is another"},
    };
    char path[256];
    snprintf(path, sizeof path, "%s/weights.safetensors", (const char *)*state);
    struct model *model = model_trained();
    save_or_fail(model, path_in(*state, "a.safetensors"));
    json_t *metadata = json_object();
    struct error error;
    struct checkpoint found;
    bool weights_alone = false;
    assert_int_equal(checkpoint_copy_weights(path_in(*state, "a.safetensors"), "run 7", 12, path, metadata, &error), 0);
    assert_int_equal(checkpoint_verify(path, &found, &weights_alone, &error), 0);
    assert_true(weights_alone);
    assert_memory_equal(&found.shape, &setup.shape, sizeof setup.shape);
    assert_int_equal(model_load(model, path, "run 7", &found, &error), -1);
    assert_non_null(strstr(error.message, "not a checkpoint of sweep"));
    size_t size;
    char *bytes = bytes_of(path, &size);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        header_edit(path, bytes, size, edits[i].old, edits[i].new);
        assert_int_equal(checkpoint_verify(path, &found, &weights_alone, &error), -1);
        if (!strstr(error.message, edits[i].words))
            fail_msg("\"%s\" does not say \"%s\"", error.message, edits[i].words);
    }
    bytes[size - 1] ^= 1;
    test_file_write(path, bytes, size);
    assert_int_equal(checkpoint_verify(path, &found, &weights_alone, &error), -1);
    assert_non_null(strstr(error.message, "checksum_weights is another"));
    json_decref(metadata);
    free(bytes);
    model_destroy(model);
}

/* Weights that a reader can tell: element i of the parameters is i. */
static int write_sample(const char *path) {
    struct model *model = model_made();
    for (size_t i = 0; i < model->parameters; i++) {
        model->weights[i] = (float)i;
        model->mean[i] = (float)i + 0.25F;
        model->variance[i] = (float)i + 0.5F;
    }
    save_or_fail(model, path);
    model_destroy(model);
    return EXIT_SUCCESS;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_byte_comes_back),
        IN_FOLDER(same_state_gives_the_same_file),
        IN_FOLDER(other_runs_and_shapes_are_refused),
        IN_FOLDER(wrong_headers_are_refused_with_the_reason),
        IN_FOLDER(forged_metadata_are_refused_with_the_reason),
        IN_FOLDER(wrong_sizes_are_refused_with_the_reason),
        IN_FOLDER(full_disk_leaves_the_old_checkpoint),
        IN_FOLDER(impossible_things_are_not_written),
        IN_FOLDER(weights_alone_are_copied),
        IN_FOLDER(weights_alone_are_verified),
    };
    omp_set_num_threads(1);
    return count == 2 ? write_sample(words[1]) : cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
