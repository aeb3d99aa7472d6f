/* What laws are fitted to, as commands are told it: a CSV file, an archive or a journal, and the options that choose
 * columns and rows of it. */
#ifndef SWEEP_ORCHESTRATOR_FIT_SOURCE_H
#define SWEEP_ORCHESTRATOR_FIT_SOURCE_H

#include "orchestrator/command.h"
#include "orchestrator/fit_table.h"
#include "orchestrator/observations.h"

struct fit_source {
    const char *path;
    const char *loss, *unique; /* --loss, --unique; NULL: not told */
    struct option_list where;  /* --where */
    bool is_study;             /* an archive or a journal, and not a CSV file */
    struct study_data data;    /* of a study */
};

/* Finds out what the file of the path is, and reads a study. fit_source_free in any case. */
int fit_source_open(struct fit_source *source, struct error *error);
void fit_source_free(struct fit_source *source);

/* The columns of a law, the loss last, by their names in a CSV file and in a study; of a study, the runs of a kind
 * (NULL: all) and a single language. */
struct fit_columns {
    int count;
    const char *csv[FIT_TABLE_COLUMNS_MAX], *study[FIT_TABLE_COLUMNS_MAX];
    const char *run_kind;
};
extern const struct fit_columns fit_columns_chinchilla;
int fit_source_table(const struct fit_source *source, const struct fit_columns *columns, struct fit_table *table,
                     struct error *error);

/* The language of those rows of a study; NULL: there are no rows. */
const char *fit_source_language(const struct fit_source *source);

/* Narrows a filter to the constant part of the learning rate, which the settings of a study tell. */
int fit_source_constant_part(const struct study_data *data, struct fit_filter *filter, struct error *error);

/* What the ATLAS law is fitted to, a table a target. */
int fit_source_observations(const struct fit_source *source, struct observations *observations, struct error *error);

/* Options of a fit, from --delta, --bootstrap and --seed. */
int fit_source_options(double delta, uint64_t bootstraps, uint64_t seed, struct fit_options *options,
                       struct error *error);

#endif
