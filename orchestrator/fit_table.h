/* The table that a law is fitted to: columns of numbers by name, from a CSV file or from the evaluations of a study. */
#ifndef SWEEP_ORCHESTRATOR_FIT_TABLE_H
#define SWEEP_ORCHESTRATOR_FIT_TABLE_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

#include <stdbool.h>
#include <stddef.h>

enum { FIT_TABLE_COLUMNS_MAX = 5 };

struct fit_table {
    size_t count, capacity;
    int column_count;
    double *columns[FIT_TABLE_COLUMNS_MAX]; /* [count] each, in the order that was asked for; all positive and finite */
    uint64_t *runs;                         /* [count], as in struct fit_law; NULL: the file does not tell */
};

void fit_table_free(struct fit_table *table);

/* How many rows say the same as another one; (size_t)-1: no memory. */
size_t fit_table_duplicates(const struct fit_table *table);

/* Reads the named columns of a CSV file from the rows in which every condition "COLUMN=VALUE" holds. A column "run",
 * where there is one, says which run a row is of. */
int fit_table_read(const char *path, const char *const *names, int name_count, const char *const *conditions,
                   int condition_count, struct fit_table *table, struct error *error);

/* Whether a run began with random weights and shares the vocabulary of all languages: others are fitted only where
 * their kind is asked for. */
bool fit_run_is_plain(const struct run_record *run);

/* Which evaluations of a study become rows. NULL: any, of kinds the plain ones. Of cooldowns the last is one. Only
 * finished runs count, and of those only the constant part of the learning rate: before the warm-up ended the loss
 * follows the optimizer, in the decay it falls for another reason than data. */
struct fit_filter {
    const char *language, *kind, *size, *set;
    uint64_t warmup_steps;
    double decay_fraction; /* of the steps */
};

bool fit_row_wanted(const struct study_data *data, const struct loss_point *point, const struct fit_filter *filter);

/* Columns of a study: N parameters, D tokens of all languages, Dt tokens of the language tested, U unique tokens of it
 * that the run saw in all, K languages, p its share of the mixture, and the losses cross_entropy, unigram_normalised,
 * bits_per_byte. */
int fit_table_of_study(const struct study_data *data, const char *const *names, int name_count,
                       const struct fit_filter *filter, struct fit_table *table, struct error *error);

#endif
