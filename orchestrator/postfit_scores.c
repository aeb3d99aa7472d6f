#include "laws/line.h"
#include "laws/transfer.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scores ---- */

/* One direction of a bilingual run. */
struct direction {
    const struct run_record *alone; /* the monolingual run of the target; NULL: none has finished */
    const char *source, *target;
    struct loss_curve monolingual, bilingual;
};

/* room: [4 * loss_count] */
static struct direction find_direction(const struct study_data *data, const struct run_record *run, int target,
                                       double *room) {
    struct direction direction = {.source = run->languages[1 - target].language,
                                  .target = run->languages[target].language};
    direction.alone = study_find_run(data, "monolingual", direction.target, run->size, run->seed);
    if (direction.alone) {
        direction.monolingual = postfit_curve(data, direction.alone->run, direction.target, room);
        direction.bilingual = postfit_curve(data, run->run, direction.target, room + 2 * data->loss_count);
    }
    return direction;
}

/* The row of a direction at a size, which is added if it is new. NULL: no memory. */
static struct transfer_record *find_row(struct study_data *data, const struct run_record *run,
                                        const struct direction *direction, struct error *error) {
    for (size_t i = 0; i < data->transfer_count; i++) {
        struct transfer_record *record = &data->transfer[i];
        if (strcmp(record->size, run->size) == 0 && postfit_same_language(record->source, direction->source) &&
            postfit_same_language(record->target, direction->target))
            return record;
    }
    struct transfer_record *records = postfit_grow(data->transfer, data->transfer_count, sizeof *records, error);
    if (!records)
        return NULL;
    data->transfer = records;
    struct transfer_record *record = &records[data->transfer_count++];
    memcpy(record->source, direction->source, LANGUAGE_CODE_SIZE);
    memcpy(record->target, direction->target, LANGUAGE_CODE_SIZE);
    memcpy(record->size, run->size, sizeof record->size);
    snprintf(record->state, sizeof record->state, "measured");
    return record;
}

/* A row keeps means over seeds; until all are added, its deviation is the sum of squares about the mean. */
static void add_seed(struct transfer_record *record, const struct transfer_score *score) {
    const double n = ++record->seeds, distance = score->bts - record->bts;
    record->reference_loss += (score->reference_loss - record->reference_loss) / n;
    record->sigma += (score->sigma - record->sigma) / n;
    record->bts += distance / n;
    record->deviation += distance * (score->bts - record->bts);
    if (score->bound)
        snprintf(record->state, sizeof record->state, "bound");
}

static int score_direction(const struct study *study, struct study_data *data, const struct run_record *run,
                           const struct direction *direction, FILE *notes, struct error *error) {
    struct transfer_score score;
    struct error reason = {0};
    if (!direction->alone) {
        fprintf(notes, "transfer %s -> %s at %s: no finished monolingual run of %s\n", direction->source,
                direction->target, run->size, direction->target);
        return 0;
    }
    if (transfer_bts(&direction->monolingual, &direction->bilingual, study->reference_tokens, &score, &reason) != 0) {
        fprintf(notes, "transfer %s -> %s at %s: %s\n", direction->source, direction->target, run->size,
                reason.message);
        return 0;
    }
    struct transfer_record *record = find_row(data, run, direction, error);
    if (!record)
        return -1;
    record->d = study->reference_tokens;
    add_seed(record, &score);
    return 0;
}

/* ---- lines ---- */

/* Points that grow; their groups are directions of transfer. */
struct points {
    size_t count;
    struct line_point *points;
};

static int add_point(struct points *points, double x, double y, size_t direction, struct error *error) {
    struct line_point *larger = postfit_grow(points->points, points->count, sizeof *larger, error);
    if (!larger)
        return -1;
    points->points = larger;
    larger[points->count++] = (struct line_point){x, y, direction};
    return 0;
}

/* The line through points as a law of all pairs; frees the points. */
static int add_line(struct study_data *data, const char *name, struct points *points, size_t directions, FILE *notes,
                    struct error *error) {
    struct line line;
    struct error reason = {0};
    const int fitted = line_fit(points->count, points->points, directions, &line, &reason);
    free(points->points);
    if (fitted != 0) {
        fprintf(notes, "%s: %s\n", name, reason.message);
        return 0;
    }
    struct law_record *laws = postfit_grow(data->laws, data->law_count, sizeof *laws, error);
    if (!laws)
        return -1;
    data->laws = laws;
    struct law_record *law = &laws[data->law_count++];
    *law = (struct law_record){
        .language = "all",
        .loss = "cross_entropy",
        .points = (uint32_t)line.points,
        .objective = line.residual,
        .r2 = line.r2,
        .parameter_count = 2,
        .parameters = {{"intercept", line.intercept, line.intercept_error}, {"slope", line.slope, line.slope_error}}};
    snprintf(law->law, sizeof law->law, "%s", name);
    return 0;
}

static bool is_measured(const struct transfer_record *score) {
    return strcmp(score->state, "measured") == 0;
}

static bool same_direction(const struct transfer_record *a, const struct transfer_record *b) {
    return postfit_same_language(a->source, b->source) && postfit_same_language(a->target, b->target);
}

/* A direction is numbered by its first record. One that is measured at a single size says nothing here. */
static int line_against_size(struct study_data *data, FILE *notes, struct error *error) {
    struct points points = {0};
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *score = &data->transfer[i];
        size_t first = data->transfer_count, sizes = 0;
        for (size_t k = data->transfer_count; k-- > 0;)
            if (is_measured(&data->transfer[k]) && same_direction(score, &data->transfer[k])) {
                first = k;
                sizes++;
            }
        if (is_measured(score) && sizes > 1 &&
            add_point(&points, (double)postfit_parameters(data, score->size), score->bts, first, error) != 0) {
            free(points.points);
            return -1;
        }
    }
    return points.count > 0 ? add_line(data, "bts-against-N", &points, data->transfer_count, notes, error) : 0;
}

/* The scores of one direction of a bilingual run with evaluations of the monolingual run as reference. */
static int add_scores_over_tokens(const struct study *study, const struct study_data *data,
                                  const struct run_record *run, const struct direction *direction, size_t number,
                                  struct points *points, struct error *error) {
    const double constant_tokens = (1 - study->decay_fraction) * (double)run->tokens;
    for (size_t i = postfit_first_loss(data, direction->alone->run);
         i < data->loss_count && data->losses[i].run == direction->alone->run; i++) {
        const struct loss_point *point = &data->losses[i];
        struct transfer_score score;
        if (!postfit_is_test(point) || !postfit_same_language(point->language, direction->target) ||
            !postfit_in_constant_part(study, direction->alone, point->step) ||
            !transfer_bts_over_tokens(&direction->monolingual, &direction->bilingual, (double)point->tokens,
                                      constant_tokens, &score))
            continue;
        if (add_point(points, (double)point->tokens, score.bts, number, error) != 0)
            return -1;
    }
    return 0;
}

static int line_against_tokens(const struct study *study, struct study_data *data, double *room, FILE *notes,
                               struct error *error) {
    const char *size = postfit_main_size(data);
    struct points points = {0};
    int result = 0;
    for (size_t r = 0; size && result == 0 && r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        if (strcmp(run->kind, "bilingual") != 0 || strcmp(run->size, size) != 0 || data->outcomes[r].status != RUN_DONE)
            continue;
        for (int target = 0; target < 2 && result == 0; target++) {
            const struct direction direction = find_direction(data, run, target, room);
            if (direction.alone)
                result = add_scores_over_tokens(study, data, run, &direction, 2 * r + (size_t)target, &points, error);
        }
    }
    if (result == 0 && points.count > 0)
        return add_line(data, "bts-against-D", &points, 2 * data->run_count, notes, error);
    free(points.points);
    return result;
}

int postfit_scores(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    double *room = malloc((4 * data->loss_count + 1) * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the transfer scores");
    int result = 0;
    for (size_t r = 0; r < data->run_count && result == 0; r++) {
        const struct run_record *run = &data->runs[r];
        if (strcmp(run->kind, "bilingual") != 0 || data->outcomes[r].status != RUN_DONE)
            continue;
        for (int target = 0; target < 2 && result == 0; target++) {
            const struct direction direction = find_direction(data, run, target, room);
            result = score_direction(study, data, run, &direction, notes, error);
        }
    }
    for (size_t i = 0; i < data->transfer_count; i++) {
        struct transfer_record *record = &data->transfer[i];
        record->deviation = record->seeds > 1 ? sqrt(record->deviation / (record->seeds - 1)) : NAN;
    }
    free(room);
    return result;
}

int postfit_score_lines(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    double *room = malloc((4 * data->loss_count + 1) * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the lines of the transfer scores");
    int result = line_against_size(data, notes, error);
    if (result == 0)
        result = line_against_tokens(study, data, room, notes, error);
    free(room);
    return result;
}
