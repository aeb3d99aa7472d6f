#include "report/figure.h"
#include "report/text.h"

#include <stdlib.h>
#include <string.h>

/* Nothing is loaded from anywhere, and the browser is told so. Figures are images: no script runs in them, and their
 * names cannot meet. In the dark their light is turned over and their hues are kept. */
static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
    "'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n";
static const char STYLE[] =
    "<style>\n"
    ":root { --paper: #ffffff; --ink: #1a1a1a; --faint: #5f6368; --line: #d5d8dc; --link: #0b57a4; --bad: #b3261e; }\n"
    "body { margin: 0 auto; max-width: 1180px; padding: 1rem; background: var(--paper); color: var(--ink);\n"
    "  font: 16px/1.5 'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans Devanagari', 'Noto Sans Arabic', sans-serif; }\n"
    "h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }\n"
    "a { color: var(--link); } nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }\n"
    "figure { margin: 1.5rem 0 2.5rem; } figcaption { color: var(--faint); max-width: 75ch; }\n"
    "figure img { display: block; max-width: 100%; height: auto; }\n"
    "@media (max-width: 900px) { figure img { max-width: none; } } /* scrolls, so that its text can be read */\n"
    "td.parameters { min-width: 34rem; }\n"
    ".wide { overflow-x: auto; } .files a { margin-left: .6rem; } .parameter { white-space: nowrap; margin-right: "
    ".8em; }\n"
    "dl { display: flex; flex-wrap: wrap; gap: .3rem 2.2rem; } dt { color: var(--faint); font-size: .85rem; }\n"
    "dd { margin: 0; font-size: 1.2rem; }\n"
    "table { border-collapse: collapse; font-size: .85rem; } th { text-align: left; }\n"
    "td, th { padding: .2rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }\n"
    "td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }\n"
    "#run-table td:not(:last-child) { white-space: nowrap; }\n"
    "td.failed { color: var(--bad); font-weight: bold; }\n"
    "th button { all: unset; cursor: pointer; font-weight: bold; white-space: nowrap; }\n"
    "th button:focus-visible { outline: 2px solid var(--link); }\n"
    "th[aria-sort=ascending] button::after { content: ' \\25B2'; }\n"
    "th[aria-sort=descending] button::after { content: ' \\25BC'; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --paper: #121212; --ink: #e8e8e8; --faint: #a0a4a8; --line: #3a3d40; --link: #8ab4f8; --bad: #f2b8b5; "
    "}\n"
    "  figure img { filter: invert(.93) hue-rotate(180deg); }\n"
    "}\n"
    "@media print {\n"
    "  :root { --paper: #ffffff; --ink: #000000; --faint: #444444; --line: #bbbbbb; --link: #000000; }\n"
    "  body { max-width: none; font-size: 10pt; } nav, .controls, .files { display: none; }\n"
    "  figure { break-inside: avoid; } figure img { filter: none; max-width: 100%; }\n"
    "  .wide { overflow: visible; } table { font-size: 7pt; } td, th { padding: 1pt 3pt; }\n"
    "}\n"
    "</style>\n";
static const char SCRIPT[] =
    "<script>\n"
    "'use strict';\n"
    "const table = document.getElementById('run-table'), body = table.tBodies[0];\n"
    "const found = document.getElementById('found'), search = document.getElementById('search');\n"
    "const key = (row, column) => {\n"
    "  const cell = row.cells[column];\n"
    "  return 'value' in cell.dataset ? Number(cell.dataset.value) : cell.textContent;\n"
    "};\n"
    "const order = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b : "
    "String(a).localeCompare(String(b));\n"
    "table.tHead.querySelectorAll('button').forEach((button, column) => button.addEventListener('click', () => {\n"
    "  const head = button.parentElement, down = head.getAttribute('aria-sort') === 'ascending';\n"
    "  table.tHead.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));\n"
    "  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');\n"
    "  const rows = Array.from(body.rows).sort((a, b) => order(key(a, column), key(b, column)));\n"
    "  body.append(...(down ? rows.reverse() : rows));\n"
    "}));\n"
    "const filter = () => {\n"
    "  const words = search.value.toLowerCase().split(/\\s+/);\n"
    "  let count = 0;\n"
    "  for (const row of body.rows) {\n"
    "    const text = row.textContent.toLowerCase();\n"
    "    row.hidden = !words.every(word => text.includes(word));\n"
    "    count += !row.hidden;\n"
    "  }\n"
    "  found.textContent = count + ' of ' + body.rows.length + ' runs.';\n"
    "};\n"
    "search.addEventListener('input', filter);\n"
    "filter();\n"
    "</script>\n";

/* ---- harmless text ---- */

static void clean_languages(struct language_tokens *languages, size_t count) {
    for (size_t l = 0; l < count; l++)
        text_clean(languages[l].language, sizeof languages[l].language);
}

static void clean_runs(struct study_data *data) {
    for (size_t r = 0; r < data->run_count; r++) {
        struct run_record *run = &data->runs[r];
        text_clean(run->kind, sizeof run->kind);
        text_clean(run->name, sizeof run->name);
        text_clean(run->size, sizeof run->size);
        text_clean(data->outcomes[r].cause, sizeof data->outcomes[r].cause);
        clean_languages(run->languages, run->language_count);
    }
    for (size_t i = 0; i < data->loss_count; i++)
        text_clean(data->losses[i].language, sizeof data->losses[i].language);
}

static void clean_results(struct study_data *data) {
    for (size_t i = 0; i < data->transfer_count; i++) {
        text_clean(data->transfer[i].source, sizeof data->transfer[i].source);
        text_clean(data->transfer[i].target, sizeof data->transfer[i].target);
        text_clean(data->transfer[i].size, sizeof data->transfer[i].size);
        text_clean(data->transfer[i].state, sizeof data->transfer[i].state);
    }
    for (size_t i = 0; i < data->crossover_count; i++) {
        text_clean(data->crossovers[i].language, sizeof data->crossovers[i].language);
        text_clean(data->crossovers[i].size, sizeof data->crossovers[i].size);
        text_clean(data->crossovers[i].state, sizeof data->crossovers[i].state);
    }
    for (size_t i = 0; i < data->law_count; i++) {
        struct law_record *law = &data->laws[i];
        text_clean(law->law, sizeof law->law);
        text_clean(law->language, sizeof law->language);
        text_clean(law->loss, sizeof law->loss);
        for (uint32_t p = 0; p < law->parameter_count; p++)
            text_clean(law->parameters[p].name, sizeof law->parameters[p].name);
    }
}

void report_clean(struct study_data *data) {
    text_clean(data->study.name, strlen(data->study.name) + 1);
    text_clean(data->study.version, strlen(data->study.version) + 1);
    clean_runs(data);
    clean_results(data);
}

/* ---- the page ---- */

static void write_number(FILE *page, const char *name, const char *format, double value) {
    fprintf(page, "<div><dt>%s</dt><dd>", name);
    fprintf(page, format, value);
    fputs("</dd></div>\n", page);
}

static void write_summary(struct report *report) {
    const struct study_data *data = report->data;
    double counts[4] = {0}, flops = 0, hours = 0;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_outcome *outcome = &data->outcomes[r];
        const double steps = (double)data->runs[r].steps;
        counts[outcome->status & 3]++;
        flops += steps > 0 ? data->runs[r].flops * (double)outcome->step / steps : 0;
        hours += outcome->seconds * outcome->ranks * outcome->threads / 3600;
    }
    fputs("<dl>\n", report->page);
    write_number(report->page, "runs", "%.0f", (double)data->run_count);
    for (int s = 0; s < 4; s++)
        if (counts[s] > 0)
            write_number(report->page, run_status_name((enum run_status)s), "%.0f", counts[s]);
    write_number(report->page, "FLOP done", "%.3g", flops);
    write_number(report->page, "core hours of the last attempts", "%.3g", hours);
    write_number(report->page, "transfer scores", "%.0f", (double)data->transfer_count);
    write_number(report->page, "laws", "%.0f", (double)data->law_count);
    fputs(
        "</dl>\n<nav><a href=\"#runs\">Runs</a><a href=\"#curves\">Loss curves</a><a href=\"#laws\">Fitted laws</a>"
        "<a href=\"#transfer\">Transfer</a><a href=\"#capacity\">Many languages</a><a href=\"#finetuning\">Pretrain or "
        "finetune</a><a href=\"#left-out\">Left out</a></nav>\n",
        report->page);
}

static void write_head(struct report *report) {
    FILE *page = report->page;
    fprintf(page, "%s<title>", HEAD);
    text_html(page, report->data->study.name);
    fprintf(page, "</title>\n%s</head>\n<body>\n<h1>", STYLE);
    text_html(page, report->data->study.name);
    fputs("</h1>\n<p>A scaling-law study, begun by sweep ", page);
    text_html(page, report->data->study.version);
    fputs(".</p>\n", page);
    write_summary(report);
}

static int write_body(struct report *report, struct error *error) {
    write_head(report);
    if (draw_curves(report, error) != 0 || draw_laws(report, error) != 0 || draw_transfer(report, error) != 0 ||
        draw_transfer_trends(report, error) != 0 || draw_capacity(report, error) != 0 ||
        draw_finetuning(report, error) != 0)
        return -1;
    write_run_table(report);
    return 0;
}

/* What was left out stands behind everything that may be. */
static int write_page(struct report *report, const char *folder, struct error *error) {
    char path[FILE_PATH_SIZE], *body = NULL, *left_out = NULL;
    size_t body_size, left_out_size;
    report->page = open_memstream(&body, &body_size);
    report->left_out = open_memstream(&left_out, &left_out_size);
    int result = report->page && report->left_out ? write_body(report, error)
                                                  : error_set(error, ERROR_FAILED, "no memory for the page");
    if (report->left_out && fclose(report->left_out) != 0 && result == 0)
        result = error_set(error, ERROR_FAILED, "no memory for the page");
    if (report->page && result == 0)
        fprintf(report->page, "<h2 id=\"left-out\">Left out</h2>\n<ul>\n%s</ul>\n%s</body>\n</html>\n",
                left_out_size > 0 ? left_out : "<li>Nothing.</li>\n", SCRIPT);
    if (report->page && fclose(report->page) != 0 && result == 0)
        result = error_set(error, ERROR_FAILED, "no memory for the page");
    if (result == 0)
        result = file_join(path, folder, "index.html", error);
    if (result == 0)
        result = file_write(path, body, body_size, error);
    free(body);
    free(left_out);
    return result;
}

/* Where the losses of each run begin, and room for two curves of the longest one. */
static int index_losses(struct report *report, struct error *error) {
    const struct study_data *data = report->data;
    report->loss_start = calloc(data->run_count + 1, sizeof *report->loss_start);
    if (!report->loss_start)
        return error_set(error, ERROR_FAILED, "no memory for the report");
    size_t i = 0;
    for (size_t r = 0; r <= data->run_count; r++) {
        while (i < data->loss_count && data->losses[i].run < r)
            i++;
        report->loss_start[r] = i;
        if (r > 0 && i - report->loss_start[r - 1] > report->room_rows)
            report->room_rows = i - report->loss_start[r - 1];
    }
    report->room = malloc((4 * report->room_rows + 1) * sizeof *report->room);
    return report->room ? 0 : error_set(error, ERROR_FAILED, "no memory for the report");
}

int report_write(const struct report_input *input, const char *folder, struct error *error) {
    struct report report = {.input = input, .data = input->data};
    int result = file_join(report.folder, folder, "figures", error);
    if (result == 0)
        result = file_make_new_folder(folder, error);
    if (result == 0)
        result = file_make_new_folder(report.folder, error);
    if (result == 0)
        result = index_losses(&report, error);
    if (result == 0)
        result = write_page(&report, folder, error);
    free(report.loss_start);
    free(report.room);
    return result;
}
