/* From many starts to the distinct minima of a fit. */
#include "base/random.h"
#include "laws/fit_internal.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEARCH_POINTS = 1024, /* of a larger table; the place of the basins does not need more */
    SCOUT_STRIDE = 64,    /* every 64th start is followed to its end, the others to the minima that those found */
    VALLEY_STEPS = 8,     /* Newton steps of the others where most scouts never settled */
};

/* Minima whose objectives agree to this share are one. */
static const double SAME_MINIMUM = 1e-9;

/* A search ends this near to a known minimum, in scaled variables and as a share of the value. */
static const double NEAR_MINIMUM = 1e-3;

/* Basins are reported up to this share above the best. */
static const double BASINS_WITHIN = 1e-2;

/* Where the law fits exactly, objectives are rounding: residuals of 1e-8 are as good as none. */
static double rounding(const struct fit_objective *objective) {
    return (double)objective->count * 1e-16;
}

struct search {
    const struct fit_objective *objective;
    size_t start_count;
    struct minimum *ends; /* [start_count] */
    struct minimum basins[FIT_BASINS_MAX];
    size_t starts[FIT_BASINS_MAX]; /* that ended there */
    int basin_count;
    double low[FIT_PARAMETERS_MAX], high[FIT_PARAMETERS_MAX]; /* y of all that ended in the best basin */
};

struct rank {
    double value;
    size_t start;
};

static int compare_ranks(const void *left, const void *right) {
    const struct rank *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start); /* of equals the first start */
}

/* Follows the starts first, first + stride, ... except the scouts where `others` is set. */
static int starts_follow(struct search *search, bool others, const struct experience *experience) {
    const struct fit_weighted weighted = {search->objective, NULL};
    const struct objective objective = {search->objective->free_count, fit_value, &weighted};
    int failed = 0;
#pragma omp parallel for schedule(dynamic, 8) reduction(+ : failed)
    for (size_t s = 0; s < search->start_count; s++) {
        if ((s % SCOUT_STRIDE != 0) != others)
            continue;
        struct minimum *end = &search->ends[s];
        fit_start(search->objective, s, end->x);
        failed += minimise(&objective, experience, end) != 0;
        if (!isfinite(end->value))
            end->value = INFINITY;
    }
    return failed ? -1 : 0;
}

static double norm(const struct minimum *minimum, const struct fit_objective *objective) {
    double sum = 0;
    for (int f = 0; f < objective->free_count; f++)
        sum += minimum->x[f] * minimum->x[f];
    return sum;
}

/* Gathers the ends of all starts that were followed into basins, the best first. */
static int basins_gather(struct search *search, bool all) {
    struct rank *order = malloc(search->start_count * sizeof *order);
    if (!order)
        return -1;
    size_t count = 0;
    for (size_t s = 0; s < search->start_count; s++)
        if (all || s % SCOUT_STRIDE == 0)
            order[count++] = (struct rank){search->ends[s].value, s};
    qsort(order, count, sizeof *order, compare_ranks);
    search->basin_count = 0;
    const double within = order[0].value * (1 + BASINS_WITHIN) + rounding(search->objective);
    double last = -INFINITY;
    for (size_t i = 0; i < count && order[i].value <= within; i++) {
        const struct minimum *end = &search->ends[order[i].start];
        if (i > 0 && end->value <= last * (1 + SAME_MINIMUM) + rounding(search->objective)) {
            struct minimum *basin = &search->basins[search->basin_count - 1];
            search->starts[search->basin_count - 1]++;
            /* In a flat valley the end nearest to the middle of the grid, not the one that rounding favours. */
            if (end->value <= basin->value + rounding(search->objective) &&
                norm(end, search->objective) < norm(basin, search->objective))
                *basin = *end;
            continue;
        }
        if (search->basin_count > 0 && !end->settled)
            continue; /* not a minimum, and not the best we have either */
        if (search->basin_count == FIT_BASINS_MAX)
            break;
        last = end->value;
        search->starts[search->basin_count] = 1;
        search->basins[search->basin_count++] = *end;
    }
    free(order);
    return 0;
}

/* How far apart in y the starts came to rest that share the best objective: in a flat valley they do not agree. */
static void spread_measure(struct search *search) {
    const struct minimum *best = &search->basins[0];
    const double same = best->value * (1 + SAME_MINIMUM) + rounding(search->objective);
    fit_y_of(search->objective, best->x, search->low);
    fit_y_of(search->objective, best->x, search->high);
    for (size_t s = 0; s < search->start_count; s++) {
        double y[FIT_PARAMETERS_MAX];
        if (!(search->ends[s].value <= same))
            continue;
        fit_y_of(search->objective, search->ends[s].x, y);
        for (int j = 0; j < search->objective->law->parameter_count; j++) {
            search->low[j] = fmin(search->low[j], y[j]);
            search->high[j] = fmax(search->high[j], y[j]);
        }
    }
}

/* Whether most scouts came to rest. If not, the table leaves an endless valley, and to follow it from every start costs
 * seconds and finds nothing. */
static bool mostly_settled(const struct search *search) {
    size_t scouts = 0, settled = 0;
    for (size_t s = 0; s < search->start_count; s += SCOUT_STRIDE, scouts++)
        settled += search->ends[s].settled;
    return 2 * settled >= scouts;
}

static int search_run(struct search *search, const struct fit_objective *objective, struct error *error) {
    *search = (struct search){.objective = objective, .start_count = fit_start_count(objective)};
    search->ends = calloc(search->start_count, sizeof *search->ends);
    int status = search->ends && starts_follow(search, false, NULL) == 0 && basins_gather(search, false) == 0 ? 0 : -1;
    if (status == 0) {
        struct minimum scouted[FIT_BASINS_MAX];
        memcpy(scouted, search->basins, sizeof scouted);
        const struct experience experience = {search->basin_count, scouted, NEAR_MINIMUM,
                                              mostly_settled(search) ? MINIMISE_STEPS : VALLEY_STEPS};
        status = starts_follow(search, true, &experience) == 0 && basins_gather(search, true) == 0 ? 0 : -1;
    }
    if (status == 0)
        spread_measure(search);
    free(search->ends);
    if (status != 0)
        return error_set(error, ERROR_FAILED, "%s fit: not enough memory", objective->law->name);
    return 0;
}

/* Brings the basins of a search on some points to minima over all of them. */
static int basins_polish(struct search *search, const struct fit_objective *all) {
    const struct fit_weighted weighted = {all, NULL};
    const struct objective objective = {all->free_count, fit_value, &weighted};
    struct minimum polished[FIT_BASINS_MAX];
    size_t starts[FIT_BASINS_MAX];
    int count = 0;
    for (int b = 0; b < search->basin_count; b++) {
        struct minimum minimum = search->basins[b];
        if (minimise_near(&objective, NULL, &minimum) != 0)
            return -1;
        int place = 0;
        while (place < count && polished[place].value * (1 + SAME_MINIMUM) + rounding(all) < minimum.value)
            place++;
        if (place < count && minimum.value * (1 + SAME_MINIMUM) + rounding(all) >= polished[place].value) {
            starts[place] += search->starts[b]; /* two basins of the drawn points, one of all */
            continue;
        }
        memmove(polished + place + 1, polished + place, (size_t)(count - place) * sizeof *polished);
        memmove(starts + place + 1, starts + place, (size_t)(count - place) * sizeof *starts);
        polished[place] = minimum;
        starts[place] = search->starts[b];
        count++;
    }
    search->basin_count = 0;
    for (int b = 0; b < count && polished[b].value <= polished[0].value * (1 + BASINS_WITHIN) + rounding(all); b++) {
        search->basins[b] = polished[b];
        search->starts[b] = starts[b];
        search->basin_count++;
    }
    return 0;
}

/* The basins of a large table: searched on some of its points, always the same, then polished on all. */
static int search_large(struct search *search, const struct fit_objective *all, struct error *error) {
    size_t rows[SEARCH_POINTS];
    struct fit_objective some;
    for (size_t i = 0; i < SEARCH_POINTS; i++)
        rows[i] = random_permute(i, all->count, 0);
    if (fit_objective_make(all->law, all->delta, rows, SEARCH_POINTS, &some, error) != 0)
        return -1;
    int status = search_run(search, &some, error);
    memset(search->low, 0, sizeof search->low); /* what some points leave open all may know */
    memset(search->high, 0, sizeof search->high);
    if (status == 0 && basins_polish(search, all) != 0)
        status = error_set(error, ERROR_FAILED, "%s fit: not enough memory", all->law->name);
    free(some.room);
    return status;
}

static int table_check(const struct fit_law *law, const struct fit_options *options, struct error *error) {
    int free_count = 0;
    for (int j = 0; j < law->parameter_count; j++)
        free_count += !law->parameters[j].held;
    if (!(options->delta > 0) || !isfinite(options->delta))
        return error_set(error, ERROR_INPUT, "%s fit: delta is %g; it must be positive and finite", law->name,
                         options->delta);
    if (free_count == 0)
        return error_set(error, ERROR_INPUT, "%s fit: every parameter is held; leave one to be fitted", law->name);
    for (int j = 0; j < law->parameter_count; j++) {
        const struct fit_parameter *parameter = &law->parameters[j];
        if (parameter->held && (!isfinite(parameter->value) || (parameter->logarithmic && !(parameter->value > 0))))
            return error_set(error, ERROR_INPUT, "%s fit: %s is held at %g; it must be %s", law->name, parameter->name,
                             parameter->value, parameter->logarithmic ? "positive and finite" : "finite");
    }
    bool equal = true;
    for (size_t i = 0; i < law->count; i++) {
        if (!(law->losses[i] > 0) || !isfinite(law->losses[i]))
            return error_set(error, ERROR_INPUT, "%s fit, row %zu: L is %g; it must be positive and finite", law->name,
                             i + 1, law->losses[i]);
        equal = equal && law->losses[i] == law->losses[0];
    }
    if (law->count < (size_t)free_count + FIT_POINTS_MORE)
        return error_set(error, ERROR_INPUT, "%s fit: %zu points; at least %d are needed", law->name, law->count,
                         free_count + FIT_POINTS_MORE);
    if (equal)
        return error_set(error, ERROR_INPUT, "%s fit: all losses are equal; they do not depend on anything", law->name);
    return 0;
}

void fit_predict(const struct fit_law *law, const double *parameters, double *predicted) {
    double y[FIT_PARAMETERS_MAX], room[FIT_COLUMNS_MAX][FIT_BLOCK];
    const double *columns[FIT_COLUMNS_MAX];
    struct fit_block block;
    fit_y_of_parameters(law, parameters, y);
    for (size_t first = 0; first < law->count; first += FIT_BLOCK) {
        const size_t left = law->count - first, count = left < FIT_BLOCK ? left : FIT_BLOCK;
        for (int c = 0; c < law->column_count; c++) {
            columns[c] = room[c];
            for (size_t i = 0; i < FIT_BLOCK; i++) /* whole blocks: the last point again */
                room[c][i] = law->columns[c][first + (i < count ? i : count - 1)];
        }
        law->evaluate(law, columns, y, FIT_BLOCK, false, &block);
        for (size_t i = 0; i < count; i++)
            predicted[first + i] = exp(block.log_loss[i]);
    }
}

double fit_r2(const struct fit_law *law, const double *parameters) {
    double *predicted = calloc(law->count, sizeof *predicted), mean = 0, residuals = 0, total = 0;
    if (!predicted)
        return NAN;
    fit_predict(law, parameters, predicted);
    for (size_t i = 0; i < law->count; i++)
        mean += law->losses[i] / (double)law->count;
    for (size_t i = 0; i < law->count; i++) {
        residuals += (law->losses[i] - predicted[i]) * (law->losses[i] - predicted[i]);
        total += (law->losses[i] - mean) * (law->losses[i] - mean);
    }
    free(predicted);
    return total > 0 && isfinite(total) ? 1 - residuals / total : NAN;
}

/* Fills fit from the basins. */
static int fit_fill(const struct search *search, const struct fit_objective *objective, struct fit *fit,
                    struct error *error) {
    const struct fit_law *law = objective->law;
    *fit = (struct fit){.points = objective->count, .starts = search->start_count, .basin_count = search->basin_count};
    for (int b = 0; b < search->basin_count; b++) {
        double y[FIT_PARAMETERS_MAX];
        fit_y_of(objective, search->basins[b].x, y);
        fit_parameters_of(law, y, fit->basins[b].parameters);
        fit->basins[b].objective = search->basins[b].value;
        fit->basins[b].starts = search->starts[b];
    }
    fit->objective = fit->basins[0].objective;
    memcpy(fit->parameters, fit->basins[0].parameters, sizeof fit->parameters);
    if (!isfinite(fit->objective))
        return error_set(error, ERROR_INPUT, "%s fit: no start leads to a law of these points", law->name);
    for (int j = 0; j < law->parameter_count; j++)
        if (!isfinite(fit->parameters[j]))
            return error_set(error, ERROR_INPUT, "%s fit: %s grows without bound; the losses do not follow this law",
                             law->name, law->parameters[j].name);
    fit->r2 = fit_r2(law, fit->parameters);
    if (!isfinite(fit->r2))
        return error_set(error, ERROR_INPUT, "%s fit: the losses are too large to square", law->name);
    return 0;
}

static void grid_thin(struct fit_law *law) {
    for (int j = 0; j < law->parameter_count; j++) {
        struct fit_parameter *parameter = &law->parameters[j];
        if (parameter->start_count <= 2)
            continue;
        parameter->starts[0] = parameter->starts[parameter->start_count / 3];
        parameter->starts[1] = parameter->starts[parameter->start_count * 2 / 3];
        parameter->start_count = 2;
    }
}

int fit_law(const struct fit_law *law, const struct fit_options *options, struct fit *fit, struct error *error) {
    struct fit_law searched = *law;
    struct fit_objective objective;
    struct search search;
    gsl_set_error_handler_off(); /* its default ends the process */
    if (options->thin)
        grid_thin(&searched);
    if (table_check(law, options, error) != 0 ||
        fit_objective_make(&searched, options->delta, NULL, law->count, &objective, error) != 0)
        return -1;
    int status = objective.count > SEARCH_POINTS ? search_large(&search, &objective, error)
                                                 : search_run(&search, &objective, error);
    if (status == 0)
        status = fit_fill(&search, &objective, fit, error);
    for (int j = 0; j < law->parameter_count && status == 0; j++)
        if (fit_exceeds(&law->parameters[j], fit->parameters[j], search.high[j] - search.low[j]))
            fit->undetermined |= 1U << j;
    if (status == 0 && (fit_find_undetermined(&objective, search.basins[0].x, fit) != 0 ||
                        fit_bootstrap(&objective, options, search.basins, search.basin_count, fit) != 0))
        status = error_set(error, ERROR_FAILED, "%s fit: not enough memory", law->name);
    free(objective.room);
    return status;
}
