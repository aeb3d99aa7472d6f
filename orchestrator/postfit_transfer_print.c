#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"

#include <math.h>
#include <string.h>

/* ---- the matrix ---- */

static const struct transfer_record *find_score(const struct study_data *data, const char *source, const char *target,
                                                const char *size) {
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        if (postfit_same_language(record->source, source) && postfit_same_language(record->target, target) &&
            strcmp(record->size, size) == 0)
            return record;
    }
    return NULL;
}

static bool has_scores(const struct study_data *data, const char *size) {
    for (size_t i = 0; i < data->transfer_count; i++)
        if (strcmp(data->transfer[i].size, size) == 0)
            return true;
    return false;
}

static void print_matrix(const struct study *study, const struct study_data *data, const char *size, FILE *out) {
    fprintf(out, "\nBilingual transfer scores at %s, d = %.4g tokens\n(rows: target, columns: source)\n      ", size,
            study->reference_tokens);
    for (uint32_t s = 0; s < study->language_count; s++)
        fprintf(out, "%8s", study->languages[s]);
    fputc('\n', out);
    for (uint32_t t = 0; t < study->language_count; t++) {
        fprintf(out, "%6s", study->languages[t]);
        for (uint32_t s = 0; s < study->language_count; s++) {
            const struct transfer_record *record = find_score(data, study->languages[s], study->languages[t], size);
            char cell[32] = "-";
            if (record)
                snprintf(cell, sizeof cell, "%s%+.2f",
                         strcmp(record->state, "bound") == 0       ? "<"
                         : strcmp(record->state, "predicted") == 0 ? "~"
                                                                   : "",
                         record->bts);
            fprintf(out, "%8s", cell);
        }
        fputc('\n', out);
    }
}

/* How far scores lie apart that differ in nothing but the seed. */
static void print_noise(const struct study_data *data, const char *size, FILE *out) {
    double variance = 0;
    size_t count = 0;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        if (strcmp(record->size, size) == 0 && record->seeds > 1) {
            variance += record->deviation * record->deviation;
            count++;
        }
    }
    if (count > 0)
        fprintf(out, "Standard deviation between seeds: %.2f (root mean square of %zu scores)\n",
                sqrt(variance / (double)count), count);
}

/* ---- crossovers and laws ---- */

static void print_crossovers(const struct study_data *data, FILE *out) {
    fprintf(out, "\nPretrain or finetune: with fewer tokens than this, finetune\n%10s%16s%12s%12s   %s\n", "", "size",
            "N", "tokens", "between");
    for (size_t i = 0; i < data->crossover_count; i++) {
        const struct crossover_record *record = &data->crossovers[i];
        fprintf(out, "%10s%16.15s%12.4g", record->language, record->size, (double)record->parameters);
        if (strcmp(record->state, "later") == 0)
            fprintf(out, "%12s   more than %.4g\n", "?", record->low);
        else if (strcmp(record->state, "earlier") == 0)
            fprintf(out, "%12s   less than %.4g\n", "?", record->high);
        else if (isinf(record->high))
            fprintf(out, "%12.4g   %.4g and more\n", record->tokens, record->low);
        else
            fprintf(out, "%12.4g   %.4g and %.4g\n", record->tokens, record->low, record->high);
    }
}

static void print_law(const struct law_record *law, FILE *out) {
    const struct law_parameter *first = &law->parameters[0], *second = &law->parameters[1];
    if (strcmp(law->law, "bts-forest") == 0)
        fprintf(out, "Predicted scores, 5-fold: R2 %.3f, Spearman %.3f; %u pairs learned from\n", law->r2, first->value,
                law->points);
    else if (strcmp(law->law, "bts-against-N") == 0 || strcmp(law->law, "bts-against-D") == 0)
        fprintf(out, "BTS = %.3g (+- %.2g) %c %.3g (+- %.2g) %c; %u scores\n", first->value, first->standard_error,
                second->value < 0 ? '-' : '+', fabs(second->value), second->standard_error,
                law->law[strlen(law->law) - 1], law->points);
    else if (strcmp(law->law, "crossover") == 0)
        fprintf(out, "Crossover of %s: C = %.3g N^%.3f (+- %.3f); %u sizes and languages\n", law->language,
                first->value, second->value, second->standard_error, law->points);
}

void postfit_transfer_print_laws(const struct study_data *data, FILE *out) {
    for (size_t i = 0; i < data->law_count; i++)
        print_law(&data->laws[i], out);
}

void postfit_transfer_print(const struct study *study, const struct study_data *data, FILE *out) {
    for (uint32_t s = 0; s < study->size_count; s++)
        if (has_scores(data, study->sizes[s].name)) {
            print_matrix(study, data, study->sizes[s].name, out);
            print_noise(data, study->sizes[s].name, out);
        }
    if (data->transfer_count > 0)
        fprintf(out, "0: neutral, > 0: the source helps, < 0: it hurts\n"
                     "<x: an upper bound, the loss was not reached; ~x: predicted\n");
    if (data->crossover_count > 0)
        print_crossovers(data, out);
    postfit_transfer_print_laws(data, out);
}
