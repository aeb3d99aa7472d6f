/* How transfer scores change with the size of the model and with the tokens that they are measured at. */
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES_MAX = 64 };

static const struct law_record *find_line(const struct study_data *data, const char *law) {
    for (size_t i = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, law) == 0 && data->laws[i].parameter_count == 2 &&
            isfinite(data->laws[i].parameters[0].value) && isfinite(data->laws[i].parameters[1].value))
            return &data->laws[i];
    return NULL;
}

static void write_point(struct figure *figure, const char *axis, const char *source, const char *target, double x,
                        double bts) {
    fprintf(figure->csv, "%s,", axis);
    text_csv(figure->csv, source);
    fputc(',', figure->csv);
    text_csv(figure->csv, target);
    text_cell(figure->csv, x);
    text_cell(figure->csv, bts);
    fputc('\n', figure->csv);
}

static double parameters_of(const struct study_data *data, const char *size) {
    for (size_t r = 0; r < data->run_count; r++)
        if (strcmp(data->runs[r].size, size) == 0)
            return (double)data->runs[r].parameters;
    return NAN;
}

static bool same_direction(const struct transfer_record *a, const struct transfer_record *b) {
    return strcmp(a->source, b->source) == 0 && strcmp(a->target, b->target) == 0;
}

static bool is_measured(const struct transfer_record *record) {
    return strcmp(record->state, "measured") == 0 && isfinite(record->bts);
}

static int compare_points(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A line a direction that is measured at two sizes or more; it is written at its first record. */
static void write_over_sizes(struct figure *figure) {
    const struct study_data *data = figure->report->data;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        double points[SIZES_MAX][2]; /* N, BTS */
        size_t first = data->transfer_count, count = 0;
        for (size_t k = data->transfer_count; k-- > 0;) {
            if (!is_measured(&data->transfer[k]) || !same_direction(record, &data->transfer[k]) || count == SIZES_MAX)
                continue;
            first = k;
            points[count][0] = parameters_of(data, data->transfer[k].size);
            points[count++][1] = data->transfer[k].bts;
        }
        if (first != i || count < 2)
            continue;
        qsort(points, count, sizeof *points, compare_points);
        for (size_t k = 0; k < count; k++)
            write_point(figure, "N", record->source, record->target, points[k][0], points[k][1]);
        figure_end_block(figure);
    }
}

/* One direction of a bilingual run: its scores with evaluations of the monolingual run as reference. */
static void write_direction(struct figure *figure, const struct run_record *run, int target) {
    const struct report *report = figure->report;
    const char *language = run->languages[target].language;
    const struct run_record *alone = study_find_run(report->data, "monolingual", language, run->size, run->seed);
    bool any = false;
    if (!alone)
        return;
    const struct loss_curve monolingual = report_curve(report, alone->run, language, false, true, 0),
                            bilingual = report_curve(report, run->run, language, false, false, 1);
    const double constant_tokens = (1 - report->input->decay_fraction) * (double)run->tokens;
    for (size_t i = 0; i < monolingual.count; i++) {
        struct transfer_score score;
        if (!transfer_bts_over_tokens(&monolingual, &bilingual, monolingual.tokens[i], constant_tokens, &score))
            continue;
        any = true;
        write_point(figure, "D", run->languages[1 - target].language, language, monolingual.tokens[i], score.bts);
    }
    if (any)
        figure_end_block(figure);
}

static void write_over_tokens(struct figure *figure) {
    const struct study_data *data = figure->report->data;
    for (size_t r = 0; r < data->run_count; r++)
        if (strcmp(data->runs[r].kind, "bilingual") == 0 && data->outcomes[r].status == RUN_DONE &&
            data->runs[r].language_count == 2 && strcmp(data->runs[r].size, figure->report->input->scores.size) == 0)
            for (int target = 0; target < 2; target++)
                write_direction(figure, &data->runs[r], target);
}

static void plot_trend(struct figure *figure, const char *title, const char *axis, const char *law, size_t first) {
    const struct law_record *line = find_line(figure->report->data, law);
    figure_panel(figure, title);
    fprintf(figure->script,
            "stats data skip 1 every :::%zu::%zu using 4 nooutput name 'x'\n"
            "unit = x_max < 1e9 ? 1e6 : 1e9\nset xlabel '%s, '.(unit < 1e9 ? 'millions' : 'billions')\n"
            "plot data skip 1 every :::%zu::%zu using ($4/unit):5 with lines lw 0.7 lc '#5aa5cd' title 'a direction', "
            "0 lc '#000000' lw 0.7",
            first, figure->blocks - 1, axis, first, figure->blocks - 1);
    if (line)
        fprintf(figure->script, ", %.9g + %.9g*unit*x lw 2.5 lc '#D55E00' title 'fitted'", line->parameters[0].value,
                line->parameters[1].value);
    fputc('\n', figure->script);
}

int draw_transfer_trends(struct report *report, struct error *error) {
    static const char title[] = "Transfer scores over size and tokens";
    struct figure figure;
    if (!report->input->scores.size)
        return 0; /* the matrix was left out already, for the same reason */
    if (figure_begin(&figure, report, "transfer-trends", 860, 380, error) != 0)
        return -1;
    fputs("axis,source,target,x,bts\n", figure.csv);
    fputs("set multiplot layout 1,2\nset key top right samplen 2\nset ylabel 'BTS'\n", figure.script);
    write_over_sizes(&figure);
    const size_t sizes = figure.blocks;
    if (sizes > 0)
        plot_trend(&figure, "by size of the model", "parameters N", "bts-against-N", 0);
    write_over_tokens(&figure);
    if (figure.blocks > sizes)
        plot_trend(&figure, "by reference tokens", "reference tokens d", "bts-against-D", sizes);
    if (figure.blocks == 0) {
        figure_drop(&figure);
        report_leave_out(report, title, "no pair is measured at two sizes, nor at several token counts");
        return 0;
    }
    return figure_end(
        &figure, title,
        "One thin line a direction of transfer. Left, the directions that are measured at several sizes; "
        "right, those of the size above with evaluations of the monolingual run as reference, as long as a "
        "score of −1 can be reached before the learning rate of the bilingual run decays. Thick: "
        "the line that is fitted with a level of its own for each direction, at their mean.",
        error);
}
