/* A figure on its way to the page. Whoever draws writes the numbers to csv and the gnuplot commands to script; the
 * script reads the CSV file by its bare name, since gnuplot is started in the folder of both.
 *
 * In the CSV file the points of one line follow one another and an empty line stands between lines: blocks, which
 * gnuplot counts from 0. */
#ifndef SWEEP_REPORT_FIGURE_H
#define SWEEP_REPORT_FIGURE_H

#include "base/file.h"
#include "laws/transfer.h"
#include "report/report.h"

/* A name inside a heading, between the marks of Unicode that keep its direction of writing to itself (U+2068, U+2069).
 */
#define ISOLATED "\xe2\x81\xa8%s\xe2\x81\xa9"

/* All that is drawn has to share. */
struct report {
    const struct report_input *input;
    const struct study_data *data;
    char folder[FILE_PATH_SIZE]; /* of the figures */
    FILE *page, *left_out;       /* HTML */
    size_t *loss_start;          /* [run_count + 1], rows of each run in data->losses */
    double *room;                /* [4, most losses of a run] */
    size_t room_rows;
};

struct figure {
    struct report *report;
    const char *name; /* of its files, without ending */
    FILE *csv, *script;
    size_t blocks; /* written so far, by figure_end_block */
    int panels;
};

/* Opens the files and writes what all scripts begin with; sizes in pixels. After success figure_end. */
int figure_begin(struct figure *figure, struct report *report, const char *name, int width, int height,
                 struct error *error);

/* figure_begin for a grid of panels with a common legend below; each panel is then begun by figure_panel. */
int figure_begin_panels(struct figure *figure, struct report *report, const char *name, int panels,
                        struct error *error);
void figure_panel(struct figure *figure, const char *title);

/* Colours mean parameters: those of the runs span the colours. */
void figure_color_by_parameters(struct figure *figure);

void figure_end_block(struct figure *figure);

/* Removes the files of a figure that has nothing to show after all. */
void figure_drop(struct figure *figure);

/* Draws, and puts the figure into the page below its title and above its caption (HTML of ours). A figure that gnuplot
 * cannot draw is left out and named. */
int figure_end(struct figure *figure, const char *title, const char *caption, struct error *error);

/* Says on the page that a figure is not there, and why; a sentence of ours without its full stop. */
void report_leave_out(struct report *report, const char *title, const char *why);

/* The losses of a run on the test set of a language against the tokens seen, of all languages or of this one alone,
 * without those at 0 tokens. constant: only those of the constant part of the learning rate. The arrays are those of a
 * slot of the report's room, 0 or 1. */
struct loss_curve report_curve(const struct report *report, uint32_t run, const char *language, bool of_target,
                               bool constant, int slot);

/* Which points of a long curve are drawn: about `most`, evenly over the logarithm of x. */
struct thinning {
    double next, factor;
};
struct thinning thinning_of(double first, double last, int most);
bool thinning_keeps(struct thinning *thinning, double x, bool last);

/* The parts of the page. */
int draw_curves(struct report *report, struct error *error);
int draw_laws(struct report *report, struct error *error);
int draw_transfer(struct report *report, struct error *error);
int draw_transfer_trends(struct report *report, struct error *error);
int draw_capacity(struct report *report, struct error *error);
int draw_finetuning(struct report *report, struct error *error);
void write_law_tables(struct report *report);
void write_run_table(struct report *report);

#endif
