#include "orchestrator/postfit_curves.h"

#include <stdlib.h>
#include <string.h>

bool postfit_same_language(const char *a, const char *b) {
    return strncmp(a, b, LANGUAGE_CODE_SIZE) == 0;
}

bool postfit_is_test(const struct loss_point *point) {
    return strncmp(point->set, "test", sizeof point->set) == 0;
}

size_t postfit_first_loss(const struct study_data *data, uint32_t run) {
    size_t low = 0, high = data->loss_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (data->losses[middle].run < run)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct loss_curve postfit_curve(const struct study_data *data, uint32_t run, const char *language, double *room) {
    double *tokens = room, *losses = room + data->loss_count;
    size_t count = 0;
    for (size_t i = postfit_first_loss(data, run); i < data->loss_count && data->losses[i].run == run; i++) {
        const struct loss_point *point = &data->losses[i];
        if (postfit_is_test(point) && postfit_same_language(point->language, language) && point->tokens > 0) {
            tokens[count] = (double)point->tokens;
            losses[count++] = point->cross_entropy;
        }
    }
    return (struct loss_curve){count, tokens, losses};
}

bool postfit_in_constant_part(const struct study *study, const struct run_record *run, uint32_t step) {
    return step > study->warmup_steps && (double)step <= (1 - study->decay_fraction) * (double)run->steps;
}

void *postfit_grow(void *rows, size_t count, size_t row_size, struct error *error) {
    char *larger = realloc(rows, (count + 1) * row_size);
    if (!larger) {
        error_set(error, ERROR_FAILED, "no memory for the results");
        return NULL;
    }
    memset(larger + count * row_size, 0, row_size);
    return larger;
}

uint64_t postfit_parameters(const struct study_data *data, const char *size) {
    for (size_t r = 0; r < data->run_count; r++)
        if (strcmp(data->runs[r].size, size) == 0)
            return data->runs[r].parameters;
    return 0;
}

const char *postfit_main_size(const struct study_data *data) {
    const char *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const char *size = data->transfer[i].size;
        size_t measured = 0;
        for (size_t k = 0; k < data->transfer_count; k++)
            measured += strcmp(data->transfer[k].size, size) == 0 && strcmp(data->transfer[k].state, "measured") == 0;
        if (measured > most ||
            (best && measured == most && postfit_parameters(data, size) > postfit_parameters(data, best))) {
            best = size;
            most = measured;
        }
    }
    return best;
}
