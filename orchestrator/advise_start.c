#include "orchestrator/advise_start.h"

#include "orchestrator/postfit_curves.h"

#include <math.h>
#include <string.h>

const char *const start_names[] = {"unknown", "pretrain", "finetune"};

/* A crossover says little of models that are larger or smaller by more than this. */
static const double NEAR_SIZE = 2;

static const struct law_record *find_law(const struct study_data *data, const char *language) {
    for (size_t i = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, "crossover") == 0 && postfit_same_language(data->laws[i].language, language))
            return &data->laws[i];
    return NULL;
}

/* How many times N is above the largest, or below the smallest model whose crossover was measured. */
static double beyond_crossovers(const struct study_data *data, const char *language, double N) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < data->crossover_count; i++) {
        const struct crossover_record *record = &data->crossovers[i];
        if (strcmp(record->state, "measured") == 0 &&
            (strcmp(language, "all") == 0 || postfit_same_language(record->language, language))) {
            least = fmin(least, (double)record->parameters);
            most = fmax(most, (double)record->parameters);
        }
    }
    return fmax(N / most, least / N);
}

static struct start by_law(const struct study_data *data, const struct law_record *law, double N, double flops) {
    struct start start = {.flops = law->parameters[0].value * pow(N, law->parameters[1].value)};
    const double beyond = beyond_crossovers(data, law->language, N);
    start.choice = flops < start.flops ? START_FINETUNE : START_PRETRAIN;
    const int used = snprintf(start.basis, sizeof start.basis, "%u crossovers of %s%s", law->points, law->language,
                              strcmp(law->language, "all") == 0 ? " languages" : "");
    if (beyond > 1.01)
        snprintf(start.basis + used, sizeof start.basis - (size_t)used, "; extrapolates N x %.3g", beyond);
    return start;
}

static struct start by_crossover(const struct crossover_record *record, double N, double flops) {
    const double D = flops / 6 / N;
    struct start start = {.flops = 6 * N * record->tokens};
    if (strcmp(record->state, "later") == 0)
        start.choice = D <= record->low ? START_FINETUNE : START_UNKNOWN;
    else if (strcmp(record->state, "earlier") == 0)
        start.choice = D >= record->high ? START_PRETRAIN : START_UNKNOWN;
    else
        start.choice = D < record->tokens ? START_FINETUNE : START_PRETRAIN;
    if (strcmp(record->state, "measured") == 0)
        snprintf(start.basis, sizeof start.basis, "one crossover, at N %.3g and D %.3g", (double)record->parameters,
                 record->tokens);
    else
        snprintf(start.basis, sizeof start.basis, "at N %.3g the curves cross %s D %.3g", (double)record->parameters,
                 strcmp(record->state, "later") == 0 ? "beyond" : "before",
                 strcmp(record->state, "later") == 0 ? record->low : record->high);
    return start;
}

static struct start unknown(const char *why) {
    struct start start = {.flops = NAN};
    snprintf(start.basis, sizeof start.basis, "%s", why);
    return start;
}

struct start advise_start(const struct fit_source *source, const char *language, double N, double flops) {
    const struct study_data *data = &source->data;
    const struct law_record *law = find_law(data, language);
    const struct crossover_record *nearest = NULL;
    if (!source->is_study)
        return unknown("a table has no finetuned runs");
    if (isnan(N))
        return unknown("the best N is not known");
    law = law ? law : find_law(data, "all");
    if (law)
        return by_law(data, law, N, flops);
    for (size_t i = 0; i < data->crossover_count; i++) {
        const struct crossover_record *record = &data->crossovers[i];
        if (postfit_same_language(record->language, language) &&
            (!nearest || fabs(log((double)record->parameters / N)) < fabs(log((double)nearest->parameters / N))))
            nearest = record;
    }
    if (nearest && fabs(log((double)nearest->parameters / N)) <= log(NEAR_SIZE))
        return by_crossover(nearest, N, flops);
    bool finetuned = data->crossover_count > 0;
    for (size_t r = 0; r < data->run_count; r++)
        finetuned = finetuned || (strcmp(data->runs[r].kind, "finetune") == 0 && data->outcomes[r].status == RUN_DONE);
    if (finetuned)
        return unknown("no crossover is known near this size");
    return unknown("the archive has no finetuned runs");
}
