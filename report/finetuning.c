/* Pretrain or finetune: the curves of both, and where they cross. */
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CROSSOVER_PANELS = 12 };

static bool write_curve(struct figure *figure, const struct crossover_record *record, const char *kind) {
    const struct run_record *run = study_find_run(figure->report->data, kind, record->language, record->size, 0);
    if (!run)
        return false;
    const struct loss_curve curve = report_curve(figure->report, run->run, record->language, false, false, 0);
    for (size_t i = 0; i < curve.count; i++) {
        text_csv(figure->csv, record->language);
        fputc(',', figure->csv);
        text_csv(figure->csv, record->size);
        fprintf(figure->csv, ",%s", kind);
        text_cell(figure->csv, curve.tokens[i]);
        text_cell(figure->csv, curve.losses[i]);
        fputc('\n', figure->csv);
    }
    if (curve.count > 0)
        figure_end_block(figure);
    return curve.count > 0;
}

/* The crossing as an upright line through the panel, its interval as a band. */
static void write_crossing(FILE *script, const struct crossover_record *record) {
    fputs("unset object\nunset arrow\n", script);
    if (isfinite(record->low) && isfinite(record->high) && record->low > 0)
        fprintf(script, "set object rectangle from %g,graph 0 to %g,graph 1 behind fs solid noborder fc '#eeeeee'\n",
                record->low, record->high);
    if (isfinite(record->tokens) && record->tokens > 0)
        fprintf(script, "set arrow from %g,graph 0 to %g,graph 1 nohead lc '#555555' dt 2\n", record->tokens,
                record->tokens);
}

static void plot_crossover(struct figure *figure, const struct crossover_record *record, bool draw) {
    static const char *const verdicts[] = {"measured", "later", "earlier"};
    static const char *const meanings[] = {"crossing measured", "no crossing yet", "crossed before"};
    const char *meaning = record->state;
    char heading[128];
    const size_t first = figure->blocks;
    const bool scratch = write_curve(figure, record, "monolingual");
    const size_t second = figure->blocks;
    const bool finetuned = write_curve(figure, record, "finetune");
    if (!scratch || !finetuned || !draw)
        return;
    for (int i = 0; i < 3; i++)
        if (strcmp(record->state, verdicts[i]) == 0)
            meaning = meanings[i];
    snprintf(heading, sizeof heading, ISOLATED ", " ISOLATED ": %s", record->language, record->size, meaning);
    figure_panel(figure, heading);
    write_crossing(figure->script, record);
    fprintf(
        figure->script,
        "plot data skip 1 every :::%zu::%zu using 4:5 with lines lw 2 lc '#0072B2' title 'from scratch', data skip 1 "
        "every :::%zu::%zu using 4:5 with lines lw 2 lc '#D55E00' dt 2 title 'finetuned'\n",
        first, first, second, second);
}

int draw_finetuning(struct report *report, struct error *error) {
    static const char title[] = "Pretrain or finetune?";
    const struct study_data *data = report->data;
    const size_t count = data->crossover_count, panels = count < CROSSOVER_PANELS ? count : CROSSOVER_PANELS;
    struct figure figure;
    char caption[400];
    fputs("<h2 id=\"finetuning\">Pretrain or finetune</h2>\n", report->page);
    if (count == 0) {
        report_leave_out(report, title,
                         "the archive holds no crossovers; they need a finetuned and a monolingual run of one language "
                         "and size");
        return 0;
    }
    if (figure_begin_panels(&figure, report, "crossovers", (int)panels, error) != 0)
        return -1;
    fputs("language,size,kind,tokens,cross_entropy\n", figure.csv);
    fputs("set logscale x\nset format x '%.0s%c'\nset xlabel 'tokens of training or finetuning' offset 0,0.7\n"
          "set ylabel 'test loss, nats/token' offset 1,0\nset key top right samplen 2\n",
          figure.script);
    for (int measured = 1; measured >= 0; measured--) /* those that were measured first */
        for (size_t i = 0; i < count; i++)
            if ((strcmp(data->crossovers[i].state, "measured") == 0) == measured)
                plot_crossover(&figure, &data->crossovers[i], figure.panels < (int)panels);
    snprintf(caption, sizeof caption,
             "Test loss of the run from scratch and of the run that began with a multilingual model. Upright: where "
             "the first passes below the second, and its interval. With fewer tokens, finetune. %zu of %zu are drawn, "
             "the CSV file has all.",
             panels, count);
    return figure_end(&figure, title, caption, error);
}
