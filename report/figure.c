#include "report/figure.h"
#include "report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PANEL_COLUMNS = 3,
    PANEL_WIDTH = 310,
    PANEL_HEIGHT = 250,
    LEGEND_HEIGHT = 70,
    SVG_LIMIT = 64 << 20,
    MARKS_MAX = 6
};

/* ---- gnuplot ---- */

/* Its exit status; -1: it could not be started. No shell, no start-up file, nothing printed. */
static int run_gnuplot(const char *folder, const char *word) {
    const pid_t child = fork();
    if (child == 0) {
        const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(nothing, 1) >= 0 && dup2(nothing, 2) >= 0 &&
            chdir(folder) == 0)
            execlp("gnuplot", "gnuplot", "-d", word, (char *)NULL);
        _exit(127);
    }
    int status;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

int report_find_gnuplot(struct error *error) {
    if (run_gnuplot(".", "--version") != 0)
        return error_set(error, ERROR_FAILED,
                         "gnuplot, which draws the figures, cannot be started; install it: apt-get install "
                         "gnuplot-nox");
    return 0;
}

/* ---- a figure ---- */

static int open_file(const struct figure *figure, const char *ending, FILE **file, struct error *error) {
    char name[64], path[FILE_PATH_SIZE];
    snprintf(name, sizeof name, "%s%s", figure->name, ending);
    if (file_join(path, figure->report->folder, name, error) != 0)
        return -1;
    *file = fopen(path, "wx");
    return *file ? 0 : error_set_errno(error, ERROR_FAILED, "%s: cannot be written", path);
}

int figure_begin(struct figure *figure, struct report *report, const char *name, int width, int height,
                 struct error *error) {
    *figure = (struct figure){.report = report, .name = name};
    if (open_file(figure, ".csv", &figure->csv, error) != 0)
        return -1;
    if (open_file(figure, ".gp", &figure->script, error) != 0) {
        fclose(figure->csv);
        return -1;
    }
    fprintf(figure->script,
            "set encoding utf8\n"
            "set terminal svg size %d,%d noenhanced font 'sans-serif,12' background '#ffffff'\n"
            "set output '%s.svg'\n"
            "set datafile separator comma\n"
            "set datafile commentschars ''\n"
            "set border 3 lc '#777777'\n"
            "set tics nomirror out scale 0.5\n"
            "set grid lc '#dddddd' lt 1 lw 0.5\n"
            "set key noautotitle\n"
            "data = '%s.csv'\n",
            width, height, name, name);
    return 0;
}

int figure_begin_panels(struct figure *figure, struct report *report, const char *name, int panels,
                        struct error *error) {
    const int columns = panels < PANEL_COLUMNS ? panels : PANEL_COLUMNS, rows = (panels + columns - 1) / columns;
    const double larger = panels == 1 ? 2 : 1; /* one alone */
    const double width = larger * columns * PANEL_WIDTH, panel_height = (1 + larger) / 2 * PANEL_HEIGHT,
                 height = rows * panel_height + LEGEND_HEIGHT;
    if (figure_begin(figure, report, name, (int)width, (int)height, error) != 0)
        return -1;
    fprintf(
        figure->script,
        "set multiplot layout %d,%d margins screen %.4f,screen %.4f,screen %.4f,screen %.4f spacing screen %.4f,screen "
        "%.4f\n",
        rows, columns, 62 / width, 1 - 16 / width, (LEGEND_HEIGHT + 44) / height, 1 - 26 / height, 64 / width,
        80 / height);
    return 0;
}

void figure_panel(struct figure *figure, const char *title) {
    if (figure->panels++ == 1)
        fputs("unset colorbox\n", figure->script);
    fputs("set title ", figure->script);
    text_gnuplot(figure->script, title);
    fputs(" offset 0,-0.7\n", figure->script);
}

/* Marks the sizes themselves on the colours, when they are few. */
static void mark_parameters(FILE *script, const struct study_data *data) {
    uint64_t sizes[MARKS_MAX];
    size_t count = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        size_t k = 0;
        while (k < count && sizes[k] != data->runs[r].parameters)
            k++;
        if (k == MARKS_MAX)
            return;
        if (k == count)
            sizes[count++] = data->runs[r].parameters;
    }
    for (size_t k = 0; k < count; k++) {
        fputs(k == 0 ? "set cbtics ('" : ",'", script);
        text_magnitude(script, (double)sizes[k]);
        fprintf(script, "' %" PRIu64, sizes[k]);
    }
    fputs(count > 0 ? ")\n" : "", script);
}

void figure_color_by_parameters(struct figure *figure) {
    const struct study_data *data = figure->report->data;
    double least = INFINITY, most = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        least = fmin(least, (double)data->runs[r].parameters);
        most = fmax(most, (double)data->runs[r].parameters);
    }
    if (!(least < most)) {
        least /= 2;
        most *= 2;
    }
    /* viridis without its lightest end, which white paper swallows */
    fprintf(figure->script,
            "set palette defined (0 '#440154', 0.3 '#3b528b', 0.6 '#21918c', 1 '#7ad151')\n"
            "set logscale cb\n"
            "set cbrange [%g:%g]\n"
            "set format cb '%%.0s%%c'\n"
            "set cblabel 'parameters N of the model' offset 0,0.6\n"
            "set colorbox horizontal user origin screen 0.25,char 2.6 size screen 0.5,char 0.7\n",
            fmax(least, 1), fmax(most, 2));
    mark_parameters(figure->script, data);
}

void figure_end_block(struct figure *figure) {
    fputc('\n', figure->csv);
    figure->blocks++;
}

/* ---- onto the page ---- */

void figure_drop(struct figure *figure) {
    static const char *const endings[] = {".csv", ".gp"};
    fclose(figure->csv);
    fclose(figure->script);
    for (int i = 0; i < 2; i++) {
        char name[64], path[FILE_PATH_SIZE];
        snprintf(name, sizeof name, "%s%s", figure->name, endings[i]);
        if (file_join(path, figure->report->folder, name, NULL) == 0)
            unlink(path);
    }
}

void report_leave_out(struct report *report, const char *title, const char *why) {
    fprintf(report->left_out, "<li>%s: ", title);
    text_html(report->left_out, why);
    fputs(".</li>\n", report->left_out);
}

static int show(struct figure *figure, const char *title, const char *caption, struct error *error) {
    FILE *page = figure->report->page;
    const char *name = figure->name;
    char file[64], path[FILE_PATH_SIZE], *svg;
    size_t size;
    snprintf(file, sizeof file, "%s.svg", name);
    if (file_join(path, figure->report->folder, file, error) != 0 ||
        file_read(path, SVG_LIMIT, &svg, &size, error) != 0)
        return -1;
    fprintf(page,
            "<figure id=\"%s\">\n<h3>%s</h3>\n<div class=\"wide\"><img alt=\"%s\" src=\"data:image/svg+xml;base64,",
            name, title, title);
    text_base64(page, (const unsigned char *)svg, size);
    fprintf(page,
            "\"></div>\n<figcaption>%s <span class=\"files\"><a href=\"figures/%s.svg\">SVG</a> "
            "<a href=\"figures/%s.csv\">CSV</a> <a href=\"figures/%s.gp\">gnuplot</a></span></figcaption>\n</figure>\n",
            caption, name, name, name);
    free(svg);
    return 0;
}

int figure_end(struct figure *figure, const char *title, const char *caption, struct error *error) {
    char script[64];
    const bool written = !ferror(figure->csv) && !ferror(figure->script);
    const bool closed = fclose(figure->csv) == 0, closed_too = fclose(figure->script) == 0;
    if (!written || !closed || !closed_too)
        return error_set_errno(error, ERROR_FAILED, "%s/%s: cannot be written", figure->report->folder, figure->name);
    snprintf(script, sizeof script, "%s.gp", figure->name);
    if (run_gnuplot(figure->report->folder, script) == 0)
        return show(figure, title, caption, error);
    report_leave_out(figure->report, title, "gnuplot could not draw its numbers; its script says why");
    return 0;
}

/* ---- curves ---- */

struct loss_curve report_curve(const struct report *report, uint32_t run, const char *language, bool of_target,
                               bool constant, int slot) {
    const struct report_input *input = report->input;
    double *tokens = report->room + 2 * (size_t)slot * report->room_rows, *losses = tokens + report->room_rows;
    const double last_step = (1 - input->decay_fraction) * (double)report->data->runs[run].steps;
    struct loss_curve curve = {0, tokens, losses};
    for (size_t i = report->loss_start[run]; i < report->loss_start[run + 1]; i++) {
        const struct loss_point *point = &report->data->losses[i];
        const double x = (double)(of_target ? point->tokens_target : point->tokens);
        if (strcmp(point->language, language) != 0 || strcmp(point->set, "test") != 0 || !(x > 0) ||
            !isfinite(point->cross_entropy) || (curve.count > 0 && x <= tokens[curve.count - 1]) ||
            (constant && (point->step <= input->warmup_steps || (double)point->step > last_step)))
            continue;
        tokens[curve.count] = x;
        losses[curve.count++] = point->cross_entropy;
    }
    return curve;
}

struct thinning thinning_of(double first, double last, int most) {
    return (struct thinning){first, pow(last / first, 1.0 / most)};
}

bool thinning_keeps(struct thinning *thinning, double x, bool last) {
    if (x < thinning->next && !last)
        return false;
    thinning->next = x * thinning->factor;
    return true;
}
