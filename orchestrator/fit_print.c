#include "orchestrator/fit_print.h"
#include "laws/capacity.h"
#include "orchestrator/command.h"

#include <math.h>
#include <stdlib.h>

/* {"E": values[0], ...} */
static json_t *by_name(const struct fit_law *law, const double *values) {
    json_t *object = json_object();
    for (int j = 0; j < law->parameter_count; j++)
        json_object_set_new(object, law->parameters[j].name, command_number(values[j]));
    return object;
}

static bool undetermined(const struct fit *fit, int parameter) {
    return fit->undetermined >> parameter & 1;
}

json_t *fit_json(const struct fit_law *law, const struct fit *fit) {
    json_t *intervals = json_object(), *basins = json_array(), *open = json_array();
    for (int j = 0; j < law->parameter_count; j++) {
        json_object_set_new(intervals, law->parameters[j].name,
                            json_pack("[o, o]", command_number(fit->low[j]), command_number(fit->high[j])));
        if (undetermined(fit, j))
            json_array_append_new(open, json_string(law->parameters[j].name));
    }
    for (int b = 0; b < fit->basin_count; b++)
        json_array_append_new(
            basins, json_pack("{s:o, s:o, s:I}", "objective", command_number(fit->basins[b].objective), "parameters",
                              by_name(law, fit->basins[b].parameters), "starts", (json_int_t)fit->basins[b].starts));
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:{s:i, s:s}}", "points", (json_int_t)fit->points,
                     "objective", command_number(fit->objective), "parameters", by_name(law, fit->parameters),
                     "standard_errors", by_name(law, fit->standard_errors), "intervals", intervals, "r2",
                     command_number(fit->r2), "starts", (json_int_t)fit->starts, "basins", basins, "undetermined", open,
                     "bootstrap", "resamples", fit->resamples, "unit", fit->runs_drawn > 0 ? "run" : "point");
}

/* A number in so many places, or "-". */
static void print_number(FILE *out, double value, int width) {
    if (isfinite(value))
        fprintf(out, "%*.5g", width, value);
    else
        fprintf(out, "%*s", width, "-");
}

static void print_basins(const struct fit_law *law, const struct fit *fit, FILE *out) {
    fprintf(out, "\nMinima within 1 %% of the best: more than one explanation fits these points.\n%14s%9s", "objective",
            "starts");
    for (int j = 0; j < law->parameter_count; j++)
        if (!law->parameters[j].held)
            fprintf(out, "%12s", law->parameters[j].name);
    fputc('\n', out);
    for (int b = 0; b < fit->basin_count; b++) {
        fprintf(out, "%14.8e%9zu", fit->basins[b].objective, fit->basins[b].starts);
        for (int j = 0; j < law->parameter_count; j++)
            if (!law->parameters[j].held)
                print_number(out, fit->basins[b].parameters[j], 12);
        fputc('\n', out);
    }
}

void fit_print(const struct fit_law *law, const struct fit *fit, FILE *out) {
    fprintf(out, "%zu points, objective %.7g, R2 %.4f; %zu of %zu starts end in the best minimum\n\n", fit->points,
            fit->objective, fit->r2, fit->basins[0].starts, fit->starts);
    fprintf(out, "%-16s%12s%14s   %s\n", "parameter", "value", "std. error", "95 % interval");
    for (int j = 0; j < law->parameter_count; j++) {
        fprintf(out, "%-16s", law->parameters[j].name);
        if (undetermined(fit, j)) {
            fprintf(out, "%12s\n", "?");
            continue;
        }
        print_number(out, fit->parameters[j], 12);
        if (law->parameters[j].held) {
            fprintf(out, "%14s\n", "held");
            continue;
        }
        print_number(out, fit->standard_errors[j], 14);
        if (isfinite(fit->low[j]) && isfinite(fit->high[j]))
            fprintf(out, "   %.5g .. %.5g", fit->low[j], fit->high[j]);
        fputc('\n', out);
    }
    if (fit->runs_drawn > 0)
        fprintf(out, "\n%d resamples of %zu whole runs\n", fit->resamples, fit->runs_drawn);
    else if (fit->resamples > 0)
        fprintf(out, "\n%d resamples of the points\n", fit->resamples);
    for (int j = 0; j < law->parameter_count; j++)
        if (undetermined(fit, j))
            fprintf(out, "%s? %s is not determined by these points (it came out as %.4g)\n",
                    fit->undetermined & ((1U << j) - 1) ? "" : "\n", law->parameters[j].name, fit->parameters[j]);
    if (fit->basin_count > 1)
        print_basins(law, fit, out);
}

/* ---- capacity ---- */

static const double RATIOS[] = {2, 4, 8, 16};
static const double SIZES[] = {1, 1.1, 1.2, 1.4, 1.7, 2, 3, 4, 8};
enum { RATIO_COUNT = sizeof RATIOS / sizeof *RATIOS, SIZE_COUNT = sizeof SIZES / sizeof *SIZES };

/* A number that follows from the law for r times the languages and, on the iso-loss curve, `size` times the
 * parameters; infinite where no amount is enough. */
typedef double capacity_number(const double *parameters, double r, double size);

static double factor_N(const double *parameters, double r, double size) {
    (void)size;
    return capacity_multiply(parameters, r).N;
}

static double factor_D_total(const double *parameters, double r, double size) {
    (void)size;
    return capacity_multiply(parameters, r).D_total;
}

static double factor_C(const double *parameters, double r, double size) {
    (void)size;
    return capacity_multiply(parameters, r).C;
}

static double least_size(const double *parameters, double r, double size) {
    (void)size;
    return capacity_least_size(parameters, r);
}

static double factor_D(const double *parameters, double r, double size) {
    const double factor = capacity_data_factor(parameters, r, size);
    return isnan(factor) ? INFINITY : factor;
}

/* With the 95 % interval from all parameters of each resampled fit; NaN: there are none. */
struct estimate {
    double value;
    struct fit_interval interval;
};

static struct estimate estimate(const struct capacity_answer *answer, capacity_number *number_of, double r,
                                double size) {
    struct estimate estimate = {number_of(answer->parameters, r, size), {NAN, NAN}};
    double *values = answer->count > 1 ? malloc((size_t)answer->count * sizeof *values) : NULL;
    for (int s = 0; values && s < answer->count; s++)
        values[s] = number_of(answer->resamples[s], r, size);
    if (values)
        estimate.interval = fit_interval_of(values, answer->count);
    free(values);
    return estimate;
}

/* An object of estimates, a factor times each, with their intervals beside them. */
static json_t *estimates_json(int count, const char *const *names, const struct estimate *estimates,
                              const double *factors) {
    json_t *object = json_object(), *intervals = json_object();
    for (int i = 0; i < count; i++) {
        const struct fit_interval interval = estimates[i].interval;
        json_object_set_new(object, names[i], command_number(factors[i] * estimates[i].value));
        json_object_set_new(
            intervals, names[i],
            json_pack("[o, o]", command_number(factors[i] * interval.low), command_number(factors[i] * interval.high)));
    }
    json_object_set_new(object, "intervals", intervals);
    return object;
}

json_t *capacity_multipliers_json(const struct capacity_answer *answer) {
    static const char *const names[] = {"N", "D_total", "C"};
    json_t *multipliers = json_array();
    for (int i = 0; i < RATIO_COUNT; i++) {
        const double r = RATIOS[i];
        const struct estimate estimates[] = {estimate(answer, factor_N, r, 1), estimate(answer, factor_D_total, r, 1),
                                             estimate(answer, factor_C, r, 1)};
        json_t *multiplier = estimates_json(3, names, estimates, (const double[]){1, 1, 1});
        json_object_set_new(multiplier, "r", json_real(r));
        json_array_append_new(multipliers, multiplier);
    }
    return multipliers;
}

static json_t *curve_json(const struct capacity_answer *answer, double r) {
    static const char *const names[] = {"D", "D_total", "C"};
    json_t *curve = json_array();
    for (int s = 0; s < SIZE_COUNT; s++) {
        const struct estimate D = estimate(answer, factor_D, r, SIZES[s]), estimates[] = {D, D, D};
        json_t *point = estimates_json(3, names, estimates, (const double[]){1, r, SIZES[s] * r});
        json_object_set_new(point, "N", json_real(SIZES[s]));
        json_array_append_new(curve, point);
    }
    return curve;
}

json_t *capacity_curves_json(const struct capacity_answer *answer) {
    json_t *curves = json_array();
    for (int i = 0; i < RATIO_COUNT; i++) {
        const struct estimate least = estimate(answer, least_size, RATIOS[i], 1);
        json_t *curve = estimates_json(1, (const char *const[]){"N_least"}, &least, (const double[]){1});
        json_object_set_new(curve, "r", json_real(RATIOS[i]));
        json_object_set_new(curve, "curve", curve_json(answer, RATIOS[i]));
        json_array_append_new(curves, curve);
    }
    return curves;
}

static const char *with_intervals(const struct capacity_answer *answer) {
    return answer->count > 1 ? ", with 95 % intervals" : "";
}

static void print_multipliers(const struct capacity_answer *answer, FILE *out) {
    capacity_number *const numbers[] = {factor_N, factor_D_total, factor_C};
    fprintf(out, "\nFrom K to r K languages at equal loss%s\n%6s%12s%31s%31s\n", with_intervals(answer), "r", "N x",
            "D total x", "C x");
    for (int i = 0; i < RATIO_COUNT; i++) {
        fprintf(out, "%6g", RATIOS[i]);
        for (int k = 0; k < 3; k++) {
            const struct estimate multiplier = estimate(answer, numbers[k], RATIOS[i], 1);
            char interval[40] = "";
            if (isfinite(multiplier.interval.low) && isfinite(multiplier.interval.high))
                snprintf(interval, sizeof interval, "  %.4g .. %.4g", multiplier.interval.low,
                         multiplier.interval.high);
            print_number(out, multiplier.value, 12);
            fprintf(out, k < 2 ? "%-19s" : "%s", interval);
        }
        fputc('\n', out);
    }
}

/* What of an estimate stands in a row. */
static double part_of(const struct estimate *estimate, int part) {
    return part == 0 ? estimate->value : part == 1 ? estimate->interval.low : estimate->interval.high;
}

static void print_curves(const struct capacity_answer *answer, FILE *out) {
    static const char *const labels[] = {"", "low", "high"};
    fprintf(
        out,
        "\nThe same loss with other sizes%s: D per language x (from a compute-optimal point; -: no amount of data is "
        "enough)\n%11s%12s",
        with_intervals(answer), "r", "least N x");
    for (int s = 0; s < SIZE_COUNT; s++)
        fprintf(out, "   N x %-4g", SIZES[s]);
    fputc('\n', out);
    for (int i = 0; i < RATIO_COUNT; i++) {
        struct estimate row[SIZE_COUNT + 1] = {estimate(answer, least_size, RATIOS[i], 1)};
        for (int s = 0; s < SIZE_COUNT; s++)
            row[s + 1] = estimate(answer, factor_D, RATIOS[i], SIZES[s]);
        for (int part = 0; part < (answer->count > 1 ? 3 : 1); part++) {
            fprintf(out, "%-5s%6g", labels[part], RATIOS[i]);
            for (int s = 0; s <= SIZE_COUNT; s++)
                print_number(out, part_of(&row[s], part), s == 0 ? 12 : 11);
            fputc('\n', out);
        }
    }
}

void capacity_print(const struct capacity_answer *answer, FILE *out) {
    print_multipliers(answer, out);
    print_curves(answer, out);
}
