/* The tables that laws of mixtures are fitted to, one a target language: from a CSV file, or from the runs of a study.
 */
#ifndef SWEEP_ORCHESTRATOR_OBSERVATIONS_H
#define SWEEP_ORCHESTRATOR_OBSERVATIONS_H

#include "laws/atlas.h"
#include "orchestrator/fit_table.h"

struct observations {
    size_t target_count;
    struct mixture_table *targets; /* [target_count], by the first row of each; they share names and unique */
    size_t unseen;                 /* rows left out, as their models saw nothing of their target */
    size_t languages;
    char **names;             /* [languages] */
    double *unique;           /* [languages] tokens, INFINITY: not known */
    double *shares;           /* [.., languages] */
    struct observation *rows; /* by target */
    uint64_t *runs;           /* of the rows, as in struct fit_law; NULL: not known */
};

/* Reads a CSV file with the columns target, kind (mono, bilingual, unimax, mixture), N, the loss, and D_<language> for
 * each language: tokens seen, empty for none; run, where there is one, says which run a row is of. unique_path: a CSV
 * file with the columns language and unique_tokens; NULL: nothing is known to repeat. */
int observations_read(const char *path, const char *loss, const char *unique_path, struct observations *observations,
                      struct error *error);

/* What the corpus of a study has of a language, by what the finished runs tell, tokens seen / epochs; INFINITY: they
 * tell nothing. */
double observations_unique_tokens(const struct study_data *data, const char *language);

/* Takes the cross entropies of a study that the filter wants and whose runs learned the language. */
int observations_of_study(const struct study_data *data, const struct fit_filter *filter,
                          struct observations *observations, struct error *error);

void observations_free(struct observations *observations);

#endif
