#include "worker/train.h"

#include "corpus/batches.h"
#include "corpus/test_set.h"
#include "model/checkpoint.h"
#include "model/schedule.h"

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
    struct test_set *tests; /* [test_count] */
    uint32_t tests_open;
    struct model *model;
    uint16_t *tokens;             /* [micro_batch, T + 1] */
    float *losses;                /* [micro_batch, T] */
    struct loss_point *points;    /* [test_count] */
    struct language_tokens *seen; /* [language_count] */
    double model_seconds;         /* spent in model code so far */
    double saved;                 /* when the last checkpoint was taken, omp_get_wtime() */
};

static struct model_setup model_setup(const struct run_spec *spec) {
    return (struct model_setup){.shape = spec->shape,
                                .precision = spec->precision,
                                .batch = spec->micro_batch,
                                .sequence = spec->sequence,
                                .dropout = spec->dropout,
                                .seed = spec->key};
}

static size_t token_bytes(const struct model_setup *setup) {
    return (size_t)setup->batch * (setup->sequence + 1) * sizeof(uint16_t);
}

static size_t loss_bytes(const struct model_setup *setup) {
    return (size_t)setup->batch * setup->sequence * sizeof(float);
}

size_t run_memory_bytes(const struct model_setup *setup) {
    const size_t model = model_memory_bytes(setup);
    return model ? PROCESS_BYTES + model + token_bytes(setup) + loss_bytes(setup) : 0;
}

static void training_close(struct training *training) {
    batches_close(training->batches);
    for (uint32_t i = 0; i < training->tests_open; i++)
        test_set_close(&training->tests[i]);
    model_destroy(training->model);
    free(training->tests);
    free(training->tokens);
    free(training->losses);
    free(training->points);
    free(training->seen);
}

static int training_open(struct training *training, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct model_setup setup = model_setup(spec);
    if (batches_open(&training->batches, spec->tokens_folder, spec->languages, spec->weights, spec->language_count,
                     spec->shape.vocabulary, spec->batch, spec->sequence, spec->key, error) != 0)
        return -1;
    training->tests = calloc(spec->test_count, sizeof *training->tests);
    training->tokens = malloc(token_bytes(&setup));
    training->losses = malloc(loss_bytes(&setup));
    training->points = calloc(spec->test_count, sizeof *training->points);
    training->seen = calloc(spec->language_count, sizeof *training->seen);
    if (!training->tests || !training->tokens || !training->losses || !training->points || !training->seen)
        return error_set(error, ERROR_FAILED, "run %u: no memory for its batches", spec->run);
    for (; training->tests_open < spec->test_count; training->tests_open++)
        if (test_set_open(&training->tests[training->tests_open], spec->tokens_folder,
                          spec->tests[training->tests_open], spec->shape.vocabulary, spec->sequence,
                          spec->evaluation_tokens, error) != 0)
            return -1;
    const double start = omp_get_wtime();
    const int result = model_create(&training->model, &setup, error);
    training->model_seconds += omp_get_wtime() - start;
    return result;
}

/* Sum of the cross entropies over the predictions of a test set, in the order of the text. */
static double test_loss_sum(struct training *training, const struct test_set *set) {
    const uint32_t length = training->spec->sequence;
    double sum = 0;
    for (uint64_t first = 0; first < set->windows; first += training->spec->micro_batch) {
        const uint64_t left = set->windows - first;
        const uint32_t count = left < training->spec->micro_batch ? (uint32_t)left : training->spec->micro_batch;
        test_set_get(set, first, count, training->tokens);
        const double start = omp_get_wtime();
        model_losses(training->model, training->tokens, count, training->losses);
        training->model_seconds += omp_get_wtime() - start;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t predictions = test_set_predictions(set, first + i);
            for (uint32_t t = 0; t < predictions; t++)
                sum += (double)training->losses[(size_t)i * length + t];
        }
    }
    return sum;
}

static uint64_t tokens_of_language(const struct training *training, const char *language, uint64_t steps) {
    for (uint32_t l = 0; l < training->spec->language_count; l++)
        if (strcmp(training->spec->languages[l], language) == 0)
            return batches_seen(training->batches, steps, l).tokens;
    return 0;
}

static int evaluate(struct training *training, uint64_t steps, struct error *error) {
    const struct run_spec *spec = training->spec;
    for (uint32_t i = 0; i < spec->test_count; i++) {
        const struct test_losses losses =
            test_set_losses(&training->tests[i], test_loss_sum(training, &training->tests[i]));
        struct loss_point *point = &training->points[i];
        *point = (struct loss_point){.run = spec->run,
                                     .step = (uint32_t)steps,
                                     .tokens = steps * spec->batch * spec->sequence,
                                     .tokens_target = tokens_of_language(training, spec->tests[i], steps),
                                     .set = "test",
                                     .cross_entropy = losses.cross_entropy,
                                     .unigram_normalised = losses.unigram_normalised,
                                     .bits_per_byte = losses.bits_per_byte};
        memcpy(point->language, spec->tests[i], LANGUAGE_CODE_SIZE);
    }
    return training->sink->add_losses(training->sink->context, training->points, spec->test_count, error);
}

/* One optimizer step; returns the mean loss of its batch, not finite when training has broken down. */
static double train_step(struct training *training, uint64_t step, float learning_rate) {
    const struct run_spec *spec = training->spec;
    const double predictions = (double)spec->batch * spec->sequence;
    double sum = 0;
    for (uint32_t first = 0; first < spec->batch; first += spec->micro_batch) {
        const uint32_t left = spec->batch - first;
        const uint32_t count = left < spec->micro_batch ? left : spec->micro_batch;
        double loss;
        batches_get(training->batches, step, first, count, training->tokens);
        const double start = omp_get_wtime();
        model_gradient(training->model, training->tokens, count, (float)(1 / predictions), step, first, &loss);
        training->model_seconds += omp_get_wtime() - start;
        sum += loss;
    }
    struct model_optimizer optimizer = spec->optimizer;
    optimizer.learning_rate = learning_rate;
    const double start = omp_get_wtime();
    const double norm = model_update(training->model, &optimizer);
    training->model_seconds += omp_get_wtime() - start;
    return isfinite(norm) ? sum / predictions : NAN;
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

/* Brings the model to where the run goes on: steps done, and the losses of those that no curve point has told. */
static int resume(struct training *training, uint64_t *steps, double *loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    struct checkpoint checkpoint = {0};
    struct error note = {0};
    bool touched = false, found = false;
    if (spec->checkpoint[0]) {
        char before[FILE_PATH_SIZE + 8];
        path_before(before, spec->checkpoint);
        remove_leftovers(spec->checkpoint);
        found = load(training, spec->checkpoint, &checkpoint, &touched, &note) ||
                load(training, before, &checkpoint, &touched, &note);
    }
    if (!found && touched) { /* by a checkpoint of steps that nobody knows of */
        const struct model_setup setup = model_setup(spec);
        model_destroy(training->model);
        if (model_create(&training->model, &setup, error) != 0)
            return -1;
    }
    *steps = found ? checkpoint.step : 0;
    *loss_sum = found ? checkpoint.loss_sum : 0;
    const struct run_sink *sink = training->sink;
    return sink->begin ? sink->begin(sink->context, *steps, note.code == ERROR_NONE ? "" : note.message, error) : 0;
}

static int save(struct training *training, uint64_t steps, double loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    struct checkpoint checkpoint = {.step = steps, .loss_sum = loss_sum};
    snprintf(checkpoint.identity, sizeof checkpoint.identity, "%s", spec->identity);
    char before[FILE_PATH_SIZE + 8];
    path_before(before, spec->checkpoint);
    if (file_exists(spec->checkpoint) && rename(spec->checkpoint, before) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be renamed", spec->checkpoint);
    training->saved = omp_get_wtime();
    return model_save(training->model, spec->checkpoint, &checkpoint, NULL, error);
}

static bool save_is_due(const struct training *training, uint64_t steps) {
    const struct run_spec *spec = training->spec;
    return (spec->checkpoint_steps > 0 && steps % spec->checkpoint_steps == 0) ||
           (spec->checkpoint_seconds > 0 && omp_get_wtime() - training->saved >= spec->checkpoint_seconds);
}

void run_forget(const char *checkpoint) {
    char before[FILE_PATH_SIZE + 8];
    path_before(before, checkpoint);
    unlink(checkpoint);
    unlink(before);
    remove_leftovers(checkpoint);
}

static int train(struct training *training, enum run_end *end, struct error *error) {
    const struct run_spec *spec = training->spec;
    const struct learning_rate_schedule schedule = {.base = (double)spec->optimizer.learning_rate,
                                                    .warmup_steps = spec->warmup_steps,
                                                    .steps = spec->steps,
                                                    .decay_fraction = spec->decay_fraction};
    uint64_t begin;
    double sum; /* of the losses since the last curve point */
    if (resume(training, &begin, &sum, error) != 0)
        return -1;
    uint64_t summed = begin % spec->curve_steps;
    for (uint64_t step = begin; step < spec->steps; step++) {
        const double learning_rate = schedule_learning_rate(&schedule, step);
        const double loss = train_step(training, step, (float)learning_rate);
        if (!isfinite(loss))
            return error_set(error, ERROR_FAILED,
                             "loss or gradient is not finite at step %llu; a smaller learning rate may help",
                             (unsigned long long)step + 1);
        sum += loss;
        summed++;
        const uint64_t done = step + 1;
        const bool last = done == spec->steps;
        if (last || done % spec->curve_steps == 0) {
            const struct curve_point point = {.run = spec->run,
                                              .step = (uint32_t)done,
                                              .tokens = done * spec->batch * spec->sequence,
                                              .learning_rate = learning_rate,
                                              .loss = sum / (double)summed};
            if (training->sink->add_curve(training->sink->context, &point, error) != 0)
                return -1;
            sum = 0;
            summed = 0;
        }
        if ((last || done % spec->evaluation_steps == 0) && evaluate(training, done, error) != 0)
            return -1;
        const bool stop = !last && training->sink->stop && training->sink->stop(training->sink->context);
        if (spec->checkpoint[0] && (stop || save_is_due(training, done)) && save(training, done, sum, error) != 0)
            return -1;
        if (stop) {
            *end = RUN_STOPPED;
            return 0;
        }
    }
    for (uint32_t l = 0; l < spec->language_count; l++) {
        training->seen[l] = batches_seen(training->batches, spec->steps, l);
        training->seen[l].run = spec->run;
    }
    return training->sink->add_seen(training->sink->context, training->seen, spec->language_count, error);
}

int run_train(const struct run_spec *spec, const struct run_sink *sink, enum run_end *end, struct error *error) {
    struct training training = {.spec = spec, .sink = sink, .saved = omp_get_wtime()};
    *end = RUN_ENDED;
    int result = training_open(&training, error);
    if (result == 0)
        result = train(&training, end, error);
    training_close(&training);
    if (sink->model_seconds)
        *sink->model_seconds += training.model_seconds;
    return result;
}
