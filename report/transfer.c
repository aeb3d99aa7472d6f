/* The matrix of transfer scores of one size, its symmetry, and what script and family do. */
#include "laws/transfer_matrix.h"
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 46, CELL_SMALL = 28, SMALL_FROM = 20, PERMUTATION_SEED = 1 };

/* ---- the matrix ---- */

/* The languages with those of a family side by side, families by their first language; unknown ones last. */
static void order_by_family(const struct report_scores *scores, size_t *order) {
    bool taken[LANGUAGES_MAX] = {false};
    size_t count = 0;
    for (size_t i = 0; i < scores->count && scores->families; i++)
        for (size_t k = i; k < scores->count && !taken[i] && scores->families[i] >= 0; k++)
            if (scores->families[k] == scores->families[i]) {
                order[count++] = k;
                taken[k] = k != i;
            }
    memset(taken, 0, sizeof taken);
    for (size_t i = 0; i < count; i++)
        taken[order[i]] = true;
    for (size_t i = 0; i < scores->count; i++)
        if (!taken[i])
            order[count++] = i;
}

/* Is the score of the source among the five best of its target? Of equals the first is the better one. */
static bool is_best(const struct report_scores *scores, size_t target, size_t source) {
    const double *row = scores->scores + target * scores->count;
    int better = 0;
    for (size_t s = 0; s < scores->count; s++)
        better += s != target && (row[s] > row[source] || (s < source && row[s] == row[source]));
    return !isnan(row[source]) && better < TRANSFER_BEST;
}

static size_t place_of(const struct report_scores *scores, const size_t *order, const char *language) {
    size_t i = 0;
    while (i < scores->count && strcmp(scores->languages[order[i]], language) != 0)
        i++;
    return i;
}

/* "+.35": as much as fits into a cell; "<" a bound, "~" a prediction. */
static void write_label(FILE *csv, double bts, const char *state) {
    char number[32];
    snprintf(number, sizeof number, "%+.2f", bts);
    const char *digits = number[1] == '0' && fabs(bts) < 1 ? number + 2 : number + 1;
    fprintf(csv, ",%s%c%s",
            strcmp(state, "bound") == 0       ? "<"
            : strcmp(state, "predicted") == 0 ? "~"
                                              : "",
            number[0], digits);
}

/* The scores of a state as a block. */
static bool write_state(struct figure *figure, const size_t *order, const char *state) {
    const struct report_scores *scores = &figure->report->input->scores;
    const struct study_data *data = figure->report->data;
    bool any = false;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        if (strcmp(record->size, scores->size) != 0 || strcmp(record->state, state) != 0 || !isfinite(record->bts))
            continue;
        const size_t x = place_of(scores, order, record->source), y = place_of(scores, order, record->target);
        if (x == scores->count || y == scores->count)
            continue;
        any = true;
        text_csv(figure->csv, record->source);
        fputc(',', figure->csv);
        text_csv(figure->csv, record->target);
        fprintf(figure->csv, ",%s,%zu,%zu", state, x, y);
        text_cell(figure->csv, record->bts);
        write_label(figure->csv, record->bts, state);
        fprintf(figure->csv, ",%d\n", is_best(scores, order[y], order[x]));
    }
    if (any)
        figure_end_block(figure);
    return any;
}

static void write_tics(FILE *script, const char *axis, const struct report_scores *scores, const size_t *order) {
    fprintf(script, "set %s (", axis);
    for (size_t i = 0; i < scores->count; i++) {
        fputs(i > 0 ? "," : "", script);
        text_gnuplot(script, scores->languages[order[i]]);
        fprintf(script, " %zu", i);
    }
    fputs(")\n", script);
}

/* Lines between families, and their names at the right. */
static void write_families(FILE *script, const struct report_scores *scores, const size_t *order) {
    const double n = (double)scores->count;
    for (size_t i = 0, end; scores->families && i < scores->count; i = end) {
        const int family = scores->families[order[i]];
        for (end = i; end < scores->count && scores->families[order[end]] == family; end++)
            ;
        const double edge = (double)end - 0.5, middle = ((double)(i + end) - 1) / 2;
        if (end < scores->count)
            fprintf(script,
                    "set arrow from -0.5,%g to %g,%g nohead front lw 1.2 lc '#000000'\n"
                    "set arrow from %g,-0.5 to %g,%g nohead front lw 1.2 lc '#000000'\n",
                    edge, n - 0.5, edge, edge, edge, n - 0.5);
        fputs("set label ", script);
        text_gnuplot(script, family >= 0 ? scores->family_names[order[i]] : "family unknown");
        fprintf(script, " at %g,%g left offset 0.5,0\n", n - 0.5, middle);
    }
}

static double largest_score(const struct study_data *data, const char *size) {
    double largest = 0.1;
    for (size_t i = 0; i < data->transfer_count; i++)
        if (strcmp(data->transfer[i].size, size) == 0 && isfinite(data->transfer[i].bts))
            largest = fmax(largest, fabs(data->transfer[i].bts));
    return fmin(largest, 1);
}

/* Measured cells are full, bounds hatched, predictions small: told apart without colours, too. */
static void plot_matrix(struct figure *figure, const size_t *order) {
    static const struct {
        const char *name, *fill;
        double half; /* of its side */
    } states[] = {{"measured", "solid", 0.48}, {"bound", "pattern 4", 0.46}, {"predicted", "solid", 0.34}};
    const int font = figure->report->input->scores.count < SMALL_FROM ? 10 : 8;
    const char *separator = "plot ";
    for (int s = 0; s < 3; s++) {
        if (!write_state(figure, order, states[s].name))
            continue;
        const size_t block = figure->blocks - 1;
        const double half = states[s].half;
        fprintf(figure->script,
                "%sdata skip 1 every :::%zu::%zu using 4:5:(%g):(%g):6 with boxxyerror fs %s noborder lc palette",
                separator, block, block, half, half, states[s].fill);
        separator = ", \\\n     ";
        if (s == 0)
            fprintf(figure->script,
                    "%sdata skip 1 every :::%zu::%zu using (column(8) == 1 ? column(4) : 1/0):5:(0.44):(0.44) with "
                    "boxxyerror lc rgb '#000000' lw 2 fs empty border lc rgb '#000000'",
                    separator, block, block);
        /* a dark cell has white digits */
        fprintf(figure->script,
                "%sdata skip 1 every :::%zu::%zu using 4:5:7:(%s ? 0xffffff : 0x000000) with labels%s tc rgb "
                "variable font 'sans-serif,%d'",
                separator, block, block, s == 1 ? "0" : "abs(column(6)) > 0.7*top", s == 1 ? " boxed" : "", font);
    }
    fputc('\n', figure->script);
}

/* Where the matrix lies in its picture, in pixels. */
enum { LEFT = 90, RIGHT = 150, TOP = 20, BOTTOM = 180, LEGEND = 240, WIDTH_LEAST = 420 };

static int draw_matrix(struct report *report, struct error *error) {
    const struct report_scores *scores = &report->input->scores;
    const int side = (scores->count < SMALL_FROM ? CELL : CELL_SMALL) * (int)scores->count,
              height = TOP + side + BOTTOM;
    const int width = LEFT + side + RIGHT < WIDTH_LEAST ? WIDTH_LEAST : LEFT + side + RIGHT;
    const double top = largest_score(report->data, scores->size);
    size_t order[LANGUAGES_MAX];
    struct figure figure;
    char caption[640];
    order_by_family(scores, order);
    if (figure_begin(&figure, report, "transfer-matrix", width, height, error) != 0)
        return -1;
    fputs("source,target,state,x,y,bts,label,best_five\n", figure.csv);
    fprintf(figure.script,
            "top = %g\nset style textbox opaque noborder margins 0.3,0.3\n"
            "set palette defined (-1 '#b35806', -0.5 '#f1a340', 0 '#f7f7f7', 0.5 '#67a9cf', 1 '#2166ac')\n"
            "set cbrange [-top:top]\nset cbtics top/2\nset format cb '%%+.2f'\n"
            "set cblabel \"BTS: orange hurts, blue helps\\nframed: the five best sources of a target\" offset 0,0.4\n"
            "set colorbox horizontal user origin screen %.4f,screen %.4f size screen %.4f,screen %.4f\n",
            top, (double)LEFT / width, 71.0 / height, (double)(side > LEGEND ? side : LEGEND) / width, 11.0 / height);
    fprintf(figure.script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\n"
            "set tmargin at screen %.4f\nunset grid\nset border 0\n"
            "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\nset xlabel 'source' offset 0,0.3\n"
            "set ylabel 'target' offset 1,0\n",
            (double)LEFT / width, (double)(LEFT + side) / width, (double)BOTTOM / height, 1 - (double)TOP / height,
            scores->count - 1, scores->count - 1);
    write_tics(figure.script, scores->count < SMALL_FROM ? "xtics scale 0" : "xtics scale 0 rotate by 90 right", scores,
               order);
    write_tics(figure.script, "ytics scale 0", scores, order);
    write_families(figure.script, scores, order);
    plot_matrix(&figure, order);
    snprintf(
        caption, sizeof caption,
        "BTS(source→target): 0 is neutral, 1 means that tokens of the source are worth as much as those of the "
        "target. Full cells: measured, the five best sources of each target framed. Hatched, with &lt;: a bound, the "
        "score is lower. Small, with ~: predicted. Empty: not known. %s",
        scores->families ? "Families stand together between lines."
                         : "Families were not told; with --languages they stand together.");
    return figure_end(&figure, "Bilingual transfer scores", caption, error);
}

/* ---- symmetry ---- */

static int draw_symmetry(struct report *report, struct error *error) {
    static const char title[] = "Is transfer symmetric?";
    const struct report_scores *scores = &report->input->scores;
    const size_t n = scores->count;
    struct figure figure;
    char caption[320];
    size_t couples = 0;
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++)
            couples += isfinite(scores->scores[a * n + b]) && isfinite(scores->scores[b * n + a]);
    if (couples == 0) {
        report_leave_out(report, title, "no pair of languages is measured in both directions");
        return 0;
    }
    if (figure_begin(&figure, report, "transfer-symmetry", 520, 460, error) != 0)
        return -1;
    fputs("a,b,bts_a_to_b,bts_b_to_a\n", figure.csv);
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) {
            const double forth = scores->scores[b * n + a], back = scores->scores[a * n + b];
            if (!isfinite(forth) || !isfinite(back))
                continue;
            text_csv(figure.csv, scores->languages[a]);
            fputc(',', figure.csv);
            text_csv(figure.csv, scores->languages[b]);
            text_cell(figure.csv, forth);
            text_cell(figure.csv, back);
            fputc('\n', figure.csv);
        }
    fprintf(
        figure.script,
        "set xlabel 'BTS(a→b)'\nset ylabel 'BTS(b→a)'\nset size square\n"
        "plot data skip 1 using 3:4 with points pt 7 ps 0.6 lc '#0072B2', data skip 1 using 4:3 with points pt 6 ps "
        "0.6 lc '#0072B2', x lc '#888888' dt 2%s\n",
        n <= 8 ? ", data skip 1 using 3:4:(sprintf('%s-%s', strcol(1), strcol(2))) with labels left offset 0.7,0.4 "
                 "font 'sans-serif,9' tc '#555555'"
               : "");
    const double r = transfer_symmetry(n, scores->scores);
    if (isfinite(r))
        snprintf(caption, sizeof caption,
                 "Each of %zu pairs of languages twice, in both orders (filled, hollow). On the dashed line both "
                 "directions are worth the same. Pearson correlation r = %+.3f.",
                 couples, r);
    else
        snprintf(caption, sizeof caption,
                 "Each of %zu pairs of languages twice, in both orders (filled, hollow). Too few for a correlation.",
                 couples);
    return figure_end(&figure, title, caption, error);
}

/* ---- groups ---- */

/* The scores of pairs within (or across) groups as a block; returns how many. */
static size_t write_pairs(struct figure *figure, const char *group, const int *groups, bool same) {
    const struct report_scores *scores = &figure->report->input->scores;
    const size_t n = scores->count;
    size_t count = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            const double bts = scores->scores[t * n + s];
            if (s == t || !isfinite(bts) || groups[s] < 0 || groups[t] < 0 || (groups[s] == groups[t]) != same)
                continue;
            fprintf(figure->csv, "%s %s,", same ? "same" : "different", group);
            text_csv(figure->csv, scores->languages[s]);
            fputc(',', figure->csv);
            text_csv(figure->csv, scores->languages[t]);
            text_cell(figure->csv, bts);
            fputc('\n', figure->csv);
            count++;
        }
    if (count > 0)
        figure_end_block(figure);
    return count;
}

static int plot_group(struct figure *figure, const char *group, const int *groups, struct error *error) {
    const struct report_scores *scores = &figure->report->input->scores;
    struct group_effect effect;
    char heading[160];
    if (transfer_group_effect(scores->count, scores->scores, groups, PERMUTATION_SEED, &effect, error) != 0)
        return -1;
    const size_t first = figure->blocks, same = write_pairs(figure, group, groups, true), middle = figure->blocks,
                 different = write_pairs(figure, group, groups, false);
    if (same + different == 0)
        return 0;
    if (isfinite(effect.p_pairs))
        snprintf(heading, sizeof heading, "%s: p = %.4f (pairs), %.4f (languages)", group, effect.p_pairs,
                 effect.p_languages);
    else
        snprintf(heading, sizeof heading, "%s: no test, one side is empty", group);
    figure_panel(figure, heading);
    fprintf(figure->script, "set xtics (\"same\\n%zu pairs\" 0, \"different\\n%zu pairs\" 1)\nplot ", same, different);
    if (same > 0)
        fprintf(figure->script, "data skip 1 every :::%zu::%zu using (0):4 with boxplot lc '#0072B2'%s", first, first,
                different > 0 ? ", " : "");
    if (different > 0)
        fprintf(figure->script, "data skip 1 every :::%zu::%zu using (1):4 with boxplot lc '#D55E00'", middle, middle);
    fputc('\n', figure->script);
    return 0;
}

static int draw_groups(struct report *report, struct error *error) {
    static const char title[] = "Script and family";
    const struct report_scores *scores = &report->input->scores;
    struct figure figure;
    if (!scores->families) {
        report_leave_out(report, title, "scripts and families were not told; --languages CSV tells them");
        return 0;
    }
    if (figure_begin(&figure, report, "transfer-groups", 760, 400, error) != 0)
        return -1;
    fputs("group,source,target,bts\n", figure.csv);
    fputs("set multiplot layout 1,2\nset bmargin 3.5\nset ylabel 'BTS'\nset xrange [-0.6:1.6]\nset style boxplot "
          "outliers pointtype 6\n"
          "set style data boxplot\nset boxwidth 0.5\nset pointsize 0.4\nset style fill solid 0.25 border -1\n",
          figure.script);
    if (plot_group(&figure, "script", scores->scripts, error) != 0 ||
        plot_group(&figure, "family", scores->families, error) != 0) {
        figure_drop(&figure);
        return -1;
    }
    return figure_end(&figure, title,
                      "Measured scores of pairs of one script or family against all others: median, quartiles, "
                      "whiskers to 1.5 times the box, circles beyond. p: two-sided permutation test of the "
                      "difference of the means, with scores shuffled over pairs, and with groups shuffled over "
                      "languages (the one to trust: pairs that share a language are not independent).",
                      error);
}

int draw_transfer(struct report *report, struct error *error) {
    const struct report_scores *scores = &report->input->scores;
    fputs("<h2 id=\"transfer\">Transfer between languages</h2>\n", report->page);
    if (!scores->size) {
        report_leave_out(report, "Transfer matrix, symmetry, script and family",
                         "the archive holds no transfer scores; they need bilingual runs and monolingual runs of the "
                         "same size");
        return 0;
    }
    fputs("<p>At the size <strong>", report->page);
    text_html(report->page, scores->size);
    fputs("</strong>.</p>\n", report->page);
    return draw_matrix(report, error) != 0 || draw_symmetry(report, error) != 0 || draw_groups(report, error) != 0 ? -1
                                                                                                                   : 0;
}
