#include "hdf5_schema/table_rows.h"
#include "hdf5_schema/archive_file.h"

#include <stdlib.h>

/* Three tables hold what study_data holds in another form. NULL: no memory. */

static struct run_slice *make_slices(const struct study_data *data) {
    struct run_slice *slices = calloc(data->run_count + 1, sizeof *slices);
    if (slices)
        archive_slices(data, slices);
    return slices;
}

static struct language_tokens *make_mixtures(const struct study_data *data, size_t *count) {
    *count = 0;
    for (size_t r = 0; r < data->run_count; r++)
        *count += data->runs[r].language_count;
    struct language_tokens *rows = calloc(*count + 1, sizeof *rows), *row = rows;
    for (size_t r = 0; rows && r < data->run_count; r++)
        for (uint32_t l = 0; l < data->runs[r].language_count; l++, row++) {
            *row = data->runs[r].languages[l];
            row->run = data->runs[r].run;
        }
    return rows;
}

static struct law_parameter_row *make_law_parameters(const struct study_data *data, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < data->law_count; i++)
        *count += data->laws[i].parameter_count;
    struct law_parameter_row *rows = calloc(*count + 1, sizeof *rows), *row = rows;
    for (size_t i = 0; rows && i < data->law_count; i++)
        for (uint32_t p = 0; p < data->laws[i].parameter_count; p++)
            *row++ = (struct law_parameter_row){(uint32_t)i, data->laws[i].parameters[p]};
    return rows;
}

int table_rows_make(const struct study_data *data, struct table_rows rows[TABLE_COUNT]) {
    size_t mixture_count, parameter_count;
    struct run_slice *slices = make_slices(data);
    struct language_tokens *mixtures = make_mixtures(data, &mixture_count);
    struct law_parameter_row *parameters = make_law_parameters(data, &parameter_count);
    rows[TABLE_RUNS] = (struct table_rows){data->runs, data->run_count};
    rows[TABLE_OUTCOMES] = (struct table_rows){data->outcomes, data->run_count};
    rows[TABLE_SLICES] = (struct table_rows){slices, data->run_count};
    rows[TABLE_EXECUTION] = (struct table_rows){data->outcomes, data->run_count};
    rows[TABLE_MIXTURES] = (struct table_rows){mixtures, mixture_count};
    rows[TABLE_TOKENS] = (struct table_rows){data->seen, data->seen_count};
    rows[TABLE_CURVES] = (struct table_rows){data->curves, data->curve_count};
    rows[TABLE_LOSSES] = (struct table_rows){data->losses, data->loss_count};
    rows[TABLE_TRANSFER] = (struct table_rows){data->transfer, data->transfer_count};
    rows[TABLE_ADAPTATION] = (struct table_rows){data->adaptation, data->adaptation_count};
    rows[TABLE_CROSSOVERS] = (struct table_rows){data->crossovers, data->crossover_count};
    rows[TABLE_LAWS] = (struct table_rows){data->laws, data->law_count};
    rows[TABLE_LAW_PARAMETERS] = (struct table_rows){parameters, parameter_count};
    if (slices && mixtures && parameters)
        return 0;
    table_rows_free(rows);
    return -1;
}

void table_rows_free(struct table_rows rows[TABLE_COUNT]) {
    free((void *)rows[TABLE_SLICES].rows);
    free((void *)rows[TABLE_MIXTURES].rows);
    free((void *)rows[TABLE_LAW_PARAMETERS].rows);
}
