#include "bench/trainer.h"

#include "base/file.h"
#include "base/random.h"
#include "corpus/batches.h"
#include "corpus/shard_writer.h"
#include "model/kernels.h"
#include "model/scales.h"
#include "worker/worker.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROUNDS_MAX = 5,
    RUN_STEPS = 10 /* of bench_worker */
};

static const float study_dropout = 0.1F;
static const char languages[1][LANGUAGE_CODE_SIZE] = {"xx"};
static const double weights[1] = {1};
static const struct model_optimizer optimizer = {
    .learning_rate = 1e-3F, .beta1 = 0.9F, .beta2 = 0.95F, .epsilon = 1e-8F, .weight_decay = 0.1F, .clip = 1};

struct bench_case bench_case_at(int number) {
    const struct bench_case cases[BENCH_CASES] = {
        {"nano",
         {.layers = 3, .width = 128, .heads = 4, .head_size = 32, .feed_forward = 512, .vocabulary = 8192},
         8,
         512,
         5},
        {"scale0", model_scale(0, SCALE_VOCABULARY), 4, 512, 5},
        {"scale3", model_scale(3, 8192), 4, 512, 5},
        {"scale8", model_scale(8, SCALE_VOCABULARY), 2, 1024, 3}, /* a step takes ten seconds */
    };
    return cases[number];
}

static int ascending(const void *x, const void *y) {
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

/* ---- peak ---- */

/* Times of many lengths, in seconds: long ones cost little to begin and end, short ones fit between what other programs
 * do. The least of a length tells it, since any single one may have been interrupted. */
static double most_gflops(double (*work)(uint64_t rounds, float *result)) {
    enum { TIMES = 50 };
    const double longest = 0.004;
    double least = 0, most = 0;
    volatile float kept; /* so that the compiler keeps the work */
    for (uint64_t rounds = 16; least < longest; rounds *= 2) {
        least = INFINITY;
        for (int time = 0; time < TIMES; time++) {
            double flops = 0;
            float sum = 0;
            const double start = omp_get_wtime();
#pragma omp parallel reduction(+ : flops, sum)
            flops += work(rounds, &sum);
            const double seconds = omp_get_wtime() - start;
            kept = sum;
            least = fmin(least, seconds);
            most = fmax(most, flops / seconds * 1e-9);
        }
    }
    (void)kept;
    return most;
}

int bench_peak(enum model_precision precision, struct bench_peak *peak, struct error *error) {
    const struct kernels *kernels = kernels_chosen(precision, error);
    if (!kernels)
        return -1;
    peak->gflops = most_gflops(kernels->multiply_adds);
    peak->cached_gflops = most_gflops(kernels->cached_products);
    return 0;
}

/* ---- shards ---- */

/* The split of a language of random tokens, frequent and rare ones as in text. */
static int write_shard(const char *folder, const char *split, uint32_t vocabulary, uint64_t count,
                       struct error *error) {
    struct shard_writer writer;
    uint16_t *tokens = malloc(count * sizeof *tokens);
    uint64_t *counts = calloc(vocabulary, sizeof *counts);
    uint8_t *piece_bytes = malloc(vocabulary);
    int result = tokens && counts && piece_bytes ? 0 : error_set(error, ERROR_FAILED, "no memory for a shard");
    if (result == 0) {
        memset(piece_bytes, 4, vocabulary);
        for (uint64_t i = 0; i < count; i++) {
            const double u = random_uniform(count, 0, i);
            tokens[i] = (uint16_t)(vocabulary * u * u * u);
            counts[tokens[i]]++;
        }
        result =
            shard_writer_open(&writer, folder, languages[0], split, "bench", "bench", piece_bytes, vocabulary, error);
    }
    if (result == 0) {
        result = shard_writer_add(&writer, tokens, count, 4 * count, error);
        if (result == 0)
            result = shard_writer_publish(&writer, counts, error);
        else
            shard_writer_discard(&writer);
    }
    free(tokens);
    free(counts);
    free(piece_bytes);
    return result;
}

static uint64_t step_tokens(const struct bench_case *measured) {
    return (uint64_t)measured->batch * measured->sequence;
}

static void remove_shards(const char *folder) {
    static const char *const splits[] = {"train", "test"};
    char path[FILE_PATH_SIZE];
    for (int i = 0; i < 2; i++)
        if (shard_path(path, folder, languages[0], splits[i], NULL) == 0)
            unlink(path);
    rmdir(folder);
}

/* Makes a folder with the shards of a case: training text of 16 batches, held-out text of one. */
static int make_shards(char folder[FILE_PATH_SIZE], const struct bench_case *measured, struct error *error) {
    const char *place = getenv("TMPDIR");
    if (file_join(folder, place && *place ? place : "/tmp", "sweep-bench-XXXXXX", error) != 0)
        return -1;
    if (!mkdtemp(folder))
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be made", folder);
    const uint64_t tokens = step_tokens(measured);
    if (write_shard(folder, "train", measured->shape.vocabulary, 16 * tokens + 1, error) == 0 &&
        write_shard(folder, "test", measured->shape.vocabulary, tokens + 1, error) == 0)
        return 0;
    remove_shards(folder);
    return -1;
}

/* ---- steps ---- */

struct bench {
    const struct bench_case *measured;
    enum model_precision precision;
    struct batches *batches;
    uint16_t *tokens; /* [B, T + 1] */
    struct model *plain, *dropping;
    uint64_t steps;
};

/* One step; returns its seconds. */
static double train_step(struct bench *bench, struct model *model) {
    const struct bench_case *measured = bench->measured;
    double loss;
    const double start = omp_get_wtime();
    batches_get(bench->batches, bench->steps, 0, measured->batch, bench->tokens);
    model_gradient(model, bench->tokens, measured->batch, 1.0F / (float)step_tokens(measured), bench->steps, 0, &loss);
    model_update(model, &optimizer);
    const double seconds = omp_get_wtime() - start;
    bench->steps++;
    return seconds;
}

/* A step of the same model with one thread: without levels of parallel regions, each of them runs on the thread that
 * meets it. */
static double train_step_alone(struct bench *bench, struct model *model) {
    const int levels = omp_get_max_active_levels();
    omp_set_max_active_levels(0);
    const double seconds = train_step(bench, model);
    omp_set_max_active_levels(levels);
    return seconds;
}

/* Makes a model and warms it up. */
static int begin_model(struct bench *bench, struct model **model, float dropout, struct error *error) {
    const struct model_setup setup = {.shape = bench->measured->shape,
                                      .precision = bench->precision,
                                      .batch = bench->measured->batch,
                                      .sequence = bench->measured->sequence,
                                      .dropout = dropout,
                                      .seed = 1};
    if (model_create(model, &setup, error) != 0)
        return -1;
    train_step(bench, *model);
    return 0;
}

/* Linux counts the largest resident memory of a process; this starts the count anew. */
static int forget_peak_memory(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file)
        return -1;
    const int written = fputs("5", file);
    return fclose(file) == 0 && written >= 0 ? 0 : -1;
}

static double peak_memory_bytes(void) {
    char line[256];
    double kibibytes = NAN;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        return NAN;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kibibytes = strtod(line + 6, NULL);
    fclose(file);
    return 1024 * kibibytes;
}

static int measure(struct bench *bench, struct bench_result *result, struct error *error) {
    const struct bench_case *measured = bench->measured;
    const bool threads = omp_get_max_threads() > 1;
    const int forgotten = forget_peak_memory();
    if (begin_model(bench, &bench->plain, 0, error) != 0)
        return -1;
    result->peak_memory_bytes = forgotten == 0 ? peak_memory_bytes() : NAN;
    if (begin_model(bench, &bench->dropping, study_dropout, error) != 0)
        return -1;

    double seconds[ROUNDS_MAX] = {0}, dropout[ROUNDS_MAX] = {0}, alone[ROUNDS_MAX] = {0};
    for (int round = 0; round < measured->rounds; round++) {
        seconds[round] = train_step(bench, bench->plain);
        dropout[round] = train_step(bench, bench->dropping) / seconds[round] - 1;
        alone[round] = threads ? train_step_alone(bench, bench->plain) / seconds[round] : NAN;
    }
    result->tokens_per_second = (double)step_tokens(measured) / median(seconds, measured->rounds);
    result->gflops = result->tokens_per_second * model_flops_per_token(&measured->shape, measured->sequence) * 1e-9;
    result->dropout_cost = median(dropout, measured->rounds);
    result->scaling = median(alone, measured->rounds);
    return 0;
}

int bench_trainer(const struct bench_case *measured, enum model_precision precision, struct bench_result *result,
                  struct error *error) {
    struct bench bench = {.measured = measured, .precision = precision};
    char folder[FILE_PATH_SIZE];
    if (make_shards(folder, measured, error) != 0)
        return -1;
    bench.tokens = malloc(measured->batch * (measured->sequence + (size_t)1) * sizeof *bench.tokens);
    int done = bench.tokens ? 0 : error_set(error, ERROR_FAILED, "no memory for a batch");
    if (done == 0)
        done = batches_open(&bench.batches, folder, languages, weights, 1, measured->shape.vocabulary, measured->batch,
                            measured->sequence, 1, error);
    remove_shards(folder); /* they are mapped now, and nothing stays behind when the command is interrupted */
    if (done == 0)
        done = measure(&bench, result, error);
    model_destroy(bench.plain);
    model_destroy(bench.dropping);
    batches_close(bench.batches);
    free(bench.tokens);
    return done;
}

/* ---- a whole run ---- */

static int ignore_curve(void *context, const struct curve_point *point, struct error *error) {
    (void)context, (void)point, (void)error;
    return 0;
}

static int ignore_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    (void)context, (void)points, (void)count, (void)error;
    return 0;
}

static int ignore_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    (void)context, (void)seen, (void)count, (void)error;
    return 0;
}

int bench_worker(const struct bench_case *measured, enum model_precision precision, double *model_share,
                 struct error *error) {
    struct run_spec *spec = malloc(sizeof *spec);
    if (!spec)
        return error_set(error, ERROR_FAILED, "no memory for a run");
    *spec = (struct run_spec){
        .attempt = 1,
        .key = 1,
        .shape = measured->shape,
        .batch = measured->batch,
        .micro_batch = measured->batch,
        .sequence = measured->sequence,
        .steps = RUN_STEPS,
        .warmup_steps = 2,
        .decay_fraction = 0.2,
        .optimizer = optimizer,
        .dropout = study_dropout,
        .precision = precision,
        .curve_steps = 1,
        .evaluation_steps = RUN_STEPS,
        .evaluation_tokens = (RUN_STEPS * step_tokens(measured) + 99) / 100,
        .language_count = 1,
        .test_count = 1,
        .weights = {1},
    };
    memcpy(spec->languages, languages, sizeof languages);
    memcpy(spec->tests, languages, sizeof languages);
    int result = make_shards(spec->tokens_folder, measured, error);
    if (result == 0) {
        double model_seconds = 0;
        const struct run_sink sink = {.add_curve = ignore_curve,
                                      .add_losses = ignore_losses,
                                      .add_seen = ignore_seen,
                                      .model_seconds = &model_seconds};
        const struct run_result done = worker_run(run_train, spec, &sink);
        if (done.failed)
            result = error_set(error, ERROR_FAILED, "%s", done.cause);
        *model_share = model_seconds / done.seconds;
        remove_shards(spec->tokens_folder);
    }
    free(spec);
    return result;
}
