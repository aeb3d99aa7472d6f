/* Loss curves: of every run on what it trains on, and by language on held-out text. */
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE_POINTS = 40, LOSS_POINTS = 30, LANGUAGE_PANELS = 12, KINDS_MAX = 8 };

/* ---- by run ---- */

/* What both files of curves say of a run. */
static void run_cells(FILE *csv, const struct run_record *run) {
    text_csv(csv, run->kind);
    fputc(',', csv);
    text_csv(csv, run->name);
    fputc(',', csv);
    text_csv(csv, run->size);
    text_cell(csv, (double)run->parameters);
}

/* The training curve of a run as a block; false: there is nothing to draw. */
static bool write_training_curve(struct figure *figure, const struct run_record *run, size_t first, size_t end) {
    const struct curve_point *points = figure->report->data->curves;
    struct thinning thinning =
        thinning_of(fmax(1, (double)points[first].tokens), fmax(1, (double)points[end - 1].tokens), CURVE_POINTS);
    bool any = false;
    for (size_t i = first; i < end; i++) {
        if (!(points[i].loss > 0) || !isfinite(points[i].loss) || points[i].tokens == 0 ||
            !thinning_keeps(&thinning, (double)points[i].tokens, i + 1 == end))
            continue;
        any = true;
        fprintf(figure->csv, "%u,", run->run);
        run_cells(figure->csv, run);
        text_cell(figure->csv, (double)points[i].tokens);
        text_cell(figure->csv, points[i].loss);
        fputc('\n', figure->csv);
    }
    if (any)
        figure_end_block(figure);
    return any;
}

/* All runs of a kind; returns how many have a curve. */
static size_t write_kind(struct figure *figure, const char *kind) {
    const struct study_data *data = figure->report->data;
    size_t count = 0;
    for (size_t i = 0, end; i < data->curve_count; i = end) {
        const struct run_record *run = &data->runs[data->curves[i].run];
        for (end = i; end < data->curve_count && data->curves[end].run == run->run; end++)
            ;
        if (strcmp(run->kind, kind) == 0)
            count += write_training_curve(figure, run, i, end);
    }
    return count;
}

/* The kinds of the runs that have curves, by their first run. */
static int find_kinds(const struct study_data *data, const char *kinds[KINDS_MAX]) {
    int count = 0;
    for (size_t i = 0; i < data->curve_count; i++) {
        const char *kind = data->runs[data->curves[i].run].kind;
        int k = 0;
        while (k < count && strcmp(kinds[k], kind) != 0)
            k++;
        if (k == count && count < KINDS_MAX)
            kinds[count++] = kind;
    }
    return count;
}

static int draw_training_curves(struct report *report, struct error *error) {
    static const char title[] = "Training loss of every run";
    const char *kinds[KINDS_MAX];
    struct figure figure;
    const int count = find_kinds(report->data, kinds);
    if (count == 0) {
        report_leave_out(report, title, "no run has told a point of its curve yet");
        return 0;
    }
    if (figure_begin_panels(&figure, report, "training-curves", count, error) != 0)
        return -1;
    fputs("run,kind,name,size,parameters,tokens,loss\n", figure.csv);
    figure_color_by_parameters(&figure);
    fputs("set logscale x\nset format x '%.0s%c'\nset xlabel 'tokens seen' offset 0,0.7\n"
          "set ylabel 'training loss, nats/token' offset 1,0\n",
          figure.script);
    for (int k = 0; k < count; k++) {
        char heading[64];
        const size_t first = figure.blocks, runs = write_kind(&figure, kinds[k]);
        if (runs == 0)
            continue;
        snprintf(heading, sizeof heading, "%s, %zu run%s", kinds[k], runs, runs == 1 ? "" : "s");
        figure_panel(&figure, heading);
        fprintf(figure.script, "plot data skip 1 every :::%zu::%zu using 6:7:5 with lines lc palette lw 1\n", first,
                figure.blocks - 1);
    }
    return figure_end(&figure, title,
                      "One line a run, one panel a kind of run. Each point is the mean loss of the steps before it; "
                      "curves are thinned for the page, the archive holds every point.",
                      error);
}

/* ---- by language ---- */

static bool learned(const struct run_record *run, const char *language) {
    for (uint32_t l = 0; l < run->language_count; l++)
        if (strcmp(run->languages[l].language, language) == 0)
            return true;
    return false;
}

static bool write_loss_curve(struct figure *figure, const struct run_record *run, const char *language) {
    const struct loss_curve curve = report_curve(figure->report, run->run, language, true, false, 0);
    if (curve.count < 2)
        return false;
    struct thinning thinning = thinning_of(curve.tokens[0], curve.tokens[curve.count - 1], LOSS_POINTS);
    for (size_t i = 0; i < curve.count; i++) {
        if (!thinning_keeps(&thinning, curve.tokens[i], i + 1 == curve.count))
            continue;
        text_csv(figure->csv, language);
        fprintf(figure->csv, ",%u,", run->run);
        run_cells(figure->csv, run);
        text_cell(figure->csv, curve.tokens[i]);
        text_cell(figure->csv, curve.losses[i]);
        fputc('\n', figure->csv);
    }
    figure_end_block(figure);
    return true;
}

/* Runs that learned the language, the monolingual ones or the others. */
static size_t write_language(struct figure *figure, const char *language, bool monolingual) {
    const struct study_data *data = figure->report->data;
    size_t count = 0;
    for (size_t r = 0; r < data->run_count; r++)
        if ((strcmp(data->runs[r].kind, "monolingual") == 0) == monolingual && learned(&data->runs[r], language))
            count += write_loss_curve(figure, &data->runs[r], language);
    return count;
}

static void plot_language(struct figure *figure, const char *language, bool draw) {
    char heading[64];
    const size_t first = figure->blocks, alone = write_language(figure, language, true), middle = figure->blocks,
                 mixed = write_language(figure, language, false);
    if (!draw || alone + mixed == 0)
        return;
    snprintf(heading, sizeof heading, ISOLATED ": %zu alone, %zu with others", language, alone, mixed);
    figure_panel(figure, heading);
    fputs("plot ", figure->script);
    if (alone > 0)
        fprintf(figure->script, "data skip 1 every :::%zu::%zu using 7:8:6 with lines lc palette lw 1.4%s", first,
                middle - 1, mixed > 0 ? ", " : "");
    if (mixed > 0)
        fprintf(figure->script, "data skip 1 every :::%zu::%zu using 7:8:6 with lines lc palette lw 1 dt 3", middle,
                figure->blocks - 1);
    fputc('\n', figure->script);
}

struct evaluated {
    size_t runs, number; /* that learned it and were evaluated on it; place in the order of names */
    char language[LANGUAGE_CODE_SIZE];
};

static int compare_evaluated(const void *left, const void *right) {
    const struct evaluated *a = left, *b = right;
    return a->runs != b->runs ? (a->runs < b->runs ? 1 : -1) : (a->number > b->number) - (a->number < b->number);
}

/* Languages that runs learned and were evaluated on, by how many did. */
static size_t find_languages(const struct report *report, struct evaluated *languages) {
    const struct study_data *data = report->data;
    size_t count = 0;
    for (size_t r = 0; r < data->run_count; r++)
        for (uint32_t l = 0; l < data->runs[r].language_count; l++) {
            const char *language = data->runs[r].languages[l].language;
            size_t k = 0;
            if (report_curve(report, (uint32_t)r, language, true, false, 0).count < 2)
                continue;
            while (k < count && strcmp(languages[k].language, language) != 0)
                k++;
            if (k == LANGUAGES_MAX)
                continue;
            if (k == count) {
                languages[count] = (struct evaluated){.number = count};
                memcpy(languages[count++].language, language, LANGUAGE_CODE_SIZE);
            }
            languages[k].runs++;
        }
    qsort(languages, count, sizeof *languages, compare_evaluated);
    return count;
}

static int draw_loss_curves(struct report *report, struct error *error) {
    static const char title[] = "Held-out loss by language";
    struct evaluated languages[LANGUAGES_MAX] = {0};
    struct figure figure;
    const size_t count = find_languages(report, languages), panels = count < LANGUAGE_PANELS ? count : LANGUAGE_PANELS;
    char caption[512];
    if (count == 0) {
        report_leave_out(report, title, "no run was evaluated twice on a language that it learned");
        return 0;
    }
    if (figure_begin_panels(&figure, report, "loss-curves", (int)panels, error) != 0)
        return -1;
    fputs("language,run,kind,name,size,parameters,tokens_target,cross_entropy\n", figure.csv);
    figure_color_by_parameters(&figure);
    fputs("set cblabel 'parameters N; solid: trained on the language alone, dotted: on others, too' offset 0,0.6\n"
          "set logscale x\nset format x '%.0s%c'\nset xlabel 'tokens seen of the language' offset 0,0.7\n"
          "set ylabel 'test loss, nats/token' offset 1,0\n",
          figure.script);
    for (size_t k = 0; k < count; k++)
        plot_language(&figure, languages[k].language, k < panels);
    snprintf(
        caption, sizeof caption,
        "Cross entropy on the test set against tokens of that language alone: solid, monolingual runs; dotted, runs "
        "that learned others too (in the heading: how many of each). %zu of %zu languages are drawn, those with "
        "most runs; the CSV file has all.",
        panels, count);
    return figure_end(&figure, title, caption, error);
}

int draw_curves(struct report *report, struct error *error) {
    fputs("<h2 id=\"curves\">Loss curves</h2>\n", report->page);
    return draw_training_curves(report, error) != 0 ? -1 : draw_loss_curves(report, error);
}
