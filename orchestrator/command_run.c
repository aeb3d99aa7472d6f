/* `sweep STUDY.yaml`: corpus, plan, journal, coordinator and workers, laws, archive. */
#include "hdf5_schema/journal.h"
#include "model/kernels.h"
#include "orchestrator/archive_make.h"
#include "orchestrator/checkpoints.h"
#include "orchestrator/command.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/postfit.h"
#include "orchestrator/prepare.h"
#include "orchestrator/ranks.h"
#include "orchestrator/records.h"
#include "orchestrator/settings.h"

#include <stdlib.h>
#include <string.h>

/* Everything that rank 0 holds from the study file to the archive. */
struct session {
    struct study study;
    struct plan plan;
    struct schedule schedule;
    struct progress progress;
    struct ledger ledger;
    char journal_path[FILE_PATH_SIZE];
    char *settings; /* of the study, and the identities of its corpus */
    bool quiet;
};

static void session_close(struct session *session) {
    ledger_close(&session->ledger);
    progress_end(&session->progress);
    schedule_free(&session->schedule);
    plan_free(&session->plan);
    study_free(&session->study);
    free(session->settings);
}

static int session_settings(struct session *session, struct crew *crew, struct error *error) {
    char *identities;
    if (prepare_corpus(&session->study, crew, session->quiet, &identities, error) != 0)
        return -1;
    char *settings = study_settings(&session->study);
    if (!settings || asprintf(&session->settings, "%s%s", settings, identities) < 0) {
        session->settings = NULL;
        error_set(error, ERROR_FAILED, "no memory for the settings");
    }
    free(settings);
    free(identities);
    return session->settings ? 0 : -1;
}

/* ---- journal ---- */

/* The runs from first on. */
static int add_runs(struct session *session, size_t first, struct error *error) {
    struct language_tokens *languages = malloc(LANGUAGES_MAX * sizeof *languages);
    int result = languages ? 0 : error_set(error, ERROR_FAILED, "no memory for the plan");
    for (size_t run = first; run < session->plan.count && result == 0; run++) {
        struct run_record planned;
        record_of_run(&session->study, &session->plan, (uint32_t)run, languages, &planned);
        result = journal_add_run(session->ledger.journal, &planned, error);
    }
    free(languages);
    return result == 0 ? journal_sync(session->ledger.journal, error) : result;
}

static int begin_journal(struct session *session, struct error *error) {
    const struct study *study = &session->study;
    char version[] = SWEEP_VERSION, folder[FILE_PATH_SIZE];
    const struct study_record record = {
        .name = (char *)study->name, .file = study->file, .settings = session->settings, .version = version};
    file_folder(folder, study->archive);
    if (file_exists(study->archive))
        return error_set(error, ERROR_INPUT,
                         "%s: is there without its journal %s; bring that back, move the archive away, or name another "
                         "with --archive",
                         study->archive, session->journal_path);
    if (file_make_folder(folder, error) != 0 ||
        journal_create(&session->ledger.journal, session->journal_path, &record, error) != 0)
        return -1;
    return add_runs(session, 0, error);
}

/* Holds what the journal was begun with against the study of now. */
static int match_journal(const struct session *session, const struct study_data *data, struct error *error) {
    char difference[512];
    if (settings_differ(data->study.settings, session->settings, difference, sizeof difference))
        return error_set(error, ERROR_INPUT,
                         "%s: belongs to another study: %s; restore that, or name another archive with --archive",
                         session->study.archive, difference);
    bool same = data->run_count <= session->plan.count;
    for (size_t run = 0; same && run < data->run_count; run++)
        same = strcmp(data->runs[run].identity, session->plan.runs[run].identity) == 0;
    if (!same)
        return error_set(
            error, ERROR_INPUT,
            "%s: its %zu runs are not the %zu of this plan (it was begun by sweep %s); finish it with that "
            "version, or name another archive with --archive",
            session->study.archive, data->run_count, session->plan.count, data->study.version);
    return 0;
}

static int resume_journal(struct session *session, struct error *error) {
    struct study_data data;
    uint64_t torn;
    if (journal_open(&session->ledger.journal, session->journal_path, &data, &torn, error) != 0)
        return -1;
    int result = match_journal(session, &data, error);
    if (result == 0) {
        ledger_recall(&session->ledger, &data);
        if (!session->quiet && torn > 0)
            fprintf(stderr, "journal: cut %llu bytes of a record that was not finished\n", (unsigned long long)torn);
        if (!session->quiet)
            fprintf(stderr, "resuming: %zu of %zu runs are done\n", session->schedule.counts[RUN_DONE],
                    session->plan.count);
        if (data.run_count < session->plan.count) /* it was killed while it wrote the plan */
            result = add_runs(session, data.run_count, error);
    }
    study_data_free(&data);
    return result;
}

static int open_journal(struct session *session, struct error *error) {
    if (snprintf(session->journal_path, FILE_PATH_SIZE, "%s.journal", session->study.archive) >= FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", session->study.archive);
    if (ledger_open(&session->ledger, &session->study, &session->plan, &session->schedule, &session->progress, error) !=
        0)
        return -1;
    session->ledger.journal_path = session->journal_path;
    archive_say_wait(session->journal_path);
    return file_exists(session->journal_path) ? resume_journal(session, error) : begin_journal(session, error);
}

/* ---- what is said ---- */

static void say_machine(const struct machine *machines) {
    int workers = 0, fewest = machines[0].threads, most = machines[0].threads;
    for (int rank = machines[0].ranks > 1; rank < machines[0].ranks; rank++, workers++) {
        fewest = workers == 0 || machines[rank].threads < fewest ? machines[rank].threads : fewest;
        most = workers == 0 || machines[rank].threads > most ? machines[rank].threads : most;
    }
    char each[32];
    snprintf(each, sizeof each, fewest == most ? "%d" : "%d to %d", fewest, most);
    fprintf(stderr, "%d rank%s on %d node%s: %s%d worker%s with %s thread%s%s; kernels %s\n", machines[0].ranks,
            machines[0].ranks == 1 ? "" : "s", machines[0].nodes, machines[0].nodes == 1 ? "" : "s",
            machines[0].ranks > 1 ? "1 coordinator, " : "", workers, workers == 1 ? "" : "s", each,
            most == 1 ? "" : "s", workers == 1 ? "" : " each", machines[machines[0].ranks > 1].isa);
    char advice[256];
    machine_advice(machines, advice, sizeof advice);
    if (advice[0])
        fprintf(stderr, "note: %s\n", advice);
}

static void say_study(const struct session *session) {
    double tokens = 0, flops = 0;
    for (size_t run = 0; run < session->plan.count; run++) {
        tokens += (double)session->plan.runs[run].tokens;
        flops += session->plan.runs[run].flops;
    }
    fprintf(stderr, "study %s: %zu runs, %u languages, %.4g tokens, %.3g FLOPs\narchive %s\n", session->study.name,
            session->plan.count, session->study.language_count, tokens, flops, session->study.archive);
}

/* What a person looks at first, on standard output; all of it is in the archive too. */
static int say_results(const struct session *session, const struct study_data *data, const char *notes,
                       struct error *error) {
    size_t failed = 0;
    for (size_t run = 0; run < data->run_count; run++)
        failed += data->outcomes[run].status == RUN_FAILED;
    const size_t waiting = session->schedule.counts[RUN_WAITING]; /* for one of those */
    if (!session->quiet) {
        postfit_print(&session->study, data, stdout);
        if (notes[0])
            printf("\nNot fitted or not determined:\n%s", notes);
        printf("\n%zu of %zu runs are done; the archive is %s\n", session->schedule.counts[RUN_DONE], data->run_count,
               session->study.archive);
    }
    if (failed == 0)
        return 0;
    for (size_t run = 0; run < data->run_count; run++)
        if (data->outcomes[run].status == RUN_FAILED)
            fprintf(stderr, "sweep: run %zu (%s, %s), attempt %u, behind step %llu: %s\n", run, data->runs[run].name,
                    data->runs[run].size, data->outcomes[run].attempt, (unsigned long long)data->outcomes[run].step,
                    data->outcomes[run].cause);
    for (size_t run = 0; waiting > 0 && run < data->run_count; run++)
        if (session->schedule.status[run] == RUN_WAITING)
            fprintf(stderr, "sweep: run %zu (%s, %s) waits for run %lld\n", run, data->runs[run].name,
                    data->runs[run].size, (long long)session->plan.runs[run].waits_for);
    if (waiting > 0)
        return error_set(error, ERROR_FAILED,
                         "%zu of %zu runs failed, and %zu wait for them; the same command tries them again", failed,
                         data->run_count, waiting);
    return error_set(error, ERROR_FAILED, "%zu of %zu runs failed; the same command tries them again", failed,
                     data->run_count);
}

/* ---- the way of the data ---- */

static int finish(struct session *session, struct error *error) {
    struct study_data data;
    char *notes;
    if (journal_sync(session->ledger.journal, error) != 0 ||
        archive_make(&session->study, session->journal_path, session->study.archive, &data, &notes, error) != 0)
        return -1;
    const int result = say_results(session, &data, notes, error);
    free(notes);
    study_data_free(&data);
    return result;
}

static int session_run(struct session *session, struct crew *crew, struct error *error) {
    if (plan_make(&session->study, &session->plan, error) != 0)
        return -1;
    if (!session->quiet) {
        fprintf(stderr, "sweep " SWEEP_VERSION "\n");
        say_machine(crew->machines);
        say_study(session);
    }
    if (session_settings(session, crew, error) != 0 || plan_identify(&session->study, &session->plan, error) != 0 ||
        schedule_make(&session->schedule, &session->plan, error) != 0 || open_journal(session, error) != 0 ||
        progress_begin(&session->progress, &session->schedule, session->quiet, error) != 0)
        return -1;
    bool stopped = false;
    if (checkpoints_begin(&session->study, error) != 0 ||
        (session->schedule.counts[RUN_WAITING] > 0 &&
         coordinator_run(&session->ledger, crew, run_train, &stopped, error) != 0))
        return -1;
    progress_end(&session->progress);
    checkpoints_end(&session->study);
    if (stopped)
        return error_set(error, ERROR_FAILED,
                         "stopped: %zu of %zu runs are done; the same command goes on from the checkpoints in "
                         "%s.checkpoints",
                         session->schedule.counts[RUN_DONE], session->plan.count, session->study.archive);
    return finish(session, error);
}

static int coordinate(const struct command *command, int count, char **words, struct crew *crew, struct error *error) {
    const char *path, *archive = NULL;
    struct session session = {0};
    const struct option options[] = {{.name = "--archive",
                                      .value = "FILE",
                                      .help = "the HDF5 archive, instead of the study's own",
                                      .text = &archive},
                                     {.name = "--quiet", .help = "only errors", .flag = &session.quiet},
                                     {0}};
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (kernels_choose(error) != 0 || study_read(path, &session.study, stderr, error) != 0)
        return -1;
    int result = 0;
    if (archive)
        result = file_join(session.study.archive, ".", archive, error);
    if (result == 0)
        result = session_run(&session, crew, error);
    session_close(&session);
    return result;
}

int command_run(const struct command *command, int count, char **words, struct error *error) {
    return ranks_run(command, count, words, run_train, coordinate, error);
}
