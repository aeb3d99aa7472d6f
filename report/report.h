/* The report: one HTML page with the figures of a study, drawn from its archive, and beside it each figure as SVG, as
 * the CSV that it was drawn from and as the gnuplot script that drew it. What stands in an archive is taken for text
 * that somebody else wrote: it is made one line of UTF-8 first, and escaped wherever it goes. */
#ifndef SWEEP_REPORT_REPORT_H
#define SWEEP_REPORT_REPORT_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"
#include "laws/holdout.h"

#include <stdbool.h>

/* The points that the Chinchilla law of a language was fitted to; N parameters, D tokens, L nats per token. */
struct report_points {
    char language[LANGUAGE_CODE_SIZE];
    size_t count;
    double *N, *D, *L;
    uint64_t *runs;
};

/* The transfer scores of one size; families and scripts are NULL when nobody told them, a negative number means that
 * this one is not known. */
struct report_scores {
    const char *size; /* NULL: there are none */
    size_t count;
    const char (*languages)[LANGUAGE_CODE_SIZE];
    const double *scores; /* [count, count], row: target; NaN: not measured */
    const int *families, *scripts;
    const char (*family_names)[64]; /* [count], of the language's family */
};

/* What the report shows beside the archive itself: whatever has to be fitted or chosen first. */
struct report_input {
    const struct study_data *data; /* after report_clean */
    struct report_scores scores;
    uint64_t warmup_steps; /* the constant part of the learning rate, as for fits */
    double decay_fraction;
    size_t points_count;
    struct report_points *points;
    const double *capacity; /* parameters of the capacity law (laws/capacity.h); NULL: none */
    const char *capacity_reason;
    const char *capacity_language;       /* whose losses it was fitted to */
    const struct comparison *comparison; /* mean R2 of laws and hold-outs; NULL: not asked for, or none */
    const char *not_fitted;              /* a line each */
};

/* Makes every text of an archive one line of UTF-8. */
void report_clean(struct study_data *data);

/* Whether gnuplot can be started; the error says how to get it. */
int report_find_gnuplot(struct error *error);

/* Makes the folder, which must not be there, with index.html and figures/. Names what was left out on the page. */
int report_write(const struct report_input *input, const char *folder, struct error *error);

#endif
