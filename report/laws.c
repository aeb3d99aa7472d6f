/* Fitted laws: their points and residuals, their parameters with intervals, and what they call optimal. */
#include "laws/chinchilla.h"
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAW_PANELS = 12, POINTS_DRAWN = 300, TRAJECTORIES = 8, TRAJECTORY_POINTS = 40 };
static const double NORMAL_95 = 1.959964; /* standard errors of a 95 % interval */

static const struct law_record *find_law(const struct study_data *data, const char *name, const char *language) {
    for (size_t i = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, name) == 0 && strcmp(data->laws[i].language, language) == 0)
            return &data->laws[i];
    return NULL;
}

static const struct law_parameter *find_parameter(const struct law_record *law, const char *name) {
    for (uint32_t p = 0; p < law->parameter_count; p++)
        if (strcmp(law->parameters[p].name, name) == 0)
            return &law->parameters[p];
    return NULL;
}

/* The parameters of a Chinchilla law; false: one is missing or not determined. */
static bool take_chinchilla(const struct law_record *law, double *values) {
    static const char *const names[CHINCHILLA_PARAMETERS] = {"E", "A", "B", "alpha", "beta"};
    for (int j = 0; law && j < CHINCHILLA_PARAMETERS; j++) {
        const struct law_parameter *parameter = find_parameter(law, names[j]);
        values[j] = parameter ? parameter->value : NAN;
        if (!isfinite(values[j]))
            return false;
    }
    return law != NULL;
}

/* ---- points and residuals ---- */

static void write_points(struct figure *figure, const struct report_points *points, const double *law) {
    const size_t every = points->count / POINTS_DRAWN + 1;
    for (size_t i = 0; i < points->count; i++) {
        const double predicted = law[CHINCHILLA_E] + law[CHINCHILLA_A] * pow(points->N[i], -law[CHINCHILLA_ALPHA]) +
                                 law[CHINCHILLA_B] * pow(points->D[i], -law[CHINCHILLA_BETA]);
        if (i > 0 && points->runs[i] != points->runs[i - 1])
            figure_end_block(figure);
        if (i % every != 0 && i > 0 && points->runs[i] == points->runs[i - 1])
            continue;
        text_csv(figure->csv, points->language);
        fprintf(figure->csv, ",%llu", (unsigned long long)points->runs[i]);
        text_cell(figure->csv, points->N[i]);
        text_cell(figure->csv, points->D[i]);
        text_cell(figure->csv, points->L[i]);
        text_cell(figure->csv, predicted);
        text_cell(figure->csv, 100 * (points->L[i] / predicted - 1));
        fputc('\n', figure->csv);
    }
    figure_end_block(figure);
}

/* Whether a language has a panel. Its law comes with it; NaN: not all parameters are determined, which leaves the
 * losses without a line. */
static bool has_panel(const struct report *report, const struct report_points *points, bool residuals, double *law) {
    const bool determined = take_chinchilla(find_law(report->data, "chinchilla", points->language), law);
    for (int j = 0; !determined && j < CHINCHILLA_PARAMETERS; j++)
        law[j] = NAN;
    return points->count > 0 && (determined || !residuals);
}

/* A panel a language, of the losses or of their residuals. */
static int draw_points(struct report *report, const char *name, const char *title, const char *axis, bool residuals,
                       const char *caption, struct error *error) {
    const struct report_input *input = report->input;
    struct figure figure;
    size_t panels = 0;
    double law[CHINCHILLA_PARAMETERS];
    for (size_t i = 0; i < input->points_count; i++)
        panels += has_panel(report, &input->points[i], residuals, law);
    if (panels == 0) {
        report_leave_out(report, title,
                         residuals ? "the archive holds no Chinchilla law whose parameters are all determined"
                                   : "no monolingual run was evaluated in the constant part of its learning rate");
        return 0;
    }
    if (figure_begin_panels(&figure, report, name, (int)(panels < LAW_PANELS ? panels : LAW_PANELS), error) != 0)
        return -1;
    fputs("language,run,N,D,loss,law,residual_percent\n", figure.csv);
    figure_color_by_parameters(&figure);
    fprintf(figure.script,
            "set logscale x\nset format x '%%.0s%%c'\nset xlabel 'training tokens D' offset 0,0.7\n"
            "set ylabel '%s' offset 1,0\n",
            axis);
    for (size_t i = 0; i < input->points_count; i++) {
        const size_t first = figure.blocks;
        char heading[64];
        const char *language = input->points[i].language;
        if (!has_panel(report, &input->points[i], residuals, law))
            continue;
        write_points(&figure, &input->points[i], law);
        if (figure.panels == LAW_PANELS)
            continue;
        if (isfinite(law[CHINCHILLA_E]))
            snprintf(heading, sizeof heading, ISOLATED ", R² = %.4f", language,
                     find_law(report->data, "chinchilla", language)->r2);
        else
            snprintf(heading, sizeof heading, ISOLATED ": law not determined", language);
        figure_panel(&figure, heading);
        if (residuals)
            fprintf(figure.script,
                    "plot data skip 1 every :::%zu::%zu using 4:7:3 with points pt 7 ps 0.4 lc palette, 0 lc "
                    "'#000000'\n",
                    first, figure.blocks - 1);
        else
            fprintf(figure.script,
                    "plot data skip 1 every :::%zu::%zu using 4:5:3 with points pt 7 ps 0.3 lc palette, data skip 1 "
                    "every :::%zu::%zu using 4:6 with lines lw 0.7 lc '#000000'\n",
                    first, figure.blocks - 1, first, figure.blocks - 1);
    }
    return figure_end(&figure, title, caption, error);
}

/* ---- parameters with intervals ---- */

static double half_interval(const struct law_parameter *parameter) {
    return isfinite(parameter->standard_error) ? NORMAL_95 * parameter->standard_error : 0;
}

static size_t count_laws(const struct study_data *data, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < data->law_count; i++)
        count += strcmp(data->laws[i].law, name) == 0;
    return count;
}

/* The ends of the intervals that the laws of a name give a parameter; false: no law has it. */
static bool find_range(const struct study_data *data, const char *law, const char *parameter, double *low,
                       double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < data->law_count; i++) {
        const struct law_parameter *found =
            strcmp(data->laws[i].law, law) == 0 ? find_parameter(&data->laws[i], parameter) : NULL;
        if (!found || !isfinite(found->value))
            continue;
        *low = fmin(*low, found->value - half_interval(found));
        *high = fmax(*high, found->value + half_interval(found));
    }
    return *low <= *high;
}

/* A block a parameter, a row a language. */
static void write_parameter(struct figure *figure, const char *law, const char *parameter) {
    const struct study_data *data = figure->report->data;
    size_t row = 0;
    for (size_t i = 0; i < data->law_count; i++) {
        if (strcmp(data->laws[i].law, law) != 0)
            continue;
        const struct law_parameter *found = find_parameter(&data->laws[i], parameter);
        row++;
        if (!found || !isfinite(found->value))
            continue;
        fprintf(figure->csv, "%s,", parameter);
        text_csv(figure->csv, data->laws[i].language);
        fprintf(figure->csv, ",%zu", row);
        text_cell(figure->csv, found->value);
        text_cell(figure->csv, found->value - half_interval(found));
        text_cell(figure->csv, found->value + half_interval(found));
        fputc('\n', figure->csv);
    }
    figure_end_block(figure);
}

/* A step of 1, 2 or 5 times a power of ten that goes into the range three times at most. */
static double tic_step(double range) {
    const double power = pow(10, floor(log10(range / 3))), rest = range / 3 / power;
    return power * (rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static void plot_parameter(struct figure *figure, const char *law, const char *parameter) {
    double low, high;
    if (!find_range(figure->report->data, law, parameter, &low, &high))
        return;
    const bool first = figure->blocks == 0;
    write_parameter(figure, law, parameter);
    figure_panel(figure, parameter);
    if (first)
        fputs("set xlabel 'value, 95 % interval' offset 0,0.7\n", figure->script);
    if (high > low)
        fprintf(figure->script, "set xtics %g\n", tic_step(high - low));
    else
        fputs("set xtics autofreq\n", figure->script);
    fprintf(figure->script,
            "plot data skip 1 every :::%zu::%zu using 4:3:5:6 with xerrorbars pt 7 ps 0.5 lw 1.4 lc '#0072B2'\n",
            figure->blocks - 1, figure->blocks - 1);
    if (first) /* the names stand at the left alone */
        fputs("set ytics 1\nset format y ''\n", figure->script);
}

static void name_rows(FILE *script, const struct study_data *data, const char *law) {
    fputs("set ytics scale 0 (", script);
    for (size_t i = 0, row = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, law) == 0) {
            fputs(row > 0 ? "," : "", script);
            text_gnuplot(script, data->laws[i].language);
            fprintf(script, " %zu", ++row);
        }
    fputs(")\n", script);
}

static int draw_parameters(struct report *report, const char *law, const char *name, const char *title,
                           const char *const *parameters, struct error *error) {
    const struct study_data *data = report->data;
    const size_t languages = count_laws(data, law);
    const int height = 105 + (int)languages * 18;
    struct figure figure;
    int columns = 0;
    double low, high;
    for (int p = 0; parameters[p]; p++)
        columns += find_range(data, law, parameters[p], &low, &high);
    if (columns == 0) {
        report_leave_out(report, title,
                         languages == 0 ? "the archive holds no such law"
                                        : "their points determine none of these parameters");
        return 0;
    }
    if (figure_begin(&figure, report, name, 80 + columns * 200, height, error) != 0)
        return -1;
    fputs("parameter,language,row,value,low,high\n", figure.csv);
    fprintf(figure.script,
            "set multiplot layout 1,%d margins char 10,screen 0.98,char 4,screen %.4f spacing screen 0.04,0\n"
            "set yrange [%zu.5:0.5]\nset format x '%%g'\n",
            columns, 1 - 30.0 / height, languages);
    name_rows(figure.script, data, law);
    for (int p = 0; parameters[p]; p++)
        plot_parameter(&figure, law, parameters[p]);
    return figure_end(&figure, title,
                      "Dots: fitted values, a row a language. Bars: 95 % intervals, 1.96 standard errors to each side. "
                      "What the points do not determine has no dot.",
                      error);
}

/* ---- optimal trajectories ---- */

/* N = G (C/6)^(beta/(alpha+beta)), G = (alpha A / (beta B))^(1/(alpha+beta)), from ten times less compute than any run
 * to a hundred times more. */
static void write_trajectory(struct figure *figure, const char *language, const double *law, double least,
                             double most) {
    const double sum = law[CHINCHILLA_ALPHA] + law[CHINCHILLA_BETA];
    const double g =
        pow(law[CHINCHILLA_ALPHA] * law[CHINCHILLA_A] / (law[CHINCHILLA_BETA] * law[CHINCHILLA_B]), 1 / sum);
    for (int i = 0; i <= TRAJECTORY_POINTS; i++) {
        const double C = least / 10 * pow(1000 * most / least, (double)i / TRAJECTORY_POINTS);
        const double N = g * pow(C / 6, law[CHINCHILLA_BETA] / sum);
        text_csv(figure->csv, language);
        text_cell(figure->csv, C);
        text_cell(figure->csv, N);
        text_cell(figure->csv, C / (6 * N));
        fputc('\n', figure->csv);
    }
    figure_end_block(figure);
}

static void write_runs(struct figure *figure, double *least, double *most) {
    const struct study_data *data = figure->report->data;
    *least = INFINITY;
    *most = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        const double N = (double)data->runs[r].parameters, D = (double)data->runs[r].tokens;
        if (strcmp(data->runs[r].kind, "monolingual") != 0 || !(N * D > 0))
            continue;
        *least = fmin(*least, 6 * N * D);
        *most = fmax(*most, 6 * N * D);
        text_csv(figure->csv, data->runs[r].name);
        text_cell(figure->csv, 6 * N * D);
        text_cell(figure->csv, N);
        text_cell(figure->csv, D);
        fputc('\n', figure->csv);
    }
    if (*most > 0)
        figure_end_block(figure);
}

static int draw_trajectories(struct report *report, struct error *error) {
    static const char title[] = "Optimal size and tokens";
    static const char *const colors[TRAJECTORIES] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                     "#E69F00", "#56B4E9", "#000000", "#8c6d31"};
    const struct study_data *data = report->data;
    struct figure figure;
    double law[CHINCHILLA_PARAMETERS], least, most;
    size_t drawn = 0;
    if (figure_begin(&figure, report, "optimal-trajectories", 720, 460, error) != 0)
        return -1;
    fputs("name,flops,N,D\n", figure.csv);
    write_runs(&figure, &least, &most);
    fputs("set logscale xy\nset format x '%.0s%c'\nset format y '%.0s%c'\nset xlabel 'training tokens D'\n"
          "set ylabel 'parameters N'\nset key outside right top reverse Left title 'least loss for its compute'\n"
          "plot data skip 1 every :::0::0 using 4:3 with points pt 6 ps 0.6 lc '#777777' title 'runs'",
          figure.script);
    for (size_t i = 0; i < data->law_count && most > 0; i++) {
        if (strcmp(data->laws[i].law, "chinchilla") != 0 || !take_chinchilla(&data->laws[i], law) ||
            !(law[CHINCHILLA_ALPHA] > 0 && law[CHINCHILLA_BETA] > 0 && law[CHINCHILLA_A] > 0 && law[CHINCHILLA_B] > 0))
            continue;
        write_trajectory(&figure, data->laws[i].language, law, least, most);
        if (drawn < TRAJECTORIES) {
            fprintf(figure.script, ", data skip 1 every :::%zu::%zu using 4:3 with lines lw 2 lc '%s' title ",
                    figure.blocks - 1, figure.blocks - 1, colors[drawn]);
            text_gnuplot(figure.script, data->laws[i].language);
        }
        drawn++;
    }
    fputc('\n', figure.script);
    if (drawn == 0) {
        figure_drop(&figure);
        report_leave_out(report, title, "no Chinchilla law has all its parameters determined");
        return 0;
    }
    return figure_end(
        &figure, title,
        "Where the Chinchilla law of a language has its least loss for the compute C = 6·N·D, from a tenth "
        "of the smallest run to a hundred times the largest. Circles: the monolingual runs. The first "
        "eight languages are drawn; the CSV file has all.",
        error);
}

int draw_laws(struct report *report, struct error *error) {
    static const char *const chinchilla[] = {"E", "A", "B", "alpha", "beta", NULL};
    static const char *const atlas[] = {"E", "alpha", "beta", "lambda", "tau_other", NULL};
    fputs("<h2 id=\"laws\">Fitted laws</h2>\n", report->page);
    if (draw_points(report, "chinchilla-fits", "Chinchilla law and its points", "test loss, nats/token", false,
                    "Dots: evaluations in the constant part of the learning rate. Lines: the fitted law "
                    "L = E + A/N<sup>α</sup> + B/D<sup>β</sup> at the size of each run, where all its parameters are "
                    "determined by the dots.",
                    error) != 0 ||
        draw_points(report, "chinchilla-residuals", "Residuals of the Chinchilla law", "loss above law, %", true,
                    "How far each evaluation lies above (+) or below (−) its law. A bow means that the law has the "
                    "wrong shape for these runs.",
                    error) != 0 ||
        draw_parameters(report, "chinchilla", "chinchilla-parameters", "Parameters of the Chinchilla laws", chinchilla,
                        error) != 0 ||
        draw_parameters(report, "atlas", "atlas-parameters", "Parameters of the ATLAS laws", atlas, error) != 0 ||
        draw_trajectories(report, error) != 0)
        return -1;
    write_law_tables(report);
    return 0;
}
