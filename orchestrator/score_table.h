/* A matrix of transfer scores and the groups of its languages, as `sweep transfer` reads them: from an archive, or from
 * CSV files (base/csv.h). */
#ifndef SWEEP_ORCHESTRATOR_SCORE_TABLE_H
#define SWEEP_ORCHESTRATOR_SCORE_TABLE_H

#include "base/record.h"
#include "hdf5_schema/study_record.h"

#include <stddef.h>

struct score_table {
    size_t count; /* languages, n */
    char languages[LANGUAGES_MAX][LANGUAGE_CODE_SIZE];
    double *scores;           /* [n, n], row: target, column: source; NaN: not measured */
    size_t bounds, predicted; /* pairs that are known as such only; they are NaN in scores */
};

/* Reads a CSV file: the first line names the sources behind any word, each other line begins with a target. A cell is a
 * number; "<" and a number for a bound; empty, "-" or "nan" for nothing. The diagonal is not read. */
int score_table_read(struct score_table *table, const char *path, struct error *error);

/* Takes the scores of one size out of the data of a study. */
int score_table_take(struct score_table *table, const struct study_data *data, const char *size, struct error *error);

void score_table_free(struct score_table *table);

enum { GROUP_NAME_SIZE = 64 /* of a family or script */ };

/* Families and scripts as numbers [n], -1 where the file says nothing. */
struct language_groups {
    char family_names[LANGUAGES_MAX][GROUP_NAME_SIZE];
    int families[LANGUAGES_MAX], scripts[LANGUAGES_MAX];
    size_t unknown[LANGUAGES_MAX], unknown_count; /* languages that the file lacks, or leaves without one of the two */
};

/* Reads a CSV file with the columns language, family and script, among others maybe. Languages that the table does not
 * have are passed over. */
int language_groups_read(struct language_groups *groups, const struct score_table *table, const char *path,
                         struct error *error);

#endif
