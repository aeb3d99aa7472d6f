/* What the parts of the fitting engine share; tests hold the objective against finite differences. */
#ifndef SWEEP_LAWS_FIT_INTERNAL_H
#define SWEEP_LAWS_FIT_INTERNAL_H

#include "laws/fit.h"
#include "laws/minimise.h"

enum { FIT_POINTS_MORE = 3 }; /* than free parameters: points of a fit, and runs to draw from */
enum { FIT_LANES = 8 };       /* sums over points have this many strands, whatever the processor, so that bits agree */

/* The objective in the scaled variables x [free_count] of the parameters that are not held. */
struct fit_objective {
    const struct fit_law *law;
    double delta;
    int free_count;
    int free[FIT_PARAMETERS_MAX];                            /* the parameter that x[f] belongs to */
    double origin[FIT_PARAMETERS_MAX];                       /* y = origin + axes x */
    double axes[FIT_PARAMETERS_MAX][FIT_PARAMETERS_MAX];     /* [parameter][free] */
    size_t count, padded;                                    /* points, and with copies of weight 0 behind them */
    double *room;                                            /* one block that holds all arrays below */
    double *columns[FIT_COLUMNS_MAX], *log_losses, *weights; /* [padded] */
};

/* Copies the rows of a law's table that are named (NULL: the first count). The caller frees room. */
int fit_objective_make(const struct fit_law *law, double delta, const size_t *rows, size_t count,
                       struct fit_objective *objective, struct error *error);

/* The sum of weighted Huber losses, its gradient [free_count] and the lower triangle of its Hessian where not NULL:
 * an objective of laws/minimise.h. weights stands for those of the objective where it is not NULL. */
struct fit_weighted {
    const struct fit_objective *objective;
    const double *weights; /* [padded] */
};
double fit_value(const void *weighted, const double *x, double *gradient, double *hessian);

/* y [parameter_count] at x, and the parameters at y. */
void fit_y_of(const struct fit_objective *objective, const double *x, double *y);
void fit_parameters_of(const struct fit_law *law, const double *y, double *parameters);
void fit_y_of_parameters(const struct fit_law *law, const double *parameters, double *y);

/* Fills the x of one start; fit_start_count of them. */
size_t fit_start_count(const struct fit_objective *objective);
void fit_start(const struct fit_objective *objective, size_t start, double *x);

/* Whether a parameter that is uncertain by so much in y counts as not determined. */
bool fit_exceeds(const struct fit_parameter *parameter, double value, double uncertainty);

/* Adds to fit->undetermined, from the standard errors of the law made linear at x. */
int fit_find_undetermined(const struct fit_objective *objective, const double *x, struct fit *fit);

/* Sets standard errors and intervals: each resampled table is minimised from all the minima, the best one counts. The
 * objective is that of all points. */
int fit_bootstrap(const struct fit_objective *objective, const struct fit_options *options,
                  const struct minimum *minima, int minimum_count, struct fit *fit);

#endif
