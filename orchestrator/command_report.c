/* sweep report: a page with the figures of a study. Whatever has to be fitted for it is fitted here. */
#include "base/file.h"
#include "laws/capacity.h"
#include "laws/chinchilla.h"
#include "orchestrator/command.h"
#include "orchestrator/fit_atlas.h"
#include "orchestrator/fit_source.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/score_table.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough to see why there is no law. */
static const struct fit_options QUICK_FIT = {.delta = 1e-3, .seed = 1, .thin = true};

struct request {
    struct fit_source source;
    struct fit_filter constant_part; /* of the learning rate */
    const char *languages, *size, *folder;
    bool holdouts;
    struct score_table table;
    struct language_groups groups;
    struct report_input input;
    struct fit capacity;
    struct comparison comparison;
    struct error capacity_reason;
    FILE *notes; /* what was not fitted */
};

static bool has_law(const struct study_data *data, const char *law, const char *language) {
    for (size_t i = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, law) == 0 && postfit_same_language(data->laws[i].language, language))
            return true;
    return false;
}

/* Languages that have a monolingual run, by the first one. */
static size_t find_languages(const struct study_data *data, const char **languages) {
    size_t count = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        size_t k = 0;
        if (strcmp(data->runs[r].kind, "monolingual") != 0)
            continue;
        while (k < count && !postfit_same_language(languages[k], data->runs[r].languages[0].language))
            k++;
        if (k == count && count < LANGUAGES_MAX)
            languages[count++] = data->runs[r].languages[0].language;
    }
    return count;
}

static int take_table(const struct request *request, const char *const *columns, int column_count, const char *kind,
                      const char *language, struct fit_table *table, struct error *error) {
    struct fit_filter filter = request->constant_part;
    filter.language = language;
    filter.kind = kind;
    filter.set = "test";
    return fit_table_of_study(&request->source.data, columns, column_count, &filter, table, error);
}

/* ---- Chinchilla ---- */

/* The points go over to the report. */
static int keep_points(struct request *request, const char *language, struct fit_table *table, struct error *error) {
    struct report_input *input = &request->input;
    struct report_points *points = postfit_grow(input->points, input->points_count, sizeof *points, error);
    if (!points) {
        fit_table_free(table);
        return -1;
    }
    input->points = points;
    points[input->points_count] = (struct report_points){.count = table->count,
                                                         .N = table->columns[0],
                                                         .D = table->columns[1],
                                                         .L = table->columns[2],
                                                         .runs = table->runs};
    snprintf(points[input->points_count++].language, LANGUAGE_CODE_SIZE, "%s", language);
    return 0;
}

static void note_why_not(struct request *request, const char *language, const struct fit_table *table) {
    const struct loss_table points = {table->count, table->columns[0], table->columns[1], table->columns[2]};
    struct fit_law law;
    struct fit fit;
    struct error reason = {.message = "these runs could be fitted, but the archive holds no law of them"};
    double *room = NULL;
    if (chinchilla_law(&points, &law, &room, &reason) == 0)
        (void)fit_law(&law, &QUICK_FIT, &fit, &reason);
    free(room);
    fprintf(request->notes, "chinchilla %s: %s\n", language, reason.message);
}

/* The points of a law, or why there is none. */
static int take_language(struct request *request, const char *language, struct error *error) {
    static const char *const columns[] = {"N", "D", "cross_entropy"};
    struct fit_table table;
    struct error reason = {0};
    if (take_table(request, columns, 3, "monolingual", language, &table, &reason) != 0) {
        fprintf(request->notes, "chinchilla %s: %s\n", language, reason.message);
        return 0;
    }
    if (table.count > 0 && has_law(&request->source.data, "chinchilla", language))
        return keep_points(request, language, &table, error);
    note_why_not(request, language, &table);
    fit_table_free(&table);
    return 0;
}

/* ---- capacity ---- */

static bool learns(const struct run_record *run, const char *language) {
    uint32_t l = 0;
    while (l < run->language_count && !postfit_same_language(run->languages[l].language, language))
        l++;
    return l < run->language_count;
}

/* In how many numbers of languages K a language was trained. */
static size_t count_capacities(const struct study_data *data, const char *language) {
    bool seen[LANGUAGES_MAX + 1] = {false};
    size_t count = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        const uint32_t K = data->runs[r].language_count;
        if (data->outcomes[r].status != RUN_DONE || seen[K] || !learns(&data->runs[r], language))
            continue;
        seen[K] = true;
        count++;
    }
    return count;
}

/* The law of the language that was trained in most numbers of languages: one test set, so that nothing but K differs.
 */
static void fit_capacity(struct request *request, const char **languages, size_t count) {
    static const char *const columns[] = {"K", "N", "Dt", "cross_entropy"};
    const char *language = NULL;
    struct error *reason = &request->capacity_reason;
    struct fit_table table;
    struct fit_law law;
    double *room = NULL;
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        const size_t own = count_capacities(&request->source.data, languages[i]);
        if (own > most) {
            most = own;
            language = languages[i];
        }
    }
    if (!language) {
        error_set(reason, ERROR_INPUT, "no language was trained alone and with others");
        return;
    }
    if (take_table(request, columns, 4, NULL, language, &table, reason) != 0)
        return;
    const struct capacity_table points = {table.count, table.columns[0], table.columns[1], table.columns[2],
                                          table.columns[3]};
    if (capacity_law(&points, &law, &room, reason) == 0 && fit_law(&law, &QUICK_FIT, &request->capacity, reason) == 0) {
        request->input.capacity = request->capacity.parameters;
        request->input.capacity_language = language;
    }
    free(room);
    fit_table_free(&table);
}

/* ---- ATLAS ---- */

static bool has_mixtures(const struct mixture_table *table) {
    size_t i = 0;
    while (i < table->count && table->rows[i].kind == TRAINED_MONOLINGUAL)
        i++;
    return i < table->count;
}

/* Moves the targets to the front that were trained with others, and with hold-outs all of them; without only those that
 * have no law. */
static void choose_targets(const struct request *request, struct observations *observations) {
    size_t count = 0;
    for (size_t t = 0; t < observations->target_count; t++) {
        const struct mixture_table target = observations->targets[t];
        if (has_mixtures(&target) &&
            (request->holdouts || !has_law(&request->source.data, "atlas", observations->names[target.target])))
            observations->targets[count++] = target;
    }
    observations->target_count = count;
}

static void take_comparison(struct request *request, const struct target_fit *fits, size_t count) {
    struct comparison *comparisons = calloc(count + 1, sizeof *comparisons);
    size_t fitted = 0;
    for (size_t t = 0; comparisons && t < count; t++)
        if (fits[t].fitted)
            comparisons[fitted++] = fits[t].comparison;
    if (fitted > 0) {
        holdout_average(comparisons, fitted, &request->comparison);
        request->input.comparison = &request->comparison;
    }
    free(comparisons);
}

static int take_targets(struct request *request, struct error *error) {
    struct fit_filter filter = request->constant_part;
    struct observations observations;
    filter.set = "test";
    if (observations_of_study(&request->source.data, &filter, &observations, error) != 0)
        return -1;
    choose_targets(request, &observations);
    struct target_fit *fits = calloc(observations.target_count + 1, sizeof *fits);
    const int result = fits ? fit_atlas(&observations, ATLAS_TRANSFER, &QUICK_FIT, request->holdouts, fits, error)
                            : error_set(error, ERROR_FAILED, "no memory for the laws");
    for (size_t t = 0; t < observations.target_count && result == 0; t++)
        if (!fits[t].fitted)
            fprintf(request->notes, "atlas %s: %s\n", observations.names[observations.targets[t].target],
                    fits[t].reason.message);
    if (result == 0 && request->holdouts)
        take_comparison(request, fits, observations.target_count);
    free(fits);
    observations_free(&observations);
    return result;
}

/* ---- transfer ---- */

static bool has_score(const struct study_data *data, const char *size, const char *source, const char *target) {
    size_t i = 0;
    while (i < data->transfer_count &&
           (strcmp(data->transfer[i].size, size) != 0 || !postfit_same_language(data->transfer[i].source, source) ||
            !postfit_same_language(data->transfer[i].target, target)))
        i++;
    return i < data->transfer_count;
}

/* Finished bilingual runs without a score. */
static void note_scores(struct request *request) {
    const struct study_data *data = &request->source.data;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        if (strcmp(run->kind, "bilingual") != 0 || run->language_count != 2 || data->outcomes[r].status != RUN_DONE)
            continue;
        for (int t = 0; t < 2; t++) {
            const char *source = run->languages[1 - t].language, *target = run->languages[t].language;
            if (!has_score(data, run->size, source, target))
                fprintf(request->notes, "transfer %s -> %s at %s: %s\n", source, target, run->size,
                        study_find_run(data, "monolingual", target, run->size, run->seed)
                            ? "the reference tokens lie outside the curve of the monolingual run"
                            : "no finished monolingual run of the target");
        }
    }
}

static int take_scores(struct request *request, struct error *error) {
    const struct study_data *data = &request->source.data;
    struct report_scores *scores = &request->input.scores;
    if (data->transfer_count == 0)
        return request->size ? error_set(error, ERROR_INPUT, "%s: holds no transfer scores", request->source.path) : 0;
    scores->size = request->size ? request->size : postfit_main_size(data);
    if (!scores->size)
        scores->size = data->transfer[0].size; /* nothing but bounds */
    if (score_table_take(&request->table, data, scores->size, error) != 0)
        return -1;
    if (request->table.count == 0)
        return error_set(error, ERROR_INPUT, "%s: no transfer scores at size '%s'; there are some at '%s'",
                         request->source.path, scores->size, data->transfer[0].size);
    scores->count = request->table.count;
    scores->languages = (const char(*)[LANGUAGE_CODE_SIZE])request->table.languages;
    scores->scores = request->table.scores;
    if (!request->languages)
        return 0;
    if (language_groups_read(&request->groups, &request->table, request->languages, error) != 0)
        return -1;
    scores->families = request->groups.families;
    scores->scripts = request->groups.scripts;
    scores->family_names = (const char(*)[GROUP_NAME_SIZE])request->groups.family_names;
    return 0;
}

/* ---- the command ---- */

static int take_all(struct request *request, struct error *error) {
    struct study_data *data = &request->source.data;
    const char *languages[LANGUAGES_MAX];
    const size_t count = find_languages(data, languages);
    if (fit_source_constant_part(data, &request->constant_part, error) != 0)
        return -1;
    request->input.data = data;
    request->input.warmup_steps = request->constant_part.warmup_steps;
    request->input.decay_fraction = request->constant_part.decay_fraction;
    for (size_t i = 0; i < count; i++)
        if (take_language(request, languages[i], error) != 0)
            return -1;
    fit_capacity(request, languages, count);
    request->input.capacity_reason = request->capacity_reason.message;
    note_scores(request);
    return take_targets(request, error);
}

static int report(struct request *request, struct error *error) {
    char *notes = NULL;
    size_t size;
    if (fit_source_open(&request->source, error) != 0)
        return -1;
    if (!request->source.is_study)
        return error_set(error, ERROR_INPUT, "%s: neither an archive nor a journal of sweep", request->source.path);
    report_clean(&request->source.data);
    if (take_scores(request, error) != 0)
        return -1;
    request->notes = open_memstream(&notes, &size);
    if (!request->notes)
        return error_set(error, ERROR_FAILED, "no memory for the report");
    int result = take_all(request, error);
    if (fclose(request->notes) != 0 && result == 0)
        result = error_set(error, ERROR_FAILED, "no memory for the report");
    request->input.not_fitted = notes;
    if (result == 0)
        result = report_write(&request->input, request->folder, error);
    free(notes);
    return result;
}

static void request_free(struct request *request) {
    for (size_t i = 0; i < request->input.points_count; i++) {
        free(request->input.points[i].N);
        free(request->input.points[i].D);
        free(request->input.points[i].L);
        free(request->input.points[i].runs);
    }
    free(request->input.points);
    score_table_free(&request->table);
    fit_source_free(&request->source);
    free(request);
}

int command_report(const struct command *command, int count, char **words, struct error *error) {
    const char *path, *languages = NULL, *size = NULL, *folder = NULL;
    bool holdouts = false;
    const struct option options[] = {
        {"-o", "FOLDER", "where the page goes; nothing may be there", .text = &folder},
        {"--languages", "CSV", "families and scripts: language,family,script", .text = &languages},
        {"--size", "NAME", "model size of the transfer scores; if not given, that with most", .text = &size},
        {"--holdouts", NULL, "also R2 of points held out in five ways, for several laws", .flag = &holdouts},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (!folder)
        return error_set(error, ERROR_INPUT, "report: -o FOLDER is missing");
    if (file_exists(folder))
        return error_set(error, ERROR_INPUT, "%s: is there already; move it away, or name another with -o", folder);
    if (report_find_gnuplot(error) != 0)
        return -1;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return error_set(error, ERROR_FAILED, "no memory for the report");
    request->source.path = path;
    request->languages = languages;
    request->size = size;
    request->folder = folder;
    request->holdouts = holdouts;
    const int result = report(request, error);
    if (result == 0)
        printf("%s/index.html\n", folder);
    request_free(request);
    return result;
}
