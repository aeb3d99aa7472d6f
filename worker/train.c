#include "worker/train.h"

#include "base/elementary.h"
#include "corpus/batches.h"
#include "corpus/test_set.h"
#include "model/checkpoint.h"
#include "model/schedule.h"
#include "worker/group.h"

#include <dirent.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a worker holds beside the run: program, libraries and MPI, 18 MiB on Debian 12, and a page of a shard, 2 MiB.
 * Found by measuring, and felt by models of a few megabytes only. */
enum { PROCESS_BYTES = 23 << 20 };

/* Everything that a run holds while it trains. */
struct training {
    const struct run_spec *spec;
    const struct run_sink *sink;
    struct batches *batches;
    struct test_set *tests; /* [run_spec_evaluations] */
    uint32_t tests_open;
    struct group group;
    struct model *model;
    size_t owned[RUN_RANKS_MAX + 1]; /* bytes; member m has the moments of the parameters from there on, */
    size_t sums[RUN_RANKS_MAX + 1];  /* and the square sums */
    double *report; /* what the members tell each other in a step: struct decision, losses of shards, square sums; */
    size_t reports[RUN_RANKS_MAX + 1]; /* bytes; member m's from there on */
    uint16_t *tokens;                  /* [micro_batch, T + 1] */
    float *losses;                     /* [members, micro_batch, T] */
    struct loss_point *points;         /* [run_spec_evaluations] */
    struct language_tokens *seen;      /* [language_count] */
    double model_seconds;              /* spent in model code so far */
    double saved;                      /* when the last checkpoint was taken, omp_get_wtime() */
};

/* What the leader says in a step, for what comes behind it: 0 or 1, but numbers, as the rest of a report. */
struct decision {
    double stop, save;
};
enum { DECISION = sizeof(struct decision) / sizeof(double) };

static struct model_setup model_setup(struct training *training) {
    const struct run_spec *spec = training->spec;
    return (struct model_setup){.shape = spec->shape,
                                .precision = spec->precision,
                                .batch = spec->micro_batch,
                                .sequence = spec->sequence,
                                .dropout = spec->dropout,
                                .seed = spec->key,
                                .sharing = {.batch = spec->batch,
                                            .shards = spec->shards,
                                            .rank = training->group.rank,
                                            .ranks = training->group.ranks,
                                            .ready = group_ready,
                                            .context = &training->group}};
}

static size_t token_bytes(const struct model_setup *setup) {
    return (size_t)setup->batch * (setup->sequence + 1) * sizeof(uint16_t);
}

static size_t loss_bytes(const struct model_setup *setup) {
    const size_t members = setup->sharing.ranks ? setup->sharing.ranks : 1;
    return members * setup->batch * setup->sequence * sizeof(float);
}

size_t run_memory_bytes(const struct model_setup *setup) {
    const size_t model = model_memory_bytes(setup);
    return model ? PROCESS_BYTES + model + token_bytes(setup) + loss_bytes(setup) +
                       group_memory_bytes(setup->sharing.ranks)
                 : 0;
}

static void training_close(struct training *training) {
    batches_close(training->batches);
    for (uint32_t i = 0; i < training->tests_open; i++)
        test_set_close(&training->tests[i]);
    model_destroy(training->model);
    group_close(&training->group);
    free(training->tests);
    free(training->report);
    free(training->tokens);
    free(training->losses);
    free(training->points);
    free(training->seen);
}

/* Of evaluation i. */
static const char *set_name(const struct run_spec *spec, uint32_t i) {
    return i < spec->test_count ? "test" : "parallel";
}

static uint32_t shard_count(const struct run_spec *spec) {
    return spec->shards ? spec->shards : 1;
}

/* Finds where what each member owns begins. */
static void lay_out_members(struct training *training, const struct model_setup *setup) {
    const uint32_t ranks = training->group.ranks;
    const size_t others = sizeof(struct decision) + shard_count(training->spec) / ranks * sizeof(double);
    for (uint32_t m = 0; m <= ranks; m++) {
        training->owned[m] = model_owned_first(setup, m) * sizeof(float);
        training->sums[m] = model_square_sum_first(setup, m);
        training->reports[m] = m * others + training->sums[m] * sizeof(double);
    }
}

static int training_open(struct training *training, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct run_sink *sink = training->sink;
    if (group_open(&training->group, spec, sink->comm, sink->abandon, sink->context, error) != 0)
        return -1;
    const struct model_setup setup = model_setup(training);
    if (batches_open(&training->batches, spec->tokens_folder, spec->languages, spec->weights, spec->language_count,
                     spec->shape.vocabulary, spec->batch, spec->sequence, spec->key, error) != 0)
        return -1;
    training->tests = calloc(run_spec_evaluations(spec), sizeof *training->tests);
    training->tokens = malloc(token_bytes(&setup));
    training->losses = malloc(loss_bytes(&setup));
    lay_out_members(training, &setup);
    training->report = calloc(1, training->reports[training->group.ranks]);
    training->points = calloc(run_spec_evaluations(spec), sizeof *training->points);
    training->seen = calloc(spec->language_count, sizeof *training->seen);
    if (!training->tests || !training->tokens || !training->losses || !training->report || !training->points ||
        !training->seen)
        return error_set(error, ERROR_FAILED, "run %u: no memory for its batches", spec->run);
    for (; training->tests_open < run_spec_evaluations(spec); training->tests_open++)
        if (test_set_open(&training->tests[training->tests_open], spec->tokens_folder,
                          spec->tests[training->tests_open % spec->test_count], set_name(spec, training->tests_open),
                          spec->shape.vocabulary, spec->sequence, spec->evaluation_tokens, error) != 0)
            return -1;
    const double start = omp_get_wtime();
    const int result = model_create(&training->model, &setup, error);
    training->model_seconds += omp_get_wtime() - start;
    return result;
}

static bool leads(const struct training *training) {
    return training->group.rank == 0;
}

/* Brings what the other members own of an array of parameters. */
static int share_parameters(void *context, float *parameters) {
    struct training *training = context;
    return group_share(&training->group, parameters, training->owned);
}

/* Windows [first, first + count) of a test set, shared out evenly: losses of all of them [count, T]. */
static int window_losses(struct training *training, const struct test_set *set, uint64_t first, uint64_t count) {
    const uint32_t length = training->spec->sequence, rank = training->group.rank, ranks = training->group.ranks;
    size_t begins[RUN_RANKS_MAX + 1];
    for (uint32_t m = 0; m <= ranks; m++)
        begins[m] = count * m / ranks * length * sizeof(float);
    const uint64_t mine = count * rank / ranks, end = count * (rank + 1) / ranks;
    if (mine < end) {
        test_set_get(set, first + mine, (uint32_t)(end - mine), training->tokens);
        const double start = omp_get_wtime();
        model_losses(training->model, training->tokens, (uint32_t)(end - mine), training->losses + mine * length);
        training->model_seconds += omp_get_wtime() - start;
    }
    return group_share(&training->group, training->losses, begins);
}

/* Sum of the cross entropies over the predictions of a test set, in the order of the text. */
static int test_loss_sum(struct training *training, const struct test_set *set, double *sum) {
    const uint32_t length = training->spec->sequence;
    const uint64_t most = (uint64_t)training->group.ranks * training->spec->micro_batch;
    *sum = 0;
    for (uint64_t first = 0; first < set->windows; first += most) {
        const uint64_t left = set->windows - first, count = left < most ? left : most;
        if (window_losses(training, set, first, count) != 0)
            return -1;
        for (uint64_t i = 0; i < count; i++) {
            const uint32_t predictions = test_set_predictions(set, first + i);
            for (uint32_t t = 0; t < predictions; t++)
                *sum += (double)training->losses[i * length + t];
        }
    }
    return 0;
}

static uint64_t tokens_of_language(const struct training *training, const char *language, uint64_t steps) {
    for (uint32_t l = 0; l < training->spec->language_count; l++)
        if (strcmp(training->spec->languages[l], language) == 0)
            return batches_seen(training->batches, steps, l).tokens;
    return 0;
}

static int evaluate(struct training *training, uint64_t steps, struct error *error) {
    const struct run_spec *spec = training->spec;
    for (uint32_t i = 0; i < run_spec_evaluations(spec); i++) {
        const char *language = spec->tests[i % spec->test_count];
        double sum;
        if (test_loss_sum(training, &training->tests[i], &sum) != 0)
            return -1;
        const struct test_losses losses = test_set_losses(&training->tests[i], sum);
        struct loss_point *point = &training->points[i];
        *point = (struct loss_point){.run = spec->run,
                                     .step = (uint32_t)steps,
                                     .tokens = steps * spec->batch * spec->sequence,
                                     .tokens_target = tokens_of_language(training, language, steps),
                                     .cross_entropy = losses.cross_entropy,
                                     .unigram_normalised = losses.unigram_normalised,
                                     .bits_per_byte = losses.bits_per_byte};
        memcpy(point->language, language, LANGUAGE_CODE_SIZE);
        snprintf(point->set, sizeof point->set, "%s", set_name(spec, i));
    }
    return leads(training) ? training->sink->add_losses(training->sink->context, training->points,
                                                        run_spec_evaluations(spec), error)
                           : 0;
}

static bool save_is_due(const struct training *training, uint64_t steps) {
    const struct run_spec *spec = training->spec;
    return (spec->checkpoint_steps > 0 && steps % spec->checkpoint_steps == 0) ||
           (spec->checkpoint_seconds > 0 && omp_get_wtime() - training->saved >= spec->checkpoint_seconds);
}

/* Adds the gradient of one shard; returns the sum of its cross entropies. */
static double shard_gradient(struct training *training, uint64_t step, uint32_t shard) {
    const struct run_spec *spec = training->spec;
    const uint64_t shards = shard_count(spec), B = spec->batch;
    const uint32_t end = (uint32_t)((shard + 1) * B / shards);
    double sum = 0;
    for (uint32_t first = (uint32_t)(shard * B / shards); first < end; first += spec->micro_batch) {
        const uint32_t left = end - first, count = left < spec->micro_batch ? left : spec->micro_batch;
        const float scale = (float)(1 / ((double)spec->batch * spec->sequence));
        double loss;
        batches_get(training->batches, step, first, count, training->tokens);
        const double start = omp_get_wtime();
        model_gradient(training->model, training->tokens, count, scale, step, first, &loss);
        training->model_seconds += omp_get_wtime() - start;
        sum += loss;
    }
    return sum;
}

/* The leader's word on what comes behind step `done`, before it is done: it travels with the step. */
static bool told(const struct training *training, bool (*word)(void *context)) {
    return word && word(training->sink->context);
}

static struct decision decide(const struct training *training, uint64_t done) {
    const struct run_spec *spec = training->spec;
    const bool stop = done < spec->steps && told(training, training->sink->stop);
    return (struct decision){.stop = stop, .save = spec->checkpoint[0] && (stop || save_is_due(training, done))};
}

static double *report_of(const struct training *training, uint32_t m) {
    return training->report + training->reports[m] / sizeof(double);
}

/* Tells the others what this member found in a step, its decision if it leads, and learns what they did: the leader's
 * decision, the sum of the losses of all shards, in their order, and for the model all square sums. */
static int share_reports(struct training *training, double *square_sums, struct decision *decision, double *loss) {
    struct group *group = &training->group;
    const uint32_t shards = shard_count(training->spec) / group->ranks; /* of a member */
    const size_t *sums = training->sums;
    double *mine = report_of(training, group->rank);
    memcpy(mine, decision, sizeof *decision);
    memcpy(mine + DECISION + shards, square_sums + sums[group->rank],
           (sums[group->rank + 1] - sums[group->rank]) * sizeof *square_sums);
    if (group_share(group, training->report, training->reports) != 0)
        return -1;
    memcpy(decision, training->report, sizeof *decision);
    *loss = 0;
    for (uint32_t m = 0; m < group->ranks; m++) {
        const double *losses = report_of(training, m) + DECISION;
        for (uint32_t s = 0; s < shards; s++)
            *loss += losses[s];
        memcpy(square_sums + sums[m], losses + shards, (sums[m + 1] - sums[m]) * sizeof *square_sums);
    }
    return 0;
}

/* One optimizer step. *loss: mean of its batch, not finite when training has broken down; the same at all members, as
 * *decision. -1: a member is lost. */
static int train_step(struct training *training, uint64_t step, float learning_rate, double *loss,
                      struct decision *decision) {
    const struct run_spec *spec = training->spec;
    struct group *group = &training->group;
    const uint32_t shards = shard_count(spec) / group->ranks; /* of a member */
    double *losses = report_of(training, group->rank) + DECISION;
    group_sum_begin(group, model_gradients(training->model), training->owned);
    for (uint32_t s = 0; s < shards; s++)
        losses[s] = shard_gradient(training, step, group->rank * shards + s);
    if (leads(training))
        *decision = decide(training, step + 1);
    if (group_sum(group) != 0)
        return -1;
    double start = omp_get_wtime();
    double *square_sums = model_square_sums(training->model);
    training->model_seconds += omp_get_wtime() - start;
    if (share_reports(training, square_sums, decision, loss) != 0)
        return -1;
    struct model_optimizer optimizer = spec->optimizer;
    optimizer.learning_rate = learning_rate;
    start = omp_get_wtime();
    const double norm = model_update_owned(training->model, &optimizer);
    training->model_seconds += omp_get_wtime() - start;
    *loss = isfinite(norm) ? *loss / ((double)spec->batch * spec->sequence) : NAN;
    return share_parameters(training, model_weights(training->model));
}

/* The checkpoint before the newest. */
static void path_before(char before[FILE_PATH_SIZE + 8], const char *checkpoint) {
    snprintf(before, FILE_PATH_SIZE + 8, "%s.before", checkpoint);
}

/* Removes what a worker left that was killed while it wrote a checkpoint. */
static void remove_leftovers(const char *checkpoint) {
    char folder[FILE_PATH_SIZE];
    file_folder(folder, checkpoint);
    const char *slash = strrchr(checkpoint, '/'), *name = slash ? slash + 1 : checkpoint;
    DIR *entries = opendir(folder);
    if (!entries)
        return;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        const size_t length = strlen(entry->d_name);
        if (strncmp(entry->d_name, name, strlen(name)) == 0 && length > 4 &&
            strcmp(entry->d_name + length - 4, ".tmp") == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}

/* Loads the checkpoint if the run can go on from it; *touched: the model is no longer as it was made. note: what is
 * wrong with the file. */
static bool load(struct training *training, const char *path, struct checkpoint *checkpoint, bool *touched,
                 struct error *note) {
    const struct run_spec *spec = training->spec;
    if (!file_exists(path) || model_load(training->model, path, spec->identity, checkpoint, note) != 0)
        return false;
    *touched = true;
    return checkpoint->step <= spec->steps && checkpoint->step <= spec->resume_most;
}

/* Begins with what another run kept. */
static int begin_from(struct training *training, struct checkpoint *checkpoint, struct error *error) {
    const struct run_spec *spec = training->spec;
    if (!spec->continues)
        return model_load_weights(training->model, spec->start, spec->start_identity, spec->start_step, error);
    if (model_load(training->model, spec->start, spec->start_identity, checkpoint, error) != 0)
        return -1;
    return checkpoint->step == spec->start_step ? 0
                                                : error_set(error, ERROR_INPUT, "%s: not a checkpoint of step %llu",
                                                            spec->start, (unsigned long long)spec->start_step);
}

/* Brings the model to where the run goes on: steps done, and the losses of those that no curve point has told. The
 * leader says from which checkpoint. */
static int resume(struct training *training, uint64_t *steps, double *loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    struct checkpoint checkpoint = {0};
    struct error note = {0};
    bool touched = false;
    char before[FILE_PATH_SIZE + 8];
    path_before(before, spec->checkpoint);
    const char *const paths[] = {spec->checkpoint, before};
    enum { NEWEST, NONE = 2 };
    uint32_t from = spec->checkpoint[0] ? NEWEST : NONE;
    if (leads(training) && from == NEWEST) {
        remove_leftovers(spec->checkpoint);
        while (from < NONE && !load(training, paths[from], &checkpoint, &touched, &note))
            from++;
    }
    if (group_tell(&training->group, &from, sizeof from) != 0)
        return -1;
    if (!leads(training) && from < NONE && !load(training, paths[from], &checkpoint, &touched, &note))
        return error_set(error, ERROR_FAILED, "%s: not what the leader of run %u reads there; %s", paths[from],
                         spec->run, note.message);
    const bool found = from < NONE;
    if (!found && touched) { /* by a checkpoint of steps that nobody knows of */
        const struct model_setup setup = model_setup(training);
        model_destroy(training->model);
        if (model_create(&training->model, &setup, error) != 0)
            return -1;
    }
    if (!found) {
        checkpoint = (struct checkpoint){0};
        if (spec->start[0] && begin_from(training, &checkpoint, error) != 0)
            return -1;
    }
    *steps = checkpoint.step;
    *loss_sum = checkpoint.loss_sum;
    const struct run_sink *sink = training->sink;
    if (leads(training) && note.code != ERROR_NONE && sink->note)
        sink->note(sink->context, note.message);
    return leads(training) && sink->begin ? sink->begin(sink->context, *steps, error) : 0;
}

static int write_checkpoint(struct training *training, const char *path, uint64_t steps, double loss_sum,
                            struct error *error) {
    struct checkpoint checkpoint = {.step = steps, .loss_sum = loss_sum};
    snprintf(checkpoint.identity, sizeof checkpoint.identity, "%s", training->spec->identity);
    const struct checkpoint_sharing sharing = {.share = share_parameters, .context = training};
    return model_save(training->model, path, &checkpoint, &sharing, error);
}

/* A checkpoint; one that a full disk has no room for is left out: the run can go on from the one before. */
static int save(struct training *training, uint64_t steps, double loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    char before[FILE_PATH_SIZE + 8];
    path_before(before, spec->checkpoint);
    if (leads(training) && file_exists(spec->checkpoint) && rename(spec->checkpoint, before) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be renamed", spec->checkpoint);
    training->saved = omp_get_wtime();
    const int result = write_checkpoint(training, spec->checkpoint, steps, loss_sum, error);
    if (result == 0 || !error || error->code != ERROR_NO_ROOM)
        return result;
    if (training->sink->note)
        training->sink->note(training->sink->context, error->message);
    return 0;
}

void run_forget(const char *checkpoint) {
    char before[FILE_PATH_SIZE + 8];
    path_before(before, checkpoint);
    unlink(checkpoint);
    unlink(before);
    remove_leftovers(checkpoint);
}

void run_kept_path(char path[FILE_PATH_SIZE], const char *checkpoint, uint64_t step) {
    snprintf(path, FILE_PATH_SIZE, "%.*s.step-%llu", FILE_PATH_SIZE - 32, checkpoint, (unsigned long long)step);
}

/* The checkpoint of this step, if it is to stay. */
static int keep(struct training *training, uint64_t steps, double loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    char path[FILE_PATH_SIZE];
    uint32_t i = 0;
    while (i < spec->kept_count && spec->kept_steps[i] != steps)
        i++;
    if (i == spec->kept_count)
        return 0;
    run_kept_path(path, spec->checkpoint, steps);
    return write_checkpoint(training, path, steps, loss_sum, error);
}

static int train(struct training *training, struct run_ending *ending, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct learning_rate_schedule schedule = {.base = (double)spec->optimizer.learning_rate,
                                                    .warmup_steps = spec->warmup_steps,
                                                    .steps = spec->steps,
                                                    .decay_fraction = spec->decay_fraction};
    uint64_t begin;
    double sum; /* of the losses since the last curve point */
    if (resume(training, &begin, &sum, error) != 0)
        return -1;
    ending->step = begin;
    if (begin == 0 && spec->start[0] && evaluate(training, 0, error) != 0)
        return -1;
    const double loss_most = 2 * elementary_log(spec->shape.vocabulary);
    uint64_t summed = begin % spec->curve_steps;
    for (uint64_t step = begin; step < spec->steps; step++) {
        const double learning_rate = schedule_learning_rate(&schedule, step);
        struct decision decision = {0};
        double loss;
        if (train_step(training, step, (float)learning_rate, &loss, &decision) != 0)
            return -1;
        const uint64_t done = step + 1;
        if (!(loss <= loss_most)) {
            ending->diverged = true;
            return error_set(error, ERROR_FAILED, "%s at step %llu; a smaller learning rate may help",
                             isfinite(loss) ? "loss explodes" : "loss or gradient is not finite",
                             (unsigned long long)done);
        }
        sum += loss;
        summed++;
        ending->step = done;
        const bool last = done == spec->steps;
        if (last || done % spec->curve_steps == 0) {
            const struct curve_point point = {.run = spec->run,
                                              .step = (uint32_t)done,
                                              .tokens = done * spec->batch * spec->sequence,
                                              .learning_rate = learning_rate,
                                              .loss = sum / (double)summed};
            if (leads(training) && training->sink->add_curve(training->sink->context, &point, error) != 0)
                return -1;
            sum = 0;
            summed = 0;
        }
        if ((last || done % spec->evaluation_steps == 0) && evaluate(training, done, error) != 0)
            return -1;
        if (told(training, training->sink->abandon)) {
            ending->end = RUN_ABANDONED;
            return 0;
        }
        if (keep(training, done, sum, error) != 0)
            return -1;
        if (decision.save != 0 && save(training, done, sum, error) != 0)
            return -1;
        if (decision.stop != 0) {
            ending->end = RUN_STOPPED;
            return 0;
        }
    }
    for (uint32_t l = 0; l < spec->language_count; l++) {
        training->seen[l] = batches_seen(training->batches, spec->steps, l);
        training->seen[l].run = spec->run;
    }
    return leads(training)
               ? training->sink->add_seen(training->sink->context, training->seen, spec->language_count, error)
               : 0;
}

int run_train(const struct run_spec *spec, const struct run_sink *sink, struct run_ending *ending,
              struct error *error) {
    struct training training = {.spec = spec, .sink = sink, .saved = omp_get_wtime()};
    *ending = (struct run_ending){.end = RUN_ENDED};
    int result = training_open(&training, error);
    if (result == 0)
        result = train(&training, ending, error);
    if (result != 0 && training.group.lost) {
        ending->end = RUN_ABANDONED;
        result = 0;
    }
    training_close(&training);
    if (sink->model_seconds)
        *sink->model_seconds += training.model_seconds;
    return result;
}
