/* worker/: what `sweep plan` says of a run's memory is what a worker takes. */
#include "corpus/shard_writer.h"
#include "model/scales.h"
#include "tests/test.h"
#include "worker/worker.h"

#include <mpi.h>
#include <omp.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* its shadow memory would be measured */
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static const char LANGUAGE[LANGUAGE_CODE_SIZE] = "xx";

struct memory_case {
    struct model_shape shape;
    uint32_t batch, micro_batch, sequence, steps;
    uint64_t shard_tokens;
};

enum { CASES = 4 };
static struct memory_case case_at(int number) {
    const struct model_shape tiny = {
        .layers = 1, .width = 32, .heads = 2, .head_size = 16, .feed_forward = 64, .vocabulary = 500};
    const struct memory_case cases[CASES] = {
        {tiny, 4, 4, 64, 20, 20000},                 /* the process is most of it */
        {tiny, 64, 4, 64, 8, 20000000},              /* a shard larger than all else, read everywhere */
        {model_scale(0, 8192), 8, 8, 512, 1, 20000}, /* a micro-batch larger than the model */
        {model_scale(0, SCALE_VOCABULARY), 4, 4, 512, 1, 20000},
    };
    return cases[number];
}

/* A shard of any tokens. */
static int write_shard(const char *folder, const char *split, uint32_t vocabulary, uint64_t count) {
    struct shard_writer writer;
    uint16_t *tokens = malloc(count * sizeof *tokens);
    uint64_t *counts = calloc(vocabulary, sizeof *counts);
    uint8_t *piece_bytes = malloc(vocabulary);
    assert_true(tokens && counts && piece_bytes);
    memset(piece_bytes, 1, vocabulary);
    for (uint64_t i = 0; i < count; i++)
        tokens[i] = (uint16_t)(i * i % vocabulary);
    const int result = shard_writer_open(&writer, folder, LANGUAGE, split, "v", "t", piece_bytes, vocabulary, NULL) ||
                       shard_writer_add(&writer, tokens, count, count, NULL) ||
                       shard_writer_publish(&writer, counts, NULL);
    free(tokens);
    free(counts);
    free(piece_bytes);
    return result;
}

static int take_curve(void *context, const struct curve_point *point, struct error *error) {
    (void)context, (void)point, (void)error;
    return 0;
}

static int take_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    (void)context, (void)points, (void)count, (void)error;
    return 0;
}

static int take_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    (void)context, (void)seen, (void)count, (void)error;
    return 0;
}

/* Kibibytes that were resident at most, by Linux. */
static long peak_kibibytes(void) {
    char line[256];
    long kibibytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kibibytes = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kibibytes;
}

/* In a process of its own: trains a case as a worker does and prints its peak. */
static int work(const char *folder, int number) {
    const struct memory_case measured = case_at(number);
    static struct run_spec spec;
    const struct run_sink sink = {.add_curve = take_curve, .add_losses = take_losses, .add_seen = take_seen};
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS)
        return EXIT_FAILURE;
    spec = (struct run_spec){.attempt = 1,
                             .shape = measured.shape,
                             .batch = measured.batch,
                             .micro_batch = measured.micro_batch,
                             .sequence = measured.sequence,
                             .steps = measured.steps,
                             .optimizer = {.learning_rate = 1e-4F, .beta1 = 0.9F, .beta2 = 0.95F, .epsilon = 1e-8F},
                             .dropout = 0.1F,
                             .curve_steps = 1,
                             .evaluation_steps = 1000,
                             .evaluation_tokens = 512,
                             .language_count = 1,
                             .test_count = 1,
                             .weights = {1}};
    snprintf(spec.tokens_folder, sizeof spec.tokens_folder, "%s", folder);
    memcpy(spec.languages, LANGUAGE, sizeof LANGUAGE);
    memcpy(spec.tests, LANGUAGE, sizeof LANGUAGE);
    const struct run_result result = worker_run(run_train, &spec, &sink);
    printf("peak %ld %s\n", result.failed ? 0 : peak_kibibytes(), result.cause);
    MPI_Finalize();
    return EXIT_SUCCESS;
}

static void prediction_is_within_a_tenth_of_what_a_worker_takes(void **state) {
    if (SANITIZED)
        skip();
    for (int number = 0; number < CASES; number++) {
        const struct memory_case measured = case_at(number);
        const struct model_setup setup = {
            .shape = measured.shape, .batch = measured.micro_batch, .sequence = measured.sequence, .dropout = 0.1F};
        char command[256], said[256] = "";
        assert_int_equal(write_shard(*state, "train", measured.shape.vocabulary, measured.shard_tokens), 0);
        assert_int_equal(write_shard(*state, "test", measured.shape.vocabulary, 2000), 0);
        snprintf(command, sizeof command, "OMP_NUM_THREADS=1 build/release/test_memory %s %d", (const char *)*state,
                 number);
        FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): our own program */
        assert_non_null(pipe);
        assert_non_null(fgets(said, sizeof said, pipe));
        assert_int_equal(pclose(pipe), 0);
        omp_set_num_threads(1);
        const double predicted = (double)run_memory_bytes(&setup), taken = 1024 * strtod(said + strlen("peak "), NULL);
        print_message("# case %d: %.1f MB predicted, %.1f MB taken\n", number, predicted * 1e-6, taken * 1e-6);
        if (!(predicted > 0.9 * taken && predicted < 1.1 * taken))
            fail_msg("case %d: predicted %.0f bytes, %s", number, predicted, said);
    }
}

int main(int count, char **words) {
    if (count == 3)
        return work(words[1], atoi(words[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prediction_is_within_a_tenth_of_what_a_worker_takes, test_folder_make,
                                        test_folder_remove),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
