/* Fits of laws to tables of losses. A law says how it predicts a loss, with two derivatives, and where to begin; the
 * engine does the rest, the same way for each of them:
 *   - the smallest sum over the points of Huber_delta(ln law - ln loss) (Hoffmann et al. 2022, arXiv 2203.15556,
 * section 3.3), from every start of a grid, each followed until the gradient is zero to rounding;
 *   - the distinct minima (basins) within 1 % of the best, with the number of starts that end in each;
 *   - the parameters that the table does not determine;
 *   - standard errors and 95 % intervals by bootstrap over the runs that the points are of, or over the points.
 * Results are the same bits for every number of threads. docs/laws.md says how to read them.
 *
 * Inside, a parameter is y = ln(parameter) where it must be positive, else y = the parameter itself, and y is scaled:
 *   y[j] = offset[j] + sum over k > j of link[j][k] * y[k] + scale[j] * x[j]
 * so that a step of 1 in x changes the losses by about as much, whichever j. Links centre: ln A = mean of ln L + mean
 * of ln N * alpha + x makes x the logarithm of the term's share of the loss at the centre of the table. A law is
 * written in y and knows nothing of x. */
#ifndef SWEEP_LAWS_FIT_H
#define SWEEP_LAWS_FIT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FIT_PARAMETERS_MAX = 16,
    FIT_PAIRS_MAX = FIT_PARAMETERS_MAX * (FIT_PARAMETERS_MAX + 1) / 2,
    FIT_COLUMNS_MAX = 16,
    FIT_STARTS_MAX = 8, /* of one parameter */
    FIT_BLOCK = 64,     /* points at a time */
    FIT_BASINS_MAX = 8,
};

/* What a law says of up to FIT_BLOCK points at once: L, its loss, and the derivatives by y. */
struct fit_block {
    double log_loss[FIT_BLOCK];                  /* ln L; infinite or NaN: y is out of reach */
    double slope[FIT_PARAMETERS_MAX][FIT_BLOCK]; /* (dL/dy[j]) / L */
    double curvature[FIT_PAIRS_MAX][FIT_BLOCK];  /* (d2L/dy[j]dy[k]) / L at fit_pair(j, k), k <= j */
};

static inline int fit_pair(int j, int k) {
    return j * (j + 1) / 2 + k;
}

struct fit_parameter {
    char name[24];
    bool logarithmic; /* must be positive: y is its logarithm */
    bool held;        /* stays at value and is not fitted */
    double value;
    double offset, scale, link[FIT_PARAMETERS_MAX];
    int start_count; /* the grid of starts: all combinations of scale * x */
    double starts[FIT_STARTS_MAX];
    /* The standard error of y beyond which the parameter counts as not determined; 0: its own size. */
    double limit;
};

/* A law laid over a table. Whoever makes it owns what it points to. */
struct fit_law {
    const char *name; /* begins messages: "Chinchilla" */
    int parameter_count;
    struct fit_parameter parameters[FIT_PARAMETERS_MAX];
    size_t count;
    const double *losses; /* [count], positive */
    /* [count], which run a point is of, any numbers; NULL: not known. Points of one run are not independent. */
    const uint64_t *runs;
    int column_count;
    const double *columns[FIT_COLUMNS_MAX]; /* [count] each: what the law needs of a point, such as ln N */
    const void *constants;                  /* what else it needs */
    /* Fills all of block for `count` points (a multiple of 8) that stand at columns[c][0 .. count - 1], derivatives
     * only when asked for. Pure; called by many threads. Held parameters have derivatives like others. */
    void (*evaluate)(const struct fit_law *law, const double *const *columns, const double *y, size_t count,
                     bool derivatives, struct fit_block *block);
};

struct fit_options {
    double delta;   /* of the Huber loss; 1e-3 in the literature */
    int bootstraps; /* 0: none, standard errors and intervals are NaN */
    uint64_t seed;  /* of the bootstrap */
    /* Two starts of each parameter: enough for tables with one optimum, and where dozens of fits are made. */
    bool thin;
    /* NULL, or room [bootstraps] for the parameters of each resampled fit, so that what follows from several of them
     * gets an interval too; filled where there is a bootstrap. */
    double (*resamples)[FIT_PARAMETERS_MAX];
};

struct fit_basin {
    double objective, parameters[FIT_PARAMETERS_MAX];
    size_t starts; /* that ended in it */
};

struct fit {
    size_t points, starts;
    int resamples;     /* of the bootstrap; 0: none */
    size_t runs_drawn; /* whole, for each resample; 0: points were drawn, as the runs are not known or too few */
    double objective;  /* sum of Huber losses */
    double r2;         /* of the losses */
    double parameters[FIT_PARAMETERS_MAX];      /* in the order of the law, as all that follow */
    double standard_errors[FIT_PARAMETERS_MAX]; /* 0: held; NaN: no bootstrap, or not finite */
    double low[FIT_PARAMETERS_MAX], high[FIT_PARAMETERS_MAX];
    unsigned undetermined;                   /* bit j: the table does not determine parameter j */
    int basin_count;                         /* at least 1 */
    struct fit_basin basins[FIT_BASINS_MAX]; /* by objective, the first is the best; within 1 % of it */
};

/* Fits. A table of more than 1024 points is searched on 1024 of them, drawn at random but always the same; the basins
 * found are then polished on all. Fails, saying why, when there are fewer points than free parameters + 3, a loss is
 * not positive and finite, all losses are equal, or the best law is none: a parameter beyond all numbers. Turns GSL's
 * error handler off. */
int fit_law(const struct fit_law *law, const struct fit_options *options, struct fit *fit, struct error *error);

/* The 95 % interval of what resampled fits [count >= 2] say of a number; sorts them. */
struct fit_interval {
    double low, high;
};
struct fit_interval fit_interval_of(double *values, int count);

/* R2 of the losses of a law's table, 1 - residual sum of squares / total sum of squares, under these parameters; NaN
 * when the losses are all equal or too large to square. */
double fit_r2(const struct fit_law *law, const double *parameters);

/* Fills predicted [count of the table]. */
void fit_predict(const struct fit_law *law, const double *parameters, double *predicted);

#endif
