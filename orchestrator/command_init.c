/* sweep init: a commented study file for some languages and a budget. Whether a study fits is asked of its plan. */
#include "model/scales.h"
#include "orchestrator/amount.h"
#include "orchestrator/command.h"
#include "orchestrator/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens a parameter of a run that is trained as well as its compute allows (Hoffmann et al. 2022). */
enum { TOKENS_PER_PARAMETER = 20 };
/* Sizes of a study, each at most half as large as the one before; the pairs are trained at the second. */
enum { SIZES = 4 };
/* Fewer optimizer steps than this make losses that follow their number. */
enum { STEPS_LEAST = 1000, STEPS_WARMUP = 100 };

/* Sizes below the published ones. */
static const struct model_shape small_sizes[] = {
    {.layers = 2, .width = 8, .heads = 1, .head_size = 8, .feed_forward = 32},
    {.layers = 2, .width = 16, .heads = 2, .head_size = 8, .feed_forward = 64},
    {.layers = 2, .width = 24, .heads = 3, .head_size = 8, .feed_forward = 96},
    {.layers = 2, .width = 32, .heads = 4, .head_size = 8, .feed_forward = 128},
    {.layers = 2, .width = 48, .heads = 3, .head_size = 16, .feed_forward = 192},
    {.layers = 2, .width = 64, .heads = 4, .head_size = 16, .feed_forward = 256},
    {.layers = 2, .width = 96, .heads = 6, .head_size = 16, .feed_forward = 384},
};
enum { SMALL = sizeof small_sizes / sizeof *small_sizes, LADDER = SMALL + SCALE_COUNT };

struct request {
    const char *languages, *path;
    double flops, core_hours, speed; /* NaN: not told */
};

static struct model_shape shape_of(int rung, uint32_t vocabulary) {
    struct model_shape shape = rung < SMALL ? small_sizes[rung] : model_scale(rung - SMALL, vocabulary);
    shape.vocabulary = vocabulary;
    return shape;
}

static uint32_t vocabulary_of(int rung) {
    return rung < SMALL + 2 ? 4096 : rung < SMALL + 8 ? 16384 : SCALE_VOCABULARY;
}

/* The rungs of a study whose largest size is `top`, largest first; false: there are not as many. */
static bool choose_sizes(int top, int rungs[SIZES]) {
    const uint32_t vocabulary = vocabulary_of(top);
    uint64_t most = UINT64_MAX;
    int found = 0;
    for (int rung = top; rung >= 0 && found < SIZES; rung--) {
        const struct model_shape shape = shape_of(rung, vocabulary);
        const uint64_t parameters = model_parameters(&shape);
        if (parameters <= most) {
            rungs[found++] = rung;
            most = parameters / 2;
        }
    }
    return found == SIZES;
}

/* A power of two, so that a run of so many tokens has enough steps. */
static unsigned batch_of(double tokens, unsigned sequence) {
    unsigned batch = 2;
    while (batch < 256 && 2 * batch * sequence * (double)STEPS_LEAST <= tokens)
        batch *= 2;
    return batch;
}

static void write_size(FILE *file, int rung, uint32_t vocabulary, unsigned sequence) {
    const struct model_shape shape = shape_of(rung, vocabulary);
    char parameters[AMOUNT_SIZE];
    const double tokens = (double)(model_parameters(&shape) * TOKENS_PER_PARAMETER);
    if (rung < SMALL)
        fprintf(file, "  - {name: w%u, layers: %u, width: %u, heads: %u, head_size: %u,\n     feed_forward: %u,",
                shape.width, shape.layers, shape.width, shape.heads, shape.head_size, shape.feed_forward);
    else
        fprintf(file, "  - {scale: %d,", rung - SMALL);
    fprintf(file, " tokens: %.3g, batch: %u}  # %s parameters\n", tokens, batch_of(tokens, sequence),
            amount((double)model_parameters(&shape), parameters));
}

static void write_name(FILE *file, int rung) {
    if (rung < SMALL)
        fprintf(file, "w%u", small_sizes[rung].width);
    else
        fprintf(file, "%d", rung - SMALL);
}

/* The study whose largest size is rungs[0]; without the comment on its cost. */
static void write_study(FILE *file, const char *name, const char *languages, const int rungs[SIZES]) {
    const uint32_t vocabulary = vocabulary_of(rungs[0]);
    const struct model_shape largest = shape_of(rungs[0], vocabulary);
    const unsigned sequence = rungs[0] < SMALL ? 128 : rungs[0] < SMALL + 8 ? 512 : 2048;
    fprintf(file,
            "study: %s\nlanguages: [%s]\n\n"
            "corpus:\n"
            "  # <language>.jsonl or .txt, a file or a folder each\n  text: data/%s/text\n"
            "  # vocabulary and shards, which are made from the text\n  tokens: data/%s/tokens\n"
            "  # of each language at most, held out for tests\n  test_fraction: 0.05\n\n"
            "vocabulary: {pieces: %" PRIu32 "%s}\n\n"
            "# %d tokens a parameter: what a given compute is best spent on (Chinchilla).\nsizes:\n",
            name, languages, name, name, vocabulary, vocabulary == SCALE_VOCABULARY ? ", reserved: 512" : "",
            TOKENS_PER_PARAMETER);
    for (int i = 0; i < SIZES; i++)
        write_size(file, rungs[i], vocabulary, sequence);
    fprintf(file,
            "\ntraining:\n"
            "  tokens: %.3g  # of a size that names none\n"
            "  sequence: %u\n"
            "  learning_rate: %s  # small models take a higher one than large\n"
            "  warmup_steps: %d\n\n"
            "runs:\n"
            "  # every language at every size: the scaling laws\n  monolingual:\n",
            (double)(model_parameters(&largest) * TOKENS_PER_PARAMETER), sequence,
            rungs[0] < SMALL       ? "3e-3"
            : rungs[0] < SMALL + 8 ? "1e-3"
                                   : "2e-4",
            STEPS_WARMUP);
    if (strchr(languages, ',')) {
        fprintf(file, "  # every pair at one size: the transfer scores\n  bilingual: {sizes: [");
        write_name(file, rungs[1]);
        fprintf(file, "]}\n");
    }
    fprintf(file, "\narchive: archives/%s.h5\n", name);
}

/* What the runs of a study cost. */
struct cost {
    size_t runs;
    double flops, tokens; /* of all; of the run with most */
};

static int plan_cost(const char *path, const char *text, struct cost *cost, struct error *error) {
    struct study study;
    struct plan plan;
    char *copy = strdup(text);
    if (!copy)
        return error_set(error, ERROR_FAILED, "init: no memory");
    if (study_parse(path, copy, strlen(copy), &study, stderr, error) != 0)
        return -1;
    const int result = plan_make(&study, &plan, error);
    *cost = (struct cost){.runs = result == 0 ? plan.count : 0};
    for (size_t r = 0; r < cost->runs; r++) {
        cost->flops += plan.runs[r].flops;
        cost->tokens = fmax(cost->tokens, (double)plan.runs[r].tokens);
    }
    if (result == 0)
        plan_free(&plan);
    study_free(&study);
    return result;
}

/* The study of the largest sizes that the budget allows, as text. */
static int fit_study(const struct request *request, const char *name, double budget, char **text, struct cost *cost,
                     struct error *error) {
    char least[AMOUNT_SIZE];
    int rungs[SIZES];
    char folder[FILE_PATH_SIZE]; /* the study's paths are made good from a file that is there */
    file_folder(folder, request->path);
    for (int top = LADDER - 1; top >= 0 && choose_sizes(top, rungs); top--) {
        size_t size;
        FILE *file = open_memstream(text, &size);
        if (!file)
            return error_set(error, ERROR_FAILED, "init: no memory");
        write_study(file, name, request->languages, rungs);
        fclose(file);
        if (plan_cost(folder, *text, cost, error) == 0 && cost->flops <= budget)
            return 0;
        free(*text);
        if (cost->runs == 0)
            return -1;
    }
    return error_set(error, ERROR_INPUT, "init: the smallest study of these languages takes %sFLOP; ask for more",
                     amount(cost->flops, least));
}

static int find_budget(const struct request *request, double *flops, struct error *error) {
    const bool hours = !isnan(request->core_hours);
    if (hours == !isnan(request->flops) || hours == isnan(request->speed))
        return error_set(error, ERROR_INPUT,
                         "init: needs a budget; either --flops F, or --core-hours H with the --speed GFLOPS of a core, "
                         "as `sweep bench trainer` measures");
    *flops = hours ? request->core_hours * 3600 * request->speed * 1e9 : request->flops;
    if (!(*flops > 0) || !isfinite(*flops))
        return error_set(error, ERROR_INPUT, "init: the budget is %g FLOP; it must be positive and finite", *flops);
    return 0;
}

/* "swahili" of "studies/swahili.yaml". */
static int study_name(const char *path, char name[64], struct error *error) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    if (!dot || strcmp(dot, ".yaml") != 0 || dot == base || dot - base >= 64)
        return error_set(error, ERROR_INPUT, "init: -o %s; a study file is called NAME.yaml", path);
    snprintf(name, 64, "%.*s", (int)(dot - base), base);
    return 0;
}

static int init(const struct request *request, struct error *error) {
    char name[64], flops[AMOUNT_SIZE], asked[AMOUNT_SIZE], tokens[AMOUNT_SIZE], *study, *text;
    struct cost cost = {0};
    double budget;
    size_t size;
    if (find_budget(request, &budget, error) != 0 || study_name(request->path, name, error) != 0)
        return -1;
    if (file_exists(request->path))
        return error_set(error, ERROR_INPUT, "%s: is there already; move it away, or name another with -o",
                         request->path);
    if (fit_study(request, name, budget, &study, &cost, error) != 0)
        return -1;
    FILE *file = open_memstream(&text, &size);
    if (!file) {
        free(study);
        return error_set(error, ERROR_FAILED, "init: no memory");
    }
    fprintf(file,
            "# %zu runs, %sFLOP of a budget of %sFLOP; `sweep plan` shows them.\n"
            "# The largest sees %s tokens: text of a language that has fewer is repeated.\n"
            "# docs/study-files.md describes every key.\n"
            "#   sweep corpus fetch --languages %s data/%s/text\n"
            "#   mpirun -n RANKS sweep %s.yaml\n",
            cost.runs, amount(cost.flops, flops), amount(budget, asked), amount(cost.tokens, tokens),
            request->languages, name, name);
    fputs(study, file);
    const int written = fclose(file);
    const int result =
        written == 0 ? file_write(request->path, text, size, error) : error_set(error, ERROR_FAILED, "init: no memory");
    if (result == 0)
        printf("%s: %zu runs, %sFLOP; `sweep plan %s` shows them\n", request->path, cost.runs, flops, request->path);
    free(study);
    free(text);
    return result;
}

int command_init(const struct command *command, int count, char **words, struct error *error) {
    struct request request = {.path = "study.yaml", .flops = NAN, .core_hours = NAN, .speed = NAN};
    const struct option options[] = {
        {"--languages", "en,sw", "codes of the languages", .text = &request.languages},
        {"--flops", "F", "the budget of all runs together", .number = &request.flops},
        {"--core-hours", "H", "the budget as hours of one core", .number = &request.core_hours},
        {"--speed", "GFLOPS", "of a core", .number = &request.speed},
        {"-o", "NAME.yaml", "the study file to write (study.yaml); nothing may be there", .text = &request.path},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, NULL, 0, 0, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (!request.languages)
        return error_set(error, ERROR_INPUT, "init: --languages is missing; codes with commas between them");
    return init(&request, error);
}
