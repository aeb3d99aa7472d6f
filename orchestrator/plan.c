#include "orchestrator/plan.h"
#include "base/random.h"
#include "model/model.h"
#include "model/schedule.h"
#include "orchestrator/checkpoints.h"
#include "orchestrator/precision.h"
#include "worker/train.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1000000 };

static uint64_t ceil_divide(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

uint64_t plan_interval_steps(const struct study *study, const struct study_size *size, uint64_t tokens) {
    const uint64_t step_tokens = (uint64_t)size->batch * study->sequence;
    const uint64_t steps = (tokens + step_tokens / 2) / step_tokens;
    return steps ? steps : 1;
}

/* As many as ranks may be; a run keeps its numbers when they change. */
static uint32_t shard_count(const struct study_size *size) {
    return size->ranks ? RUN_RANKS_MAX : 1;
}

static uint32_t micro_batch(const struct study *study, const struct study_size *size) {
    const uint32_t shard = (uint32_t)ceil_divide(size->batch, shard_count(size));
    return study->micro_batch < shard ? study->micro_batch : shard;
}

/* That of the last rank: no other owns more. */
static struct model_setup setup_of(const struct study *study, const struct study_size *size, uint32_t ranks) {
    return (struct model_setup){
        .shape = size->shape,
        .precision = study->precision,
        .batch = micro_batch(study, size),
        .sequence = study->sequence,
        .dropout = (float)study->dropout,
        .sharing = {.batch = size->batch, .shards = shard_count(size), .rank = ranks - 1, .ranks = ranks}};
}

static const struct study_mixture *mixture_of(const struct study *study, const struct planned_run *run) {
    return &study->groups[run->group].mixtures[run->mixture];
}

static bool is_finetuned(const struct study *study, const struct planned_run *run) {
    return strcmp(study->groups[run->group].kind, "finetune") == 0;
}

static bool is_cooldown(const struct study *study, const struct planned_run *run) {
    return strcmp(study->groups[run->group].kind, "cooldown") == 0;
}

uint64_t plan_own_tokens(const struct planned_run *run) {
    return run->tokens / run->steps * (run->steps - run->shared_steps);
}

void plan_start_path(const struct study *study, const struct planned_run *run, char path[FILE_PATH_SIZE]) {
    char checkpoint[FILE_PATH_SIZE];
    checkpoint_path(study, (size_t)run->waits_for, checkpoint);
    run_kept_path(path, checkpoint, run->start_step);
}

uint32_t plan_tests(const struct study *study, const struct planned_run *run, uint32_t *languages) {
    const struct study_mixture *mixture = mixture_of(study, run);
    const bool all = is_finetuned(study, run);
    const uint32_t most = all ? study->language_count : mixture->language_count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < most; i++) {
        const uint32_t language = all ? i : mixture->languages[i];
        if (study->evaluated[language])
            languages[count++] = language;
    }
    return count;
}

/* Training, and a third of its FLOPs (forward only) for each token predicted in an evaluation. A finetuned run has one
 * evaluation more, before its first step. */
static double run_flops(const struct study *study, const struct planned_run *run) {
    const struct study_size *size = &study->sizes[run->size];
    const uint64_t every = plan_interval_steps(study, size, study->evaluation_every_tokens);
    uint32_t tests[LANGUAGES_MAX];
    const uint64_t evaluations = ceil_divide(run->steps, every) - run->shared_steps / every + is_finetuned(study, run);
    const double predictions = (double)evaluations * plan_tests(study, run, tests) *
                               (study->parallel_folder[0] ? 2 : 1) * (double)study->evaluation_tokens;
    return model_flops_per_token(&size->shape, study->sequence) * ((double)plan_own_tokens(run) + predictions / 3);
}

/* The identity of a run: all that its training depends on, and nothing of other runs. How a batch is cut into micro
 * batches and how often it is evaluated do not make it another run. */
static int run_identity(const struct study *study, const struct plan *plan, struct planned_run *run) {
    const struct study_group *group = &study->groups[run->group];
    const struct study_mixture *mixture = &group->mixtures[run->mixture];
    const struct model_shape *shape = &study->sizes[run->size].shape;
    const struct model_optimizer *optimizer = &study->optimizer;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return -1;
    fprintf(file, "kind: %s\nmixture:", group->kind);
    for (uint32_t i = 0; i < mixture->language_count; i++)
        fprintf(file, " %s %.17g", study->languages[mixture->languages[i]], run->weights[i]);
    if (run->waits_for != WAITS_FOR_NOTHING)
        fprintf(file, "\nfrom: %s", plan->runs[run->waits_for].identity);
    fprintf(file, "\nlayers: %u\nwidth: %u\nheads: %u\nhead_size: %u\nfeed_forward: %u\nvocabulary: %u\n",
            shape->layers, shape->width, shape->heads, shape->head_size, shape->feed_forward, shape->vocabulary);
    fprintf(file, "steps: %" PRIu64 "\nbatch: %u\nsequence: %u\n", run->steps, study->sizes[run->size].batch,
            study->sequence);
    if (study->sizes[run->size].ranks) /* they give the same numbers, however many */
        fprintf(file, "shards: %u\n", shard_count(&study->sizes[run->size]));
    if (study->precision != MODEL_FP32) /* so that fp32 keeps the bits that it had before there was a choice */
        fprintf(file, "precision: %s\n", precision_names[study->precision]);
    fprintf(file, "learning_rate: %.9g\nwarmup_steps: %" PRIu64 "\ndecay_fraction: %.17g\ndropout: %.17g\n",
            (double)optimizer->learning_rate, study->warmup_steps, study->decay_fraction, study->dropout);
    fprintf(file, "weight_decay: %.9g\nbeta1: %.9g\nbeta2: %.9g\nepsilon: %.9g\nclip: %.9g\nseed: %" PRIu64 "\n",
            (double)optimizer->weight_decay, (double)optimizer->beta1, (double)optimizer->beta2,
            (double)optimizer->epsilon, (double)optimizer->clip, group->seed);
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        free(text);
        return -1;
    }
    checksum_identity(text, size, run->identity);
    free(text);
    return 0;
}

static void plan_run(const struct study *study, uint32_t group, uint32_t mixture, uint32_t s, struct planned_run *run) {
    const struct study_size *size = &study->sizes[s];
    const uint64_t step_tokens = (uint64_t)size->batch * study->sequence;
    *run = (struct planned_run){.group = group,
                                .mixture = mixture,
                                .size = s,
                                .waits_for = WAITS_FOR_NOTHING,
                                .first_waiting = WAITS_FOR_NOTHING,
                                .next_waiting = WAITS_FOR_NOTHING};
    run->ranks = size->ranks ? size->ranks : 1;
    const struct model_setup setup = setup_of(study, size, run->ranks);
    run->steps = ceil_divide(study_run_tokens(&study->groups[group], size), step_tokens);
    run->tokens = run->steps * step_tokens;
    if (is_cooldown(study, run))
        run->shared_steps = schedule_constant_steps(run->steps, study->decay_fraction);
    run->flops = run_flops(study, run);
    run->memory_bytes = run_memory_bytes(&setup);
}

/* The run of a multilingual mixture at a size: the first in the order of the plan. */
static int64_t find_base(const struct study *study, const struct plan *plan, const char *mixture, uint32_t size) {
    for (size_t r = 0; r < plan->count; r++) {
        const struct planned_run *run = &plan->runs[r];
        if (run->size == size && strcmp(study->groups[run->group].kind, "multilingual") == 0 &&
            strcmp(mixture_of(study, run)->name, mixture) == 0)
            return (int64_t)r;
    }
    return WAITS_FOR_NOTHING;
}

/* The trunk of a cooldown: the run of its mixture and size in the group that it is from, which stands before it. */
static int64_t find_trunk(const struct study *study, const struct plan *plan, const struct planned_run *run) {
    int64_t r = 0;
    while (strcmp(study->groups[plan->runs[r].group].name, study->groups[run->group].from) != 0 ||
           plan->runs[r].mixture != run->mixture || plan->runs[r].size != run->size)
        r++;
    return r;
}

static void find_waits(const struct study *study, struct plan *plan) {
    for (size_t r = 0; r < plan->count; r++) {
        struct planned_run *run = &plan->runs[r];
        if (is_finetuned(study, run)) {
            run->waits_for = find_base(study, plan, study->groups[run->group].from, run->size);
            run->start_step = plan->runs[run->waits_for].steps;
        } else if (is_cooldown(study, run)) {
            run->waits_for = find_trunk(study, plan, run);
            run->start_step = run->shared_steps;
        }
        if (run->waits_for == WAITS_FOR_NOTHING)
            continue;
        struct planned_run *base = &plan->runs[run->waits_for];
        run->next_waiting = base->first_waiting;
        base->first_waiting = (int64_t)r;
    }
}

static void plan_runs(const struct study *study, struct plan *plan) {
    for (uint32_t g = 0; g < study->group_count; g++) {
        const struct study_group *group = &study->groups[g];
        for (uint32_t m = 0; m < group->mixture_count; m++)
            for (uint32_t s = 0; s < group->size_count; s++)
                plan_run(study, g, m, group->sizes[s], &plan->runs[plan->count++]);
    }
}

int plan_make(const struct study *study, struct plan *plan, struct error *error) {
    size_t count = 0;
    *plan = (struct plan){0};
    for (uint32_t g = 0; g < study->group_count; g++)
        count += (size_t)study->groups[g].mixture_count * study->groups[g].size_count;
    if (count > RUNS_MAX)
        return error_set(error, ERROR_INPUT, "%s: %zu runs; at most %d", study->path, count, RUNS_MAX);
    plan->runs = calloc(count ? count : 1, sizeof *plan->runs);
    if (!plan->runs)
        return error_set(error, ERROR_FAILED, "%s: no memory for a plan of %zu runs", study->path, count);
    plan_runs(study, plan);
    find_waits(study, plan);
    return 0;
}

static int weigh(const struct study *study, const struct plan *plan, struct planned_run *run, struct error *error) {
    const struct study_mixture *mixture = &study->groups[run->group].mixtures[run->mixture];
    const uint32_t count = mixture->language_count;
    uint64_t tokens[LANGUAGES_MAX];
    struct error reason;
    run->weights = malloc(count * sizeof *run->weights);
    if (!run->weights)
        return error_set(error, ERROR_FAILED, "%s: no memory for the weights of a run", study->path);
    if (is_cooldown(study, run)) { /* its trunk stands before it */
        memcpy(run->weights, plan->runs[run->waits_for].weights, count * sizeof *run->weights);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        tokens[i] = study->train_tokens[mixture->languages[i]];
    if (mixture_weights(&mixture->rule, tokens, count, (double)run->tokens, mixture->given, run->weights, &reason) == 0)
        return 0;
    return error_set(error, reason.code, "%s: mixture '%s', size '%s': %.500s", study->path, mixture->name,
                     study->sizes[run->size].name, reason.message);
}

int plan_identify(const struct study *study, struct plan *plan, struct error *error) {
    for (size_t run = 0; run < plan->count; run++)
        if (weigh(study, plan, &plan->runs[run], error) != 0)
            return -1;
    for (int waits = 0; waits < 2; waits++) /* the identity of a run holds that of the one that it waits for */
        for (size_t run = 0; run < plan->count; run++)
            if ((plan->runs[run].waits_for != WAITS_FOR_NOTHING) == waits &&
                run_identity(study, plan, &plan->runs[run]) != 0)
                return error_set(error, ERROR_FAILED, "%s: no memory for the identity of a run", study->path);
    return 0;
}

void plan_free(struct plan *plan) {
    for (size_t run = 0; run < plan->count; run++)
        free(plan->runs[run].weights);
    free(plan->runs);
    *plan = (struct plan){0};
}

/* The key of all randomness of a run; the identity holds the seed, too. */
static uint64_t run_key(uint64_t seed, const char *identity) {
    char half[17] = {0};
    memcpy(half, identity, 16);
    return random_u64(seed, strtoull(half, NULL, 16), strtoull(identity + 16, NULL, 16));
}

static uint32_t add_kept(uint64_t steps[RUN_KEPT_MAX], uint32_t count, uint64_t step) {
    uint32_t i = count;
    while (i > 0 && steps[i - 1] > step)
        i--;
    if (i > 0 && steps[i - 1] == step)
        return count;
    memmove(&steps[i + 1], &steps[i], (count - i) * sizeof *steps);
    steps[i] = step;
    return count + 1;
}

uint32_t plan_kept(const struct study *study, const struct plan *plan, size_t number, uint64_t steps[RUN_KEPT_MAX]) {
    const struct planned_run *run = &plan->runs[number];
    uint32_t count = 0;
    for (int64_t r = run->first_waiting; r != WAITS_FOR_NOTHING; r = plan->runs[r].next_waiting)
        count = add_kept(steps, count, plan->runs[r].start_step);
    return study->checkpoint_keep ? add_kept(steps, count, run->steps) : count;
}

void plan_spec(const struct study *study, const struct plan *plan, size_t number, uint32_t attempt,
               struct run_spec *spec) {
    const struct planned_run *run = &plan->runs[number];
    const struct study_size *size = &study->sizes[run->size];
    const struct study_mixture *mixture = mixture_of(study, run);
    const uint64_t curve_steps = plan_interval_steps(study, size, study->curve_tokens);
    memset(spec, 0, sizeof *spec); /* it is sent as bytes */
    spec->run = (uint32_t)number;
    spec->attempt = attempt;
    memcpy(spec->identity, run->identity, sizeof spec->identity);
    checkpoint_path(study, number, spec->checkpoint);
    spec->checkpoint_seconds = 60 * study->checkpoint_minutes;
    spec->checkpoint_steps = study->checkpoint_steps;
    const struct planned_run *keyed = run;
    if (run->waits_for != WAITS_FOR_NOTHING) {
        const struct planned_run *base = &plan->runs[run->waits_for];
        plan_start_path(study, run, spec->start);
        memcpy(spec->start_identity, base->identity, sizeof spec->start_identity);
        spec->start_step = run->start_step;
        spec->continues = run->shared_steps > 0;
        keyed = spec->continues ? base : run; /* a cooldown has the data and dropout of its trunk */
    }
    spec->kept_count = plan_kept(study, plan, number, spec->kept_steps);
    spec->key = run_key(study->groups[keyed->group].seed, keyed->identity);
    spec->shape = size->shape;
    spec->batch = size->batch;
    spec->micro_batch = micro_batch(study, size);
    spec->shards = shard_count(size);
    spec->sequence = study->sequence;
    spec->steps = run->steps;
    spec->warmup_steps = study->warmup_steps;
    spec->decay_fraction = study->decay_fraction;
    spec->optimizer = study->optimizer;
    spec->dropout = (float)study->dropout;
    spec->precision = study->precision;
    spec->curve_steps = (uint32_t)(curve_steps < run->steps ? curve_steps : run->steps);
    spec->evaluation_steps = plan_interval_steps(study, size, study->evaluation_every_tokens);
    spec->evaluation_tokens = study->evaluation_tokens;
    memcpy(spec->tokens_folder, study->tokens_folder, sizeof spec->tokens_folder);
    if (study_group_is_own(&study->groups[run->group])) /* its shards are there, so its path is not too long */
        study_own_folder(study, mixture->languages[0], spec->tokens_folder, NULL);
    spec->language_count = mixture->language_count;
    spec->parallel = study->parallel_folder[0] != '\0';
    for (uint32_t i = 0; i < mixture->language_count; i++) {
        spec->weights[i] = run->weights[i];
        memcpy(spec->languages[i], study->languages[mixture->languages[i]], LANGUAGE_CODE_SIZE);
    }
    uint32_t tests[LANGUAGES_MAX];
    spec->test_count = plan_tests(study, run, tests);
    for (uint32_t i = 0; i < spec->test_count; i++)
        memcpy(spec->tests[i], study->languages[tests[i]], LANGUAGE_CODE_SIZE);
}
