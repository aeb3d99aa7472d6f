/* Tables of the page: laws, hold-outs, what was not fitted, runs. */
#include "report/figure.h"
#include "report/text.h"

#include <math.h>
#include <string.h>

/* ---- laws ---- */

static void number_cell(FILE *page, const char *format, double value) {
    fputs("<td class=\"n\">", page);
    if (isfinite(value))
        fprintf(page, format, value);
    else
        fputc('?', page);
    fputs("</td>", page);
}

static void write_parameters(FILE *page, const struct law_record *law) {
    fputs("<td class=\"parameters\">", page);
    for (uint32_t p = 0; p < law->parameter_count; p++) {
        const struct law_parameter *parameter = &law->parameters[p];
        fputs("<span class=\"parameter\"><bdi>", page);
        text_html(page, parameter->name);
        fputs("</bdi>", page);
        if (isfinite(parameter->value))
            fprintf(page, " = %.4g", parameter->value);
        else
            fputs(" = ?", page);
        if (isfinite(parameter->standard_error))
            fprintf(page, " ± %.2g", parameter->standard_error);
        fputs("</span> ", page);
    }
    fputs("</td>", page);
}

static void write_laws(struct report *report) {
    FILE *page = report->page;
    const struct study_data *data = report->data;
    if (data->law_count == 0) {
        report_leave_out(report, "Table of laws", "the archive holds no laws");
        return;
    }
    fputs("<h3>All fitted laws</h3>\n<p>± one standard error; ? = not determined by the points.</p>\n"
          "<div class=\"wide\"><table "
          "id=\"all-laws\"><thead><tr><th>law</th><th>language</th><th>loss</th><th>points</th>"
          "<th>R²</th><th>parameters</th></tr></thead><tbody>\n",
          page);
    for (size_t i = 0; i < data->law_count; i++) {
        const struct law_record *law = &data->laws[i];
        fputs("<tr><td>", page);
        text_html(page, law->law);
        fputs("</td><td>", page);
        text_html(page, law->language);
        fputs("</td><td>", page);
        text_html(page, law->loss);
        fprintf(page, "</td><td class=\"n\">%u</td>", law->points);
        number_cell(page, "%.4f", law->r2);
        write_parameters(page, law);
        fputs("</tr>\n", page);
    }
    fputs("</tbody></table></div>\n", page);
}

static void write_holdouts(struct report *report) {
    static const char *const meanings[HOLDOUTS] = {"the fit itself", "a random fifth",     "largest sizes N",
                                                   "most tokens D",  "most compute 6·N·D", "mixtures"};
    const struct comparison *comparison = report->input->comparison;
    FILE *page = report->page;
    if (!comparison) {
        report_leave_out(report, "R² of laws on points held out",
                         "it takes many fits; ask for it with --holdouts, for an archive with mixtures");
        return;
    }
    fputs("<h3>R² of laws on points held out</h3>\n<p>Averages over the target languages. Below 0, the mean of the "
          "held-out losses would have been the better guess.</p>\n<div class=\"wide\"><table "
          "id=\"holdouts\"><thead><tr><th>law</th>",
          page);
    for (int h = 0; h < HOLDOUTS; h++)
        fprintf(page, "<th>%s</th>", meanings[h]);
    fputs("</tr></thead><tbody>\n", page);
    for (int law = 0; law < COMPARED_LAWS; law++) {
        fprintf(page, "<tr><td>%s%s</td>", law >= COMPARED_ATLAS_TARGET ? "ATLAS, " : "", compared_law_names[law]);
        for (int h = 0; h < HOLDOUTS; h++)
            number_cell(page, "%.3f", comparison->r2[law][h]);
        fputs("</tr>\n", page);
    }
    fputs("</tbody></table></div>\n", page);
}

/* The parameters of a law that its points do not determine, as an item; returns how many. */
static size_t write_undetermined(FILE *page, const struct law_record *law) {
    size_t count = 0;
    for (uint32_t p = 0; p < law->parameter_count; p++) {
        if (isfinite(law->parameters[p].value))
            continue;
        if (count++ == 0) {
            fputs("<li>", page);
            text_html(page, law->law);
            fputs(" <bdi>", page);
            text_html(page, law->language);
            fputs("</bdi>: these points do not determine <bdi>", page);
        } else
            fputs("</bdi>, <bdi>", page);
        text_html(page, law->parameters[p].name);
    }
    fputs(count > 0 ? "</bdi></li>\n" : "", page);
    return count;
}

/* The lines of the input, and the parameters that no points determine. */
static void write_not_fitted(struct report *report) {
    FILE *page = report->page;
    const struct study_data *data = report->data;
    fputs("<h3 id=\"not-fitted\">What was not fitted, and why</h3>\n<ul>\n", page);
    size_t count = 0;
    for (const char *line = report->input->not_fitted; *line; count++) {
        const size_t length = strcspn(line, "\n");
        char text[1200];
        snprintf(text, sizeof text, "%.*s", (int)length, line);
        text_clean(text, sizeof text);
        fputs("<li>", page);
        text_html(page, text);
        fputs("</li>\n", page);
        line += length + (line[length] == '\n');
    }
    for (size_t i = 0; i < data->law_count; i++)
        count += write_undetermined(page, &data->laws[i]);
    fprintf(page, "%s</ul>\n", count == 0 ? "<li>Everything that could be asked of these runs was fitted.</li>\n" : "");
}

void write_law_tables(struct report *report) {
    write_laws(report);
    write_holdouts(report);
    write_not_fitted(report);
}

/* ---- runs ---- */

/* A number as a person reads it, sorted by what it is. */
static void sorted_cell(FILE *page, const char *format, double shown, double value) {
    fprintf(page, "<td class=\"n\" data-value=\"%.9g\">", value);
    fprintf(page, format, shown);
    fputs("</td>", page);
}

static void magnitude_cell(FILE *page, double value) {
    fprintf(page, "<td class=\"n\" data-value=\"%.9g\">", value);
    text_magnitude(page, value);
    fputs("</td>", page);
}

static void text_cell_of(FILE *page, const char *text) {
    fputs("<td>", page);
    text_html(page, text);
    fputs("</td>", page);
}

/* The last training loss of a run; NaN: none. row: where to go on in the curves. */
static double last_loss(const struct study_data *data, uint32_t run, size_t *row) {
    double loss = NAN;
    for (; *row < data->curve_count && data->curves[*row].run <= run; ++*row)
        if (data->curves[*row].run == run)
            loss = data->curves[*row].loss;
    return loss;
}

static void write_run(FILE *page, const struct run_record *run, const struct run_outcome *outcome, double loss) {
    const double done = run->steps > 0 ? 100.0 * (double)outcome->step / (double)run->steps : 0;
    const double hours = outcome->seconds * outcome->ranks * outcome->threads / 3600;
    fprintf(page, "<tr><td class=\"n\" data-value=\"%u\">%u</td>", run->run, run->run);
    text_cell_of(page, run->kind);
    text_cell_of(page, run->name);
    text_cell_of(page, run->size);
    magnitude_cell(page, (double)run->parameters);
    fprintf(page, "<td class=\"n\" data-value=\"%u\">%u</td>", run->language_count, run->language_count);
    magnitude_cell(page, (double)run->tokens);
    fprintf(page, "<td class=\"n\" data-value=\"%.9g\">%.2g</td>", run->flops, run->flops);
    fprintf(page, "<td class=\"%s\">%s</td>", run_status_name(outcome->status), run_status_name(outcome->status));
    fprintf(page, "<td class=\"n\" data-value=\"%u\">%u</td>", outcome->attempt, outcome->attempt);
    sorted_cell(page, "%.0f%%", done, done);
    sorted_cell(page, "%.3g", hours, hours);
    if (isfinite(loss))
        sorted_cell(page, "%.3f", loss, loss);
    else
        fputs("<td></td>", page);
    text_cell_of(page, outcome->cause);
    fputs("</tr>\n", page);
}

void write_run_table(struct report *report) {
    static const char *const columns[] = {"run",  "kind",   "name",     "size", "N",          "languages",     "tokens",
                                          "FLOP", "status", "attempts", "done", "core hours", "training loss", "cause"};
    const struct study_data *data = report->data;
    size_t row = 0;
    fputs(
        "<h2 id=\"runs\">Runs</h2>\n<p class=\"controls\"><label>Search <input type=\"search\" id=\"search\"></label> "
        "<output id=\"found\"></output> A click on a heading sorts.</p>\n"
        "<div class=\"wide\"><table id=\"run-table\"><thead><tr>",
        report->page);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        fprintf(report->page, "<th><button type=\"button\">%s</button></th>", columns[c]);
    fputs("</tr></thead><tbody>\n", report->page);
    for (size_t r = 0; r < data->run_count; r++)
        write_run(report->page, &data->runs[r], &data->outcomes[r], last_loss(data, (uint32_t)r, &row));
    fputs("</tbody></table></div>\n", report->page);
}
