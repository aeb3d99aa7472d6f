/* sweep advise: what to train with a budget, by the laws of a table, an archive or a journal. */
#include "model/scales.h"
#include "orchestrator/advise_print.h"
#include "orchestrator/command.h"
#include "orchestrator/status.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this the points say nothing, as for a parameter that must be positive (laws/fit.h): known worse than to a
 * factor of e by a quarter of the 95 % interval. */
static const double LOG_WIDTH_MOST = 4;

/* A share whose 95 % interval is wider is as good as unknown. */
static const double SHARE_OPEN = 0.5;

/* Within so much a plan counts as within the range of the points. */
static const double NEARLY = 1.01;

struct advise_request {
    struct fit_source source;
    const char *law, *targets;
    double flops, core_hours, speed; /* NaN: not told */
    double delta;
    uint64_t bootstraps, seed;
    bool json;
};

/* ---- the budget ---- */

/* Fills flops, core_hours and gflops. */
static int find_budget(const struct advise_request *request, struct advised *advised, struct error *error) {
    const bool hours = !isnan(request->core_hours);
    if (hours == !isnan(request->flops))
        return error_set(error, ERROR_INPUT, "advise: needs a budget; either --flops F or --core-hours H");
    if (!hours && !isnan(request->speed))
        return error_set(error, ERROR_INPUT,
                         "advise: --speed turns --core-hours into FLOP; without them it has no use");
    advised->core_hours = request->core_hours;
    advised->gflops = !hours || !isnan(request->speed) ? request->speed : status_speed(&request->source.data, NAN);
    if (hours && isnan(advised->gflops))
        return error_set(error, ERROR_INPUT,
                         "advise: --core-hours needs --speed GFLOPS of a core, as `sweep bench trainer` measures; "
                         "%s has no finished runs to tell it",
                         request->source.path);
    advised->flops = hours ? advised->core_hours * 3600 * advised->gflops * 1e9 : request->flops;
    if (!(advised->flops >= 6) || !isfinite(advised->flops) || (hours && !(advised->gflops > 0)))
        return error_set(error, ERROR_INPUT, "advise: the budget is %g FLOP; it must be positive and finite",
                         advised->flops);
    return 0;
}

/* ---- the plan ---- */

static int make_room(struct advised *advised, struct error *error) {
    const size_t targets = advised->laws->target_count, languages = advised->laws->languages;
    const size_t columns = ADVICE_TARGET + targets + languages;
    advised->plan = (struct advice_plan){NAN, NAN, NAN, malloc(languages * sizeof(double))};
    advised->losses = malloc((1 + ADVISED_SCALES) * targets * sizeof *advised->losses);
    advised->intervals = malloc(columns * sizeof *advised->intervals);
    advised->starts = calloc(targets, sizeof *advised->starts);
    if (!advised->plan.shares || !advised->losses || !advised->intervals || !advised->starts)
        return error_set(error, ERROR_FAILED, "advise: not enough memory");
    for (int s = 0; s < ADVISED_SCALES; s++)
        advised->scales[s].losses = advised->losses + (size_t)(1 + s) * targets;
    return 0;
}

static void forget(struct advised *advised) {
    const size_t targets = advised->laws->target_count, languages = advised->laws->languages;
    advised->plan.N = advised->plan.D = advised->plan.loss = NAN;
    for (size_t l = 0; l < languages; l++)
        advised->plan.shares[l] = NAN;
    for (size_t t = 0; t < targets; t++)
        advised->losses[t] = NAN;
    for (size_t c = 0; c < ADVICE_TARGET + targets + languages; c++)
        advised->intervals[c] = (struct advice_interval){NAN, NAN};
}

/* The scales that are next to N below and above it. */
static int find_scales(const struct advise_request *request, struct advised *advised, struct error *error) {
    const struct study_data *data = &request->source.data;
    const struct advice_question question = advise_question(advised->laws, advised->flops);
    const uint32_t vocabulary = data->run_count > 0 ? data->runs[0].vocabulary : SCALE_VOCABULARY;
    int scales[ADVISED_SCALES] = {-1, -1};
    double sizes[ADVISED_SCALES] = {0, INFINITY};
    for (int scale = 0; scale < SCALE_COUNT; scale++) {
        const struct model_shape shape = model_scale(scale, vocabulary);
        const double N = (double)model_parameters(&shape);
        const int side = N > advised->plan.N;
        if (side ? N < sizes[side] : N > sizes[side]) {
            sizes[side] = N;
            scales[side] = scale;
        }
    }
    struct advice_plan plan = {.shares = malloc(question.languages * sizeof(double))};
    int status = plan.shares ? 0 : error_set(error, ERROR_FAILED, "advise: not enough memory");
    for (int side = 0; side < ADVISED_SCALES && status == 0; side++) {
        if (scales[side] < 0 || sizes[side] > advised->flops / 6)
            continue;
        struct advised_scale *scale = &advised->scales[advised->scale_count++];
        scale->scale = scales[side];
        status = advice_optimise(&question, advised->laws->parameters, sizes[side], &plan, error);
        for (size_t t = 0; t < question.target_count && status == 0; t++)
            scale->losses[t] = advice_loss(&question, advised->laws->parameters, t, &plan);
        scale->plan = (struct advice_plan){plan.N, plan.D, plan.loss, NULL};
    }
    free(plan.shares);
    return status;
}

static void note_range(const char *name, const struct range *range, double value, FILE *notes) {
    const double beyond = advised_beyond(range, value);
    if (beyond > NEARLY)
        fprintf(notes, "extrapolates %s x %.3g %s of the points (%.3g)\n", name, beyond,
                value > range->most ? "beyond the largest" : "below the smallest",
                value > range->most ? range->most : range->least);
}

/* Only a law that knows of repeated text asks how much there is. */
static void note_unknown_text(const struct advised *advised, FILE *notes) {
    bool any = false;
    for (size_t l = 0; l < advised->laws->languages; l++)
        if (advised->plan.shares[l] > 0 && isinf(advised->laws->unique[l])) {
            fprintf(notes, "%s %s", any ? "," : "nobody says how much text there is, so that it never repeats, of",
                    advised->laws->names[l]);
            any = true;
        }
    if (any)
        fputc('\n', notes);
}

/* What the plan rests on that the points do not show. */
static void note_plan(const struct advised *advised, FILE *notes) {
    const struct advise_laws *laws = advised->laws;
    const bool atlas = strcmp(laws->law, "atlas") == 0;
    note_range("N", &laws->N, advised->plan.N, notes);
    note_range("D", &laws->D, advised->plan.D, notes);
    for (size_t t = 0; t < laws->target_count; t++)
        if (advised->plan.shares[laws->targets[t].language] == 0)
            fprintf(notes, "no tokens of %s itself: its law is of models that saw some\n",
                    laws->names[laws->targets[t].language]);
    for (size_t l = 0; l < laws->languages; l++) {
        const double epochs = advised_epochs(advised, l);
        const struct advice_interval *share = &advised->intervals[ADVICE_TARGET + laws->target_count + l];
        if (share->high - share->low > SHARE_OPEN)
            fprintf(notes, "the points leave the share of %s open: %.3g .. %.3g\n", laws->names[l], share->low,
                    share->high);
        if (epochs > NEARLY && !atlas)
            fprintf(notes, "reads %s %.3g times: a Chinchilla law takes repeated text for new\n", laws->names[l],
                    epochs);
        else if (epochs > NEARLY * laws->epochs && laws->epochs > 1)
            fprintf(notes, "reads %s %.3g times: the runs read no text more than %.3g times\n", laws->names[l], epochs,
                    laws->epochs);
        else if (epochs > NEARLY && laws->epochs <= 1)
            fprintf(notes, "reads %s %.3g times: no run repeats text, so that it counts as worth nothing\n",
                    laws->names[l], epochs);
    }
    if (atlas)
        note_unknown_text(advised, notes);
}

/* Fills plan, losses, intervals and scales; what the laws do not fix stays NaN, and a note says why. */
static int find_plan(const struct advise_request *request, struct advised *advised, FILE *notes, struct error *error) {
    const struct advise_laws *laws = advised->laws;
    const struct advice_question question = advise_question(laws, advised->flops);
    forget(advised);
    if (!laws->determined) {
        fputs("no plan: it would rest on parameters that the points do not determine\n", notes);
        return 0;
    }
    if (advice_optimise(&question, laws->parameters, 0, &advised->plan, error) != 0)
        return -1;
    if (request->bootstraps > 0 &&
        advice_intervals(&question, laws->samples, request->bootstraps, &advised->plan, advised->intervals, error) != 0)
        return -1;
    const struct advice_interval N = advised->intervals[ADVICE_N];
    if (request->bootstraps > 0 && !(log(N.high / N.low) <= LOG_WIDTH_MOST)) {
        fputs("no plan: the points leave the best N open", notes);
        if (isfinite(N.low) && isfinite(N.high))
            fprintf(notes, ", from %.3g to %.3g", N.low, N.high);
        fputc('\n', notes);
        forget(advised);
        return 0;
    }
    for (size_t t = 0; t < question.target_count; t++)
        advised->losses[t] = advice_loss(&question, laws->parameters, t, &advised->plan);
    note_plan(advised, notes);
    return find_scales(request, advised, error);
}

static int advise(const struct advise_request *request, struct advise_laws *laws, struct advised *advised, FILE *notes,
                  struct error *error) {
    struct fit_options options;
    if (find_budget(request, advised, error) != 0 ||
        fit_source_options(request->delta, request->bootstraps, request->seed, &options, error) != 0 ||
        advise_laws_fit(&request->source, request->law, request->targets, &options, laws, notes, error) != 0 ||
        make_room(advised, error) != 0 || find_plan(request, advised, notes, error) != 0)
        return -1;
    for (size_t t = 0; t < laws->target_count; t++)
        advised->starts[t] =
            advise_start(&request->source, laws->names[laws->targets[t].language], advised->plan.N, advised->flops);
    return 0;
}

static int advise_request(struct advise_request *request, struct error *error) {
    struct advise_laws laws = {0};
    struct advised advised = {.laws = &laws};
    size_t size;
    const double begin = omp_get_wtime();
    FILE *notes = open_memstream(&advised.notes, &size);
    int status =
        notes ? fit_source_open(&request->source, error) : error_set(error, ERROR_FAILED, "advise: not enough memory");
    if (status == 0)
        status = advise(request, &laws, &advised, notes, error);
    if (notes && fclose(notes) != 0 && status == 0)
        status = error_set(error, ERROR_FAILED, "advise: not enough memory");
    advised.seconds = omp_get_wtime() - begin;
    if (status == 0 && request->json)
        status = command_print_json(advise_json(&advised), error);
    else if (status == 0)
        advise_print(&advised, stdout);
    free(advised.plan.shares);
    free(advised.losses);
    free(advised.intervals);
    free(advised.starts);
    free(advised.notes);
    advise_laws_free(&laws);
    fit_source_free(&request->source);
    return status;
}

int command_advise(const struct command *command, int count, char **words, struct error *error) {
    struct advise_request request = {
        .flops = NAN, .core_hours = NAN, .speed = NAN, .delta = 1e-3, .bootstraps = 1000, .seed = 1};
    const struct option options[] = {
        {"--flops", "F", "the budget, C = 6 N D", .number = &request.flops},
        {"--core-hours", "H", "the budget as hours of one core", .number = &request.core_hours},
        {"--speed", "GFLOPS", "of a core; if not given, that of the runs of a study", .number = &request.speed},
        {"--targets", "en=1,sw=2", "weights of the losses; if not given, all targets evenly", .text = &request.targets},
        {"--unique", "FILE", "of a CSV file: another one with language,unique_tokens", .text = &request.source.unique},
        {"--law", "LAW", "chinchilla or atlas; if not given, atlas where runs mix languages", .text = &request.law},
        {"--loss", "COLUMN", "the column that holds the loss (CSV: L; study: cross_entropy)",
         .text = &request.source.loss},
        {"--where", "COLUMN=VALUE", "only rows in which this holds; may be told several times",
         .list = &request.source.where},
        {"--delta", "DELTA", "where the Huber loss of log residuals turns linear (0.001)", .number = &request.delta},
        {"--bootstrap", "COUNT", "resampled fits for the intervals (1000); 0: none", .count = &request.bootstraps},
        {"--seed", "SEED", "of the bootstrap (1)", .count = &request.seed},
        {"--json", NULL, "one JSON object", .flag = &request.json},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &request.source.path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    return advise_request(&request, error);
}
