#include "orchestrator/fit_print.h"
#include "laws/capacity.h"

#include <math.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* {"E": values[0], ...} */
static json_t *by_name(const struct fit_law *law, const double *values) {
    json_t *object = json_object();
    for (int j = 0; j < law->parameter_count; j++)
        json_object_set_new(object, law->parameters[j].name, number(values[j]));
    return object;
}

static bool undetermined(const struct fit *fit, int parameter) {
    return fit->undetermined >> parameter & 1;
}

json_t *fit_json(const struct fit_law *law, const struct fit *fit) {
    json_t *intervals = json_object(), *basins = json_array(), *open = json_array();
    for (int j = 0; j < law->parameter_count; j++) {
        json_object_set_new(intervals, law->parameters[j].name,
                            json_pack("[o, o]", number(fit->low[j]), number(fit->high[j])));
        if (undetermined(fit, j))
            json_array_append_new(open, json_string(law->parameters[j].name));
    }
    for (int b = 0; b < fit->basin_count; b++)
        json_array_append_new(basins, json_pack("{s:o, s:o, s:I}", "objective", number(fit->basins[b].objective),
                                                "parameters", by_name(law, fit->basins[b].parameters), "starts",
                                                (json_int_t)fit->basins[b].starts));
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "points", (json_int_t)fit->points, "objective",
                     number(fit->objective), "parameters", by_name(law, fit->parameters), "standard_errors",
                     by_name(law, fit->standard_errors), "intervals", intervals, "r2", number(fit->r2), "starts",
                     (json_int_t)fit->starts, "basins", basins, "undetermined", open);
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

json_t *capacity_multipliers_json(const double *parameters) {
    json_t *multipliers = json_array();
    for (int i = 0; i < RATIO_COUNT; i++) {
        const struct capacity_multiplier m = capacity_multiply(parameters, RATIOS[i]);
        json_array_append_new(multipliers, json_pack("{s:f, s:o, s:o, s:o}", "r", RATIOS[i], "N", number(m.N),
                                                     "D_total", number(m.D_total), "C", number(m.C)));
    }
    return multipliers;
}

json_t *capacity_curves_json(const double *parameters) {
    json_t *curves = json_array();
    for (int i = 0; i < RATIO_COUNT; i++) {
        const double r = RATIOS[i];
        json_t *curve = json_array();
        for (int s = 0; s < SIZE_COUNT; s++) {
            const double data = capacity_data_factor(parameters, r, SIZES[s]);
            json_array_append_new(curve, json_pack("{s:f, s:o, s:o, s:o}", "N", SIZES[s], "D", number(data), "D_total",
                                                   number(r * data), "C", number(SIZES[s] * r * data)));
        }
        json_array_append_new(curves, json_pack("{s:f, s:o, s:o}", "r", r, "N_least",
                                                number(capacity_least_size(parameters, r)), "curve", curve));
    }
    return curves;
}

void capacity_print(const double *parameters, FILE *out) {
    fprintf(out, "\nFrom K to r K languages at equal loss\n%6s%12s%12s%12s\n", "r", "N x", "D total x", "C x");
    for (int i = 0; i < RATIO_COUNT; i++) {
        const struct capacity_multiplier m = capacity_multiply(parameters, RATIOS[i]);
        fprintf(out, "%6g", RATIOS[i]);
        print_number(out, m.N, 12);
        print_number(out, m.D_total, 12);
        print_number(out, m.C, 12);
        fputc('\n', out);
    }
    fprintf(out,
            "\nThe same loss with other sizes: D per language x (from a compute-optimal point; -: no amount of data "
            "is enough)\n%6s%12s",
            "r", "least N x");
    for (int s = 0; s < SIZE_COUNT; s++)
        fprintf(out, "   N x %-4g", SIZES[s]);
    fputc('\n', out);
    for (int i = 0; i < RATIO_COUNT; i++) {
        fprintf(out, "%6g", RATIOS[i]);
        print_number(out, capacity_least_size(parameters, RATIOS[i]), 12);
        for (int s = 0; s < SIZE_COUNT; s++)
            print_number(out, capacity_data_factor(parameters, RATIOS[i], SIZES[s]), 11);
        fputc('\n', out);
    }
}
