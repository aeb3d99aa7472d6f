#include "laws/crossover.h"

#include "laws/line.h"

#include <math.h>
#include <stdlib.h>

/* The first evaluation of a curve behind `tokens`; infinite: there is none. */
static double evaluation_behind(const struct loss_curve *curve, double tokens) {
    size_t i = 0;
    while (i < curve->count && curve->tokens[i] <= tokens)
        i++;
    return i < curve->count ? curve->tokens[i] : INFINITY;
}

/* How far the curve from scratch lies above the other at a place inside of both. */
static double gap_at(const struct loss_curve *scratch, const struct loss_curve *finetuned, double tokens) {
    double above = NAN, below = NAN;
    curve_loss_at(scratch, tokens, &above, NULL);
    curve_loss_at(finetuned, tokens, &below, NULL);
    return above - below;
}

int crossover_find(const struct loss_curve *scratch, const struct loss_curve *finetuned, struct crossover *crossover,
                   struct error *error) {
    if (transfer_check_curve(scratch, "monolingual", error) != 0 ||
        transfer_check_curve(finetuned, "finetuned", error) != 0)
        return -1;
    const double first = fmax(scratch->tokens[0], finetuned->tokens[0]);
    const double last = fmin(scratch->tokens[scratch->count - 1], finetuned->tokens[finetuned->count - 1]);
    if (!(first < last))
        return error_set(error, ERROR_INPUT, "the curves have no tokens in common");

    double here = first, gap = gap_at(scratch, finetuned, first);
    *crossover = (struct crossover){CROSSOVER_EARLIER, NAN, 0, gap > 0 ? INFINITY : first};
    while (here < last) {
        const double next = fmin(evaluation_behind(scratch, here), evaluation_behind(finetuned, here));
        const double next_gap = gap_at(scratch, finetuned, next);
        if (gap > 0 && next_gap <= 0) {
            if (crossover->state != CROSSOVER_MEASURED) {
                crossover->state = CROSSOVER_MEASURED;
                crossover->tokens = here * pow(next / here, gap / (gap - next_gap));
                crossover->low = here;
            }
            crossover->high = next;
        } else if (next_gap > 0) {
            crossover->high = INFINITY;
        }
        here = next;
        gap = next_gap;
    }
    if (crossover->state != CROSSOVER_MEASURED && gap > 0) {
        crossover->state = CROSSOVER_LATER;
        crossover->low = last;
    }
    return 0;
}

int crossover_fit(size_t count, const struct crossover_point *points, size_t languages, struct crossover_law *law,
                  struct error *error) {
    struct line_point *logarithms = calloc(count + 1, sizeof *logarithms);
    if (!logarithms)
        return error_set(error, ERROR_FAILED, "no memory for %zu crossovers", count);
    for (size_t i = 0; i < count; i++)
        logarithms[i] =
            (struct line_point){log(points[i].N), log(6 * points[i].N * points[i].tokens), points[i].language};
    struct line line;
    const int result = line_fit(count, logarithms, languages, &line, error);
    free(logarithms);
    if (result != 0)
        return -1;
    const double a = exp(line.intercept);
    *law = (struct crossover_law){line.points,   a,      line.slope, a * line.intercept_error, line.slope_error,
                                  line.residual, line.r2};
    return 0;
}
