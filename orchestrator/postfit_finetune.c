#include "laws/adaptation.h"
#include "laws/crossover.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_finetuned(const struct study_data *data, size_t r) {
    return strcmp(data->runs[r].kind, "finetune") == 0 && data->outcomes[r].status == RUN_DONE;
}

/* ---- adaptation scores ---- */

/* Where the shortest finetuned run of a size ends, in tokens; infinite: there is none. */
static double shortest_run(const struct study_data *data, const char *size) {
    double shortest = INFINITY;
    for (size_t r = 0; r < data->run_count; r++) {
        const size_t end = postfit_first_loss(data, (uint32_t)r + 1);
        if (is_finetuned(data, r) && strcmp(data->runs[r].size, size) == 0 && end > 0 && data->losses[end - 1].run == r)
            shortest = fmin(shortest, (double)data->losses[end - 1].tokens);
    }
    return shortest;
}

static int score_target(struct study_data *data, const struct run_record *run, const struct loss_point *before,
                        double d_max, double *room, FILE *notes, struct error *error) {
    const struct loss_curve curve = postfit_curve(data, run->run, before->language, room);
    const char *source = run->languages[0].language;
    struct adaptation adaptation;
    struct error reason = {0};
    if (adaptation_score(before->cross_entropy, &curve, d_max, &adaptation, &reason) != 0) {
        fprintf(notes, "adaptation %s -> %s at %s: %s\n", source, before->language, run->size, reason.message);
        return 0;
    }
    struct adaptation_record *records = postfit_grow(data->adaptation, data->adaptation_count, sizeof *records, error);
    if (!records)
        return -1;
    data->adaptation = records;
    struct adaptation_record *record = &records[data->adaptation_count++];
    *record = (struct adaptation_record){.d_max = d_max, .fas = adaptation.score, .deviation = adaptation.deviation};
    memcpy(record->source, source, LANGUAGE_CODE_SIZE);
    memcpy(record->target, before->language, LANGUAGE_CODE_SIZE);
    memcpy(record->size, run->size, sizeof record->size);
    return 0;
}

/* A run's evaluations stand by step: those at 0 tokens are its first. */
static int score_run(struct study_data *data, const struct run_record *run, double *room, FILE *notes,
                     struct error *error) {
    const double d_max = shortest_run(data, run->size);
    const size_t first = postfit_first_loss(data, run->run);
    size_t i = first;
    for (; i < data->loss_count && data->losses[i].run == run->run && data->losses[i].tokens == 0; i++)
        if (postfit_is_test(&data->losses[i]) &&
            score_target(data, run, &data->losses[i], d_max, room, notes, error) != 0)
            return -1;
    if (i == first)
        fprintf(notes, "adaptation of %s at %s: no evaluation before its first step\n", run->languages[0].language,
                run->size);
    return 0;
}

/* ---- missing scores ---- */

static size_t language_index(const struct study *study, const char *language) {
    size_t i = 0;
    while (i < study->language_count && !postfit_same_language(study->languages[i], language))
        i++;
    return i;
}

/* The scores, gains and deviations of a size as matrices of all languages of the study [n, n]. */
struct matrices {
    size_t n;
    double *scores, *gains, *deviations, *features; /* gains [n], features [n, n, ADAPTATION_FEATURES] */
    enum transfer_state *states;
};

static void matrices_free(struct matrices *matrices) {
    free(matrices->scores);
    free(matrices->gains);
    free(matrices->deviations);
    free(matrices->features);
    free(matrices->states);
}

static int matrices_make(struct matrices *matrices, size_t n) {
    *matrices = (struct matrices){.n = n,
                                  .scores = malloc(n * n * sizeof(double)),
                                  .gains = malloc(n * sizeof(double)),
                                  .deviations = malloc(n * n * sizeof(double)),
                                  .features = malloc(n * n * ADAPTATION_FEATURES * sizeof(double)),
                                  .states = calloc(n * n, sizeof(enum transfer_state))};
    if (!matrices->scores || !matrices->gains || !matrices->deviations || !matrices->features || !matrices->states)
        return -1;
    for (size_t i = 0; i < n * n; i++)
        matrices->scores[i] = matrices->deviations[i] = NAN;
    for (size_t i = 0; i < n; i++)
        matrices->gains[i] = NAN;
    return 0;
}

static void matrices_fill(struct matrices *matrices, const struct study *study, const struct study_data *data,
                          const char *size) {
    const size_t n = matrices->n;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        const size_t source = language_index(study, record->source), target = language_index(study, record->target);
        if (strcmp(record->size, size) != 0 || source == n || target == n)
            continue;
        matrices->scores[target * n + source] = record->bts;
        matrices->states[target * n + source] =
            strcmp(record->state, "measured") == 0 ? TRANSFER_MEASURED : TRANSFER_BOUND;
    }
    for (size_t i = 0; i < data->adaptation_count; i++) {
        const struct adaptation_record *record = &data->adaptation[i];
        const size_t source = language_index(study, record->source), target = language_index(study, record->target);
        if (strcmp(record->size, size) != 0 || source == n || target == n)
            continue;
        matrices->deviations[target * n + source] = record->deviation;
        if (source == target)
            matrices->gains[source] = record->fas;
    }
}

static int add_predictions(const struct matrices *matrices, const struct study *study, struct study_data *data,
                           const char *size, struct error *error) {
    for (size_t i = 0; i < matrices->n * matrices->n; i++) {
        if (matrices->states[i] != TRANSFER_PREDICTED)
            continue;
        struct transfer_record *records = postfit_grow(data->transfer, data->transfer_count, sizeof *records, error);
        if (!records)
            return -1;
        data->transfer = records;
        struct transfer_record *record = &records[data->transfer_count++];
        *record = (struct transfer_record){.d = study->reference_tokens,
                                           .reference_loss = NAN,
                                           .sigma = NAN,
                                           .bts = matrices->scores[i],
                                           .deviation = NAN,
                                           .state = "predicted"};
        memcpy(record->source, study->languages[i % matrices->n], LANGUAGE_CODE_SIZE);
        memcpy(record->target, study->languages[i / matrices->n], LANGUAGE_CODE_SIZE);
        snprintf(record->size, sizeof record->size, "%s", size);
    }
    return 0;
}

static int add_law(struct study_data *data, const struct law_record *law, struct error *error) {
    struct law_record *laws = postfit_grow(data->laws, data->law_count, sizeof *laws, error);
    if (!laws)
        return -1;
    data->laws = laws;
    laws[data->law_count++] = *law;
    return 0;
}

static int complete_matrix(struct matrices *matrices, const struct study *study, struct study_data *data,
                           const char *size, FILE *notes, struct error *error) {
    struct completion completion;
    struct error reason = {0};
    matrices_fill(matrices, study, data, size);
    if (adaptation_features(matrices->n, matrices->gains, matrices->deviations, matrices->features, error) != 0)
        return -1;
    if (adaptation_complete(matrices->n, matrices->scores, matrices->states, matrices->features, study->seed,
                            &completion, &reason) != 0) {
        fprintf(notes, "missing transfer scores at %s: %s\n", size, reason.message);
        return 0;
    }
    const struct law_record law = {.law = "bts-forest",
                                   .language = "all",
                                   .loss = "cross_entropy",
                                   .points = (uint32_t)completion.labels,
                                   .objective = completion.quality.mean_square,
                                   .r2 = completion.quality.r2,
                                   .parameter_count = 1,
                                   .parameters = {{"spearman", completion.quality.spearman, NAN}}};
    if (add_law(data, &law, error) != 0)
        return -1;
    return add_predictions(matrices, study, data, size, error);
}

static int predict_missing(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    char size[sizeof data->transfer->size];
    const char *main_size = postfit_main_size(data);
    if (!main_size || data->adaptation_count == 0)
        return 0;
    snprintf(size, sizeof size, "%s", main_size); /* the records that it points into will move */
    struct matrices matrices;
    int result;
    if (matrices_make(&matrices, study->language_count) != 0)
        result = error_set(error, ERROR_FAILED, "no memory for the matrix of transfer scores");
    else
        result = complete_matrix(&matrices, study, data, size, notes, error);
    matrices_free(&matrices);
    return result;
}

/* ---- crossovers ---- */

static int cross_run(struct study_data *data, const struct run_record *run, double *room, FILE *notes,
                     struct error *error) {
    static const char *const states[] = {
        [CROSSOVER_MEASURED] = "measured", [CROSSOVER_LATER] = "later", [CROSSOVER_EARLIER] = "earlier"};
    const char *language = run->languages[0].language;
    const struct run_record *alone = study_find_run(data, "monolingual", language, run->size, run->seed);
    struct crossover crossover;
    struct error reason = {0};
    if (!alone) {
        fprintf(notes, "crossover %s at %s: no finished monolingual run\n", language, run->size);
        return 0;
    }
    const struct loss_curve scratch = postfit_curve(data, alone->run, language, room);
    const struct loss_curve finetuned = postfit_curve(data, run->run, language, room + 2 * data->loss_count);
    if (crossover_find(&scratch, &finetuned, &crossover, &reason) != 0) {
        fprintf(notes, "crossover %s at %s: %s\n", language, run->size, reason.message);
        return 0;
    }
    struct crossover_record *records = postfit_grow(data->crossovers, data->crossover_count, sizeof *records, error);
    if (!records)
        return -1;
    data->crossovers = records;
    struct crossover_record *record = &records[data->crossover_count++];
    *record = (struct crossover_record){
        .parameters = run->parameters, .tokens = crossover.tokens, .low = crossover.low, .high = crossover.high};
    memcpy(record->language, language, LANGUAGE_CODE_SIZE);
    memcpy(record->size, run->size, sizeof record->size);
    snprintf(record->state, sizeof record->state, "%s", states[crossover.state]);
    return 0;
}

/* The power law through the measured crossovers of a language; NULL: of all. room: [crossover_count] */
static int fit_crossovers(const struct study *study, struct study_data *data, const char *language,
                          struct crossover_point *room, FILE *notes, struct error *error) {
    size_t count = 0;
    for (size_t i = 0; i < data->crossover_count; i++) {
        const struct crossover_record *record = &data->crossovers[i];
        if (strcmp(record->state, "measured") == 0 && (!language || postfit_same_language(record->language, language)))
            room[count++] = (struct crossover_point){(double)record->parameters, record->tokens,
                                                     language_index(study, record->language)};
    }
    struct crossover_law fit;
    struct error reason = {0};
    if (count == 0)
        return 0;
    if (crossover_fit(count, room, study->language_count + 1, &fit, &reason) != 0) {
        fprintf(notes, "crossover %s: %s\n", language ? language : "all", reason.message);
        return 0;
    }
    struct law_record law = {.law = "crossover",
                             .loss = "cross_entropy",
                             .points = (uint32_t)fit.points,
                             .objective = fit.residual,
                             .r2 = fit.r2,
                             .parameter_count = 2,
                             .parameters = {{"a", fit.a, fit.a_error}, {"b", fit.b, fit.b_error}}};
    snprintf(law.language, sizeof law.language, "%s", language ? language : "all");
    return add_law(data, &law, error);
}

static int fit_all_crossovers(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    struct crossover_point *room = calloc(data->crossover_count + 1, sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the crossovers");
    int result = 0;
    for (uint32_t l = 0; result == 0 && l < study->language_count; l++)
        result = fit_crossovers(study, data, study->languages[l], room, notes, error);
    if (result == 0)
        result = fit_crossovers(study, data, NULL, room, notes, error);
    free(room);
    return result;
}

int postfit_finetune(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    double *room = malloc((4 * data->loss_count + 1) * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the adaptation scores");
    int result = 0;
    for (size_t r = 0; result == 0 && r < data->run_count; r++) {
        if (!is_finetuned(data, r))
            continue;
        result = score_run(data, &data->runs[r], room, notes, error);
        if (result == 0)
            result = cross_run(data, &data->runs[r], room, notes, error);
    }
    free(room);
    if (result == 0)
        result = predict_missing(study, data, notes, error);
    return result == 0 ? fit_all_crossovers(study, data, notes, error) : result;
}
