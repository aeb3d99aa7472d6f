/* What learning many languages at once costs: measured losses beside those of monolingual runs, and what the capacity
 * law says of more languages. */
#include "laws/capacity.h"
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 64, FRONTIER_POINTS = 60 };

/* ---- relative loss ---- */

/* One comparison: K languages, N parameters, D tokens of the language. */
struct excess {
    double K, N, D, relative; /* loss / loss of the monolingual run - 1 */
};

struct excesses {
    size_t count, capacity;
    struct excess *rows;
};

static int add_excess(struct excesses *excesses, const struct excess *row, struct error *error) {
    if (excesses->count == excesses->capacity) {
        const size_t capacity = excesses->capacity ? 2 * excesses->capacity : 1024;
        struct excess *larger = realloc(excesses->rows, capacity * sizeof *larger);
        if (!larger)
            return error_set(error, ERROR_FAILED, "no memory for %zu comparisons of runs", capacity);
        excesses->rows = larger;
        excesses->capacity = capacity;
    }
    excesses->rows[excesses->count++] = *row;
    return 0;
}

/* A run against the monolingual run of one of its languages, at the same tokens of that language: powers of two that
 * both have seen while their learning rate was constant. */
static int compare_language(const struct report *report, const struct run_record *run, const char *language,
                            struct excesses *excesses, struct error *error) {
    const struct run_record *alone = study_find_run(report->data, "monolingual", language, run->size, run->seed);
    if (!alone)
        return 0;
    const struct loss_curve own = report_curve(report, run->run, language, true, true, 0),
                            other = report_curve(report, alone->run, language, true, true, 1);
    if (own.count < 2 || other.count < 2)
        return 0;
    const double first = fmax(own.tokens[0], other.tokens[0]),
                 last = fmin(own.tokens[own.count - 1], other.tokens[other.count - 1]);
    for (int power = (int)ceil(log2(first)); exp2(power) <= last; power++) {
        const double D = exp2(power);
        double loss, reference;
        if (curve_loss_at(&own, D, &loss, NULL) != 0 || curve_loss_at(&other, D, &reference, NULL) != 0)
            continue;
        const struct excess row = {run->language_count, (double)run->parameters, D, loss / reference - 1};
        if (add_excess(excesses, &row, error) != 0)
            return -1;
    }
    return 0;
}

static int find_excesses(const struct report *report, struct excesses *excesses, struct error *error) {
    const struct study_data *data = report->data;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        if (data->outcomes[r].status != RUN_DONE || run->language_count < 2)
            continue;
        for (uint32_t l = 0; l < run->language_count; l++)
            if (compare_language(report, run, run->languages[l].language, excesses, error) != 0)
                return -1;
    }
    return 0;
}

static double value_of(const struct excess *row, char axis) {
    return axis == 'K' ? row->K : axis == 'N' ? row->N : row->D;
}

static int compare_doubles(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The distinct values of an axis, ascending. */
static size_t find_values(const struct excesses *excesses, char axis, double values[VALUES_MAX]) {
    size_t count = 0;
    memset(values, 0, VALUES_MAX * sizeof *values);
    for (size_t i = 0; i < excesses->count; i++) {
        size_t k = 0;
        while (k < count && values[k] != value_of(&excesses->rows[i], axis))
            k++;
        if (k == count && count < VALUES_MAX)
            values[count++] = value_of(&excesses->rows[i], axis);
    }
    qsort(values, count, sizeof *values, compare_doubles);
    return count;
}

/* Means over all comparisons of a cell as a block; places count from 0. */
static void write_cells(struct figure *figure, const struct excesses *excesses, char axis, const double *x,
                        size_t x_count, const double *y, size_t y_count) {
    for (size_t i = 0; i < x_count; i++)
        for (size_t k = 0; k < y_count; k++) {
            double sum = 0;
            size_t count = 0;
            for (size_t e = 0; e < excesses->count; e++)
                if (excesses->rows[e].K == x[i] && value_of(&excesses->rows[e], axis) == y[k]) {
                    sum += excesses->rows[e].relative;
                    count++;
                }
            if (count == 0)
                continue;
            fprintf(figure->csv, "%c,%zu,%zu,%g,%.6g,%.4f,%zu\n", axis, i, k, x[i], y[k], 100 * sum / (double)count,
                    count);
        }
    figure_end_block(figure);
}

static void write_tics(FILE *script, const char *axis, const double *values, size_t count) {
    fprintf(script, "set %stics scale 0 (", axis);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ",'" : "'", script);
        text_magnitude(script, values[i]);
        fprintf(script, "' %zu", i);
    }
    fputs(")\n", script);
}

static void plot_cells(struct figure *figure, const struct excesses *excesses, char axis, const char *label) {
    double x[VALUES_MAX], y[VALUES_MAX];
    const size_t x_count = find_values(excesses, 'K', x), y_count = find_values(excesses, axis, y);
    write_cells(figure, excesses, axis, x, x_count, y, y_count);
    figure_panel(figure, axis == 'N' ? "languages and size" : "languages and tokens");
    write_tics(figure->script, "x", x, x_count);
    write_tics(figure->script, "y", y, y_count);
    fprintf(
        figure->script,
        "set ylabel '%s' offset 1,0\nset xrange [-0.5:%zu.5]\nset yrange [-0.5:%zu.5]\n"
        "plot data skip 1 every :::%zu::%zu using 2:3:(0.48):(0.46):6 with boxxyerror fs solid noborder lc palette, "
        "data skip 1 every :::%zu::%zu using 2:3:(sprintf('%%+.1f', column(6))):(abs(column(6)) > 0.7*top ? "
        "0xffffff : 0x000000) with labels tc rgb variable font 'sans-serif,10'\n",
        label, x_count - 1, y_count - 1, figure->blocks - 1, figure->blocks - 1, figure->blocks - 1,
        figure->blocks - 1);
}

static int draw_excesses(struct report *report, const struct excesses *excesses, struct error *error) {
    static const char title[] = "Loss of multilingual runs against monolingual ones";
    struct figure figure;
    if (excesses->count == 0) {
        report_leave_out(report, title,
                         "no finished run of several languages has seen as much of one of them as the monolingual run "
                         "of that language and size");
        return 0;
    }
    double largest = 1;
    for (size_t i = 0; i < excesses->count; i++)
        largest = fmax(largest, 100 * fabs(excesses->rows[i].relative));
    if (figure_begin(&figure, report, "relative-loss", 920, 520, error) != 0)
        return -1;
    fputs("axis,x,y,languages,value,relative_loss_percent,comparisons\n", figure.csv);
    fprintf(figure.script,
            "set multiplot layout 1,2 margins screen 0.08,screen 0.98,screen 0.24,screen 0.93 spacing screen 0.09,0\n"
            "set palette defined (-1 '#2166ac', -0.5 '#67a9cf', 0 '#f7f7f7', 0.5 '#f1a340', 1 '#b35806')\n"
            "top = %g\nset cbrange [-top:top]\nset format cb '%%+g'\nset cblabel 'loss against monolingual, %%' offset "
            "0,0.6\n"
            "set colorbox horizontal user origin screen 0.25,char 2.6 size screen 0.5,char 0.7\n"
            "unset grid\nset border 0\nset xlabel 'languages K' offset 0,0.3\n",
            fmin(largest, 20));
    plot_cells(&figure, excesses, 'N', "parameters N");
    plot_cells(&figure, excesses, 'D', "tokens of the language");
    return figure_end(&figure, title,
                      "Mean over languages of the loss after as many tokens of the language as the monolingual run of "
                      "the same size had seen, in percent above (orange) or below (blue) that run. Left, averaged over "
                      "token counts; right, over sizes.",
                      error);
}

/* ---- frontiers ---- */

/* The iso-loss curve from K to r K as a block; false: the law has none here. */
static bool write_frontier(struct figure *figure, const double *parameters, double r) {
    const double least = capacity_least_size(parameters, r), best = capacity_multiply(parameters, r).N;
    bool any = false;
    if (!isfinite(least) || !isfinite(best) || !(best > 0))
        return false;
    const double begin = fmax(least * 1.03, best / 4), end = fmax(best, begin) * 6;
    for (int i = 0; i <= FRONTIER_POINTS; i++) {
        const double size = begin * pow(end / begin, (double)i / FRONTIER_POINTS);
        const double tokens = r * capacity_data_factor(parameters, r, size);
        if (!isfinite(tokens) || !(tokens > 0))
            continue;
        any = true;
        fprintf(figure->csv, "frontier,%g", r);
        text_cell(figure->csv, size);
        text_cell(figure->csv, tokens);
        fputc('\n', figure->csv);
    }
    if (any)
        figure_end_block(figure);
    return any;
}

static int draw_frontiers(struct report *report, struct error *error) {
    static const char title[] = "What more languages cost";
    static const char *const colors[] = {"#56B4E9", "#0072B2", "#009E73", "#D55E00"};
    const double *parameters = report->input->capacity;
    struct figure figure;
    char caption[512];
    if (!parameters) {
        report_leave_out(report, title, report->input->capacity_reason);
        return 0;
    }
    if (figure_begin(&figure, report, "iso-loss", 640, 480, error) != 0)
        return -1;
    char heading[64];
    snprintf(heading, sizeof heading, "more languages at the same loss of " ISOLATED, report->input->capacity_language);
    fputs("set title ", figure.script);
    text_gnuplot(figure.script, heading);
    fputc('\n', figure.script);
    fputs("what,times_the_languages,times_the_size,times_the_tokens\n", figure.csv);
    fputs("set logscale xy 2\nset xlabel 'times the parameters N'\nset ylabel 'times the tokens of all languages'\n"
          "set key top right title 'the same loss for'\nplot ",
          figure.script);
    for (int i = 0; i < 4; i++) {
        const double r = exp2(i + 1);
        if (write_frontier(&figure, parameters, r))
            fprintf(figure.script, "data skip 1 every :::%zu::%zu using 3:4 with lines lw 2 lc '%s' title '%gK', ",
                    figure.blocks - 1, figure.blocks - 1, colors[i], r);
    }
    for (int i = 0; i <= 4; i++) {
        const struct capacity_multiplier best = capacity_multiply(parameters, exp2(i));
        fprintf(figure.csv, "compute-optimal,%g", exp2(i));
        text_cell(figure.csv, best.N);
        text_cell(figure.csv, best.D_total);
        fputc('\n', figure.csv);
    }
    figure_end_block(&figure);
    fprintf(figure.script,
            "data skip 1 every :::%zu::%zu using 3:4 with linespoints pt 7 ps 0.8 lw 1.5 lc '#000000' dt 2 title "
            "'least compute', data skip 1 every :::%zu::%zu using 3:4:(column(2) > 1 ? sprintf('%%gK', column(2)) : "
            "'K') with labels left offset 0.8,-0.5\n",
            figure.blocks - 1, figure.blocks - 1, figure.blocks - 1, figure.blocks - 1);
    const struct capacity_multiplier twice = capacity_multiply(parameters, 2);
    snprintf(
        caption, sizeof caption,
        "By the capacity law of this language, L = L<sub>∞</sub> + A·K<sup>φ</sup>/N<sup>α</sup> + "
        "B·K<sup>ψ</sup>/D<sup>β</sup> "
        "with φ = %.3f and ψ = %.3f: what keeps the loss of every language when a model learns 2, 4, 8, 16 times as "
        "many. Dashed: with least compute. Twice the languages need %.2f times the parameters, %.2f times the "
        "tokens, %.2f times the compute.",
        parameters[CAPACITY_PHI], parameters[CAPACITY_PSI], twice.N, twice.D_total, twice.C);
    return figure_end(&figure, title, caption, error);
}

int draw_capacity(struct report *report, struct error *error) {
    struct excesses excesses = {0};
    fputs("<h2 id=\"capacity\">Many languages in one model</h2>\n", report->page);
    int result = find_excesses(report, &excesses, error);
    if (result == 0)
        result = draw_excesses(report, &excesses, error);
    free(excesses.rows);
    return result == 0 ? draw_frontiers(report, error) : result;
}
