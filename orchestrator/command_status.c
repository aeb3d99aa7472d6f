/* sweep status: where a study stands, read from what was published of it. */
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "orchestrator/amount.h"
#include "orchestrator/command.h"
#include "orchestrator/file_kind.h"
#include "orchestrator/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_SECONDS = 2 };

/* What was read, and who writes on. */
struct published {
    char path[FILE_PATH_SIZE]; /* of the archive, or of the journal beside it */
    char journal[FILE_PATH_SIZE];
    double when, age; /* seconds since 1970; seconds */
    char owner[300];  /* of the journal's lock; "": nobody */
    double silence;   /* of the owner, seconds */
    bool alive;
    struct study_data data;
    struct study study; /* for the plan */
    struct plan plan;
    bool planned;
    struct status status;
};

static void published_free(struct published *published) {
    status_free(&published->status);
    if (published->planned) {
        plan_free(&published->plan);
        study_free(&published->study);
    }
    study_data_free(&published->data);
}

/* The archive, before there is one its journal. */
static int find_paths(const char *archive, enum file_kind *kind, struct published *published, struct error *error) {
    const char *ending = strrchr(archive, '.');
    const bool journal = ending && strcmp(ending, ".journal") == 0;
    const size_t length = strlen(archive);
    if (length + sizeof ".journal" > FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", archive);
    memcpy(published->journal, archive, length + 1);
    if (!journal)
        memcpy(published->journal + length, ".journal", sizeof ".journal");
    const bool begun = !file_exists(archive) && file_exists(published->journal);
    memcpy(published->path, begun ? published->journal : archive, begun ? FILE_PATH_SIZE : length + 1);
    if (file_kind_find(published->path, kind, error) != 0)
        return -1;
    if (*kind != FILE_KIND_ARCHIVE && *kind != FILE_KIND_JOURNAL)
        return error_set(error, ERROR_INPUT, "%s: neither an archive nor a journal of sweep", published->path);
    return 0;
}

/* What runs does so while the writer is alive. A journal does not tell waiting from running: what has begun runs. */
static int read_data(enum file_kind kind, struct published *published, struct error *error) {
    uint64_t torn_bytes;
    struct study_data *data = &published->data;
    const bool archive = kind == FILE_KIND_ARCHIVE;
    if ((archive ? archive_read(published->path, data, error)
                 : journal_read(published->path, data, &torn_bytes, error)) != 0)
        return -1;
    for (size_t r = 0; r < data->run_count; r++) {
        struct run_outcome *outcome = &data->outcomes[r];
        if (outcome->status == RUN_RUNNING || (!archive && outcome->status == RUN_WAITING && outcome->attempt > 0))
            outcome->status = published->alive ? RUN_RUNNING : RUN_WAITING;
    }
    return 0;
}

/* The plan, of the study file that was published; one of another version of sweep may be strange to this. */
static void make_plan(struct published *published) {
    char *text = strdup(published->data.study.file);
    if (!text || study_parse(published->path, text, strlen(text), &published->study, NULL, NULL) != 0)
        return;
    published->planned = plan_make(&published->study, &published->plan, NULL) == 0;
    if (!published->planned)
        study_free(&published->study);
}

static int read_published(const char *archive, struct published *published, struct error *error) {
    *published = (struct published){.silence = NAN};
    enum file_kind kind;
    struct stat file;
    struct timespec now;
    if (find_paths(archive, &kind, published, error) != 0)
        return -1;
    if (stat(published->path, &file) != 0)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", published->path);
    clock_gettime(CLOCK_REALTIME, &now);
    published->when = (double)file.st_mtim.tv_sec + 1e-9 * (double)file.st_mtim.tv_nsec;
    published->age = fmax(0, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - published->when);
    published->alive =
        journal_owner(published->journal, published->owner, sizeof published->owner, &published->silence) &&
        published->silence < JOURNAL_WATCH_SECONDS;
    if (read_data(kind, published, error) != 0)
        return -1;
    make_plan(published);
    const int result = status_make(&published->data, published->planned ? &published->plan : NULL, published->when,
                                   &published->status, error);
    if (result != 0)
        published_free(published);
    return result;
}

/* ---- as text ---- */

static bool is_over(const struct published *published) {
    return published->status.counts[RUN_DONE] == published->data.run_count;
}

static void print_text(const struct published *published, FILE *file) {
    char age[AMOUNT_SIZE], silence[AMOUNT_SIZE];
    fprintf(file, "study      %s\nfrom       %s, %s old\n", published->data.study.name, published->path,
            amount_seconds(published->age, age));
    if (published->alive)
        fprintf(file, "writer     %s, heard of %s ago\n", published->owner,
                amount_seconds(published->silence, silence));
    else if (published->owner[0])
        fprintf(file, "writer     none: %s is silent for %s; the same command goes on\n", published->owner,
                amount_seconds(published->silence, silence));
    else if (!is_over(published))
        fprintf(file, "writer     none; `sweep STUDY.yaml` goes on with it\n");
    status_print(&published->data, &published->status, file);
}

/* ---- as JSON ---- */

static json_t *counts_json(const size_t counts[4]) {
    return json_pack("{s:I, s:I, s:I, s:I}", "done", (json_int_t)counts[RUN_DONE], "running",
                     (json_int_t)counts[RUN_RUNNING], "waiting", (json_int_t)counts[RUN_WAITING], "failed",
                     (json_int_t)counts[RUN_FAILED]);
}

static json_t *groups_json(const struct status *status) {
    json_t *groups = json_array();
    for (size_t g = 0; g < status->group_count; g++) {
        const struct status_group *group = &status->groups[g];
        json_array_append_new(groups, json_pack("{s:s, s:s, s:o, s:f, s:f}", "kind", group->kind, "size", group->size,
                                                "runs", counts_json(group->counts), "flops", group->flops, "flops_done",
                                                group->flops_done));
    }
    return groups;
}

/* The runs of a status; which they are, and how far. */
static json_t *runs_json(const struct published *published, enum run_status wanted) {
    json_t *runs = json_array();
    for (size_t r = 0; r < published->data.run_count; r++) {
        const struct run_record *run = &published->data.runs[r];
        const struct run_outcome *outcome = &published->data.outcomes[r];
        const struct status_run *known = &published->status.runs[r];
        if (outcome->status != wanted)
            continue;
        json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I}", "run", (json_int_t)r, "kind", run->kind,
                                   "name", run->name, "size", run->size, "attempt", (json_int_t)outcome->attempt,
                                   "step", (json_int_t)known->step, "steps", (json_int_t)run->steps);
        if (wanted == RUN_RUNNING) {
            json_object_set_new(object, "tokens_per_second", command_number(known->tokens_per_second));
            json_object_set_new(object, "seconds_left", command_number(known->seconds_left));
        } else if (wanted == RUN_WAITING) {
            json_object_set_new(object, "waits_for",
                                known->waits_for == WAITS_FOR_NOTHING ? json_null() : json_integer(known->waits_for));
        } else if (wanted == RUN_FAILED) {
            json_object_set_new(object, "cause", json_string(outcome->cause));
        }
        json_array_append_new(runs, object);
    }
    return runs;
}

static json_t *to_json(const struct published *published) {
    const struct status *status = &published->status;
    return json_pack(
        "{s:s, s:s, s:f, s:f, s:o, s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:f, s:o}", "study",
        published->data.study.name, "file", published->path, "published", published->when, "age_seconds",
        published->age, "writer", published->alive ? json_string(published->owner) : json_null(),
        "writer_silent_seconds", command_number(published->silence), "runs", counts_json(status->counts), "flops",
        status->flops, "flops_done", status->flops_done, "groups", groups_json(status), "running",
        runs_json(published, RUN_RUNNING), "waiting", runs_json(published, RUN_WAITING), "failed",
        runs_json(published, RUN_FAILED), "core_hours_used", status->core_seconds / 3600, "core_hours_left",
        command_number(status->core_seconds_left / 3600), "gflops_per_core", command_number(status->gflops), "cores",
        status->cores, "seconds_left", command_number(status->seconds_left));
}

/* ---- watching ---- */

/* Over the picture before, line by line, so that nothing flickers: what stands behind a shorter line or picture is
 * wiped. As many lines as the terminal has. */
static void redraw(const char *text) {
    struct winsize window;
    const int rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 1 ? window.ws_row - 1 : 24;
    fputs("\033[H", stdout);
    for (int row = 0; row < rows && *text; row++) {
        const int length = (int)strcspn(text, "\n");
        printf("%.*s\033[K\n", length, text);
        text += length + (text[length] == '\n');
    }
    fputs("\033[J", stdout);
}

static int show(const struct published *published, bool terminal, struct error *error) {
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return error_set(error, ERROR_FAILED, "status: no memory");
    print_text(published, file);
    fclose(file);
    if (terminal)
        redraw(text);
    else
        fputs(text, stdout);
    free(text);
    return fflush(stdout) == 0 ? 0 : error_set(error, ERROR_FAILED, "standard output: cannot be written");
}

/* On a terminal a picture that is redrawn; elsewhere one for each time that something was published. */
static int watch(const char *archive, struct error *error) {
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    double shown = NAN;
    int result = 0;
    for (bool over = false; result == 0 && !over;) {
        struct published published;
        if (read_published(archive, &published, error) != 0)
            return -1;
        over = is_over(&published) || !published.alive;
        if (!terminal && !isnan(shown) && published.when != shown)
            putchar('\n');
        if (terminal || published.when != shown || over)
            result = show(&published, terminal, error);
        shown = published.when;
        published_free(&published);
        if (!over)
            sleep(WATCH_SECONDS);
    }
    return result;
}

int command_status(const struct command *command, int count, char **words, struct error *error) {
    const char *archive;
    bool again = false, json = false;
    const struct option options[] = {
        {"--watch", NULL, "look again every two seconds, until the study ends or stops", .flag = &again},
        {"--json", NULL, "one JSON object", .flag = &json},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &archive, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (again && json)
        return error_set(error, ERROR_INPUT, "status: --json is one object; either --watch or --json");
    if (again)
        return watch(archive, error);
    struct published published;
    if (read_published(archive, &published, error) != 0)
        return -1;
    const int result = json ? command_print_json(to_json(&published), error) : show(&published, false, error);
    published_free(&published);
    return result;
}
