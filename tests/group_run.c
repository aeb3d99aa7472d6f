/* A training run by all ranks of an MPI job together, without a coordinator; tests/test_group.sh starts it.
 *
 *   group_run FOLDER             makes shards of any tokens in a folder
 *   group_run FOLDER RUN STOP    trains one of the runs below; told to stop behind so many steps (0: never). The leader
 *                                prints what it tells, and keeps its checkpoint in FOLDER/RUN.safetensors
 *
 * Of the run "endless", the last rank dies after a while, and the others are told to abandon it some time later; ranks
 * 0 and 1 then train the run "plain". The run "scale3" is for measuring: the seconds of its steps are printed, and
 * nothing is kept. */
#include "corpus/shard_writer.h"
#include "model/scales.h"
#include "worker/train.h"

#include <mpi.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { VOCABULARY = 8192, DEATH_SECONDS = 1, ABANDON_SECONDS = 3 };
static const char LANGUAGE[LANGUAGE_CODE_SIZE] = "xx";

struct run_case {
    const char *name;
    uint32_t batch, micro_batch, sequence;
    uint64_t steps;
    enum model_precision precision;
    float learning_rate;
};

static const struct run_case cases[] = {
    {"plain", 16, 2, 32, 10, MODEL_FP32, 1e-2F},
    {"bf16", 16, 2, 32, 10, MODEL_BF16, 1e-2F},
    {"uneven", 12, 2, 32, 10, MODEL_FP32, 1e-2F},
    {"micro", 28, 2, 32, 6, MODEL_FP32, 1e-2F}, /* shards of 3 and 4 sequences */
    {"few", 5, 1, 32, 10, MODEL_FP32, 1e-2F},   /* fewer sequences than shards */
    {"broken", 16, 2, 32, 10, MODEL_FP32, 1e30F},
    {"endless", 16, 2, 32, 1000000, MODEL_FP32, 1e-2F},
    {"scale3", 4, 1, 512, 6, MODEL_FP32, 1e-3F},
};

/* What a rank knows while it trains. */
struct rank {
    uint64_t steps, stop; /* asked behind so many; to stop behind */
    double began, step_began;
    bool endless;
};

static int begin(void *context, uint64_t step, struct error *error) {
    (void)error;
    ((struct rank *)context)->step_began = omp_get_wtime();
    fprintf(stderr, "begins behind step %llu\n", (unsigned long long)step);
    return 0;
}

static int print_curve(void *context, const struct curve_point *point, struct error *error) {
    (void)error;
    struct rank *rank = context;
    const double now = omp_get_wtime();
    printf("curve %u %llu %a\n", point->step, (unsigned long long)point->tokens, point->loss);
    fprintf(stderr, "seconds %.3f\n", now - rank->step_began);
    rank->step_began = now;
    return 0;
}

static int print_losses(void *context, const struct loss_point *points, uint32_t count, struct error *error) {
    (void)context, (void)error;
    for (uint32_t i = 0; i < count; i++)
        printf("loss %u %a %a\n", points[i].step, points[i].cross_entropy, points[i].bits_per_byte);
    return 0;
}

static int print_seen(void *context, const struct language_tokens *seen, uint32_t count, struct error *error) {
    (void)context, (void)error;
    for (uint32_t i = 0; i < count; i++)
        printf("seen %llu %llu\n", (unsigned long long)seen[i].tokens, (unsigned long long)seen[i].unique_tokens);
    return 0;
}

static bool is_to_stop(void *context) {
    struct rank *rank = context;
    return ++rank->steps == rank->stop;
}

static bool is_abandoned(void *context) {
    const struct rank *rank = context;
    return rank->endless && omp_get_wtime() - rank->began > ABANDON_SECONDS;
}

static int write_shard(const char *folder, const char *split, uint64_t count, struct error *error) {
    static uint64_t counts[VOCABULARY];
    static uint8_t piece_bytes[VOCABULARY];
    struct shard_writer writer;
    uint16_t *tokens = malloc(count * sizeof *tokens);
    if (!tokens)
        return error_set(error, ERROR_FAILED, "no memory for a shard");
    for (uint64_t i = 0; i < count; i++)
        tokens[i] = (uint16_t)(i * i % 7919);
    memset(piece_bytes, 4, sizeof piece_bytes);
    int result = shard_writer_open(&writer, folder, LANGUAGE, split, "v", "t", piece_bytes, VOCABULARY, error);
    if (result == 0)
        result = shard_writer_add(&writer, tokens, count, 4 * count, error);
    if (result == 0)
        result = shard_writer_publish(&writer, counts, error);
    free(tokens);
    return result;
}

static struct run_spec *make_spec(const struct run_case *chosen, const char *folder, uint32_t ranks,
                                  uint32_t dispatch) {
    const struct model_shape small = {
        .layers = 2, .width = 64, .heads = 4, .head_size = 16, .feed_forward = 128, .vocabulary = VOCABULARY};
    const bool measured = strcmp(chosen->name, "scale3") == 0;
    static struct run_spec spec;
    spec = (struct run_spec){
        .attempt = 1,
        .key = 42,
        .shape = measured ? model_scale(3, VOCABULARY) : small,
        .batch = chosen->batch,
        .micro_batch = chosen->micro_batch,
        .sequence = chosen->sequence,
        .shards = RUN_RANKS_MAX,
        .steps = chosen->steps,
        .optimizer = {chosen->learning_rate, 0.9F, 0.95F, 1e-8F, 0.1F, 1},
        .dropout = 0.1F,
        .precision = chosen->precision,
        .curve_steps = measured ? 1 : 3,
        .evaluation_steps = measured ? chosen->steps : 4,
        .evaluation_tokens = measured ? 512 : 500,
        .identity = "a run",
        .checkpoint_steps = chosen->steps,
        .resume_most = UINT64_MAX,
        .ranks = ranks,
        .dispatch = dispatch,
        .language_count = 1,
        .test_count = 1,
        .weights = {1},
    };
    for (uint32_t m = 0; m < ranks; m++)
        spec.members[m] = (int32_t)(ranks - 1 - m); /* the leader is the last rank */
    if (!measured)
        snprintf(spec.checkpoint, sizeof spec.checkpoint, "%s/%s.safetensors", folder, chosen->name);
    snprintf(spec.tokens_folder, sizeof spec.tokens_folder, "%s", folder);
    memcpy(spec.languages, LANGUAGE, sizeof LANGUAGE);
    memcpy(spec.tests, LANGUAGE, sizeof LANGUAGE);
    return &spec;
}

static int train(struct rank *rank, const char *folder, const char *name, uint32_t ranks, uint32_t dispatch,
                 struct error *error) {
    static const char *const ends[] = {"ended", "stopped", "abandoned"};
    const struct run_case *chosen = cases, *end_of_cases = cases + sizeof cases / sizeof *cases;
    while (chosen < end_of_cases && strcmp(chosen->name, name) != 0)
        chosen++;
    if (chosen == end_of_cases)
        return error_set(error, ERROR_INPUT, "no run %s", name);
    const struct run_sink sink = {.context = rank,
                                  .begin = begin,
                                  .add_curve = print_curve,
                                  .add_losses = print_losses,
                                  .add_seen = print_seen,
                                  .stop = is_to_stop,
                                  .comm = MPI_COMM_WORLD,
                                  .abandon = is_abandoned};
    struct run_ending ending;
    const int result = run_train(make_spec(chosen, folder, ranks, dispatch), &sink, &ending, error);
    if (result == 0)
        fprintf(stderr, "%s: %s\n", name, ends[ending.end]);
    return result;
}

static int train_together(const char *folder, const char *name, const char *stop, struct error *error) {
    int me, ranks, provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &me);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    struct rank rank = {.stop = strtoull(stop, NULL, 10), .began = omp_get_wtime()};
    rank.endless = strcmp(name, "endless") == 0;
    if (rank.endless && me == ranks - 1)
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_sec = DEATH_SECONDS}}, NULL);
    int result = train(&rank, folder, name, (uint32_t)ranks, 7, error);
    if (rank.endless) {
        rank.endless = false;
        if (result == 0 && me < 2)
            result = train(&rank, folder, "plain", 2, 8, error);
        fflush(NULL); /* MPI does not end in good order without the dead */
        _exit(result == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    MPI_Finalize();
    return result;
}

int main(int count, char **words) {
    struct error error = {0};
    int result = -1;
    if (count == 2)
        result = write_shard(words[1], "train", 40000, &error) == 0 ? write_shard(words[1], "test", 1000, &error) : -1;
    else if (count == 4)
        result = train_together(words[1], words[2], words[3], &error);
    else
        error_set(&error, ERROR_INPUT, "FOLDER [RUN STOP]");
    if (result != 0)
        fprintf(stderr, "group_run: %s\n", error.message);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
