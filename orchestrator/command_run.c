/* `sweep STUDY.yaml`: corpus, plan, journal, coordinator and workers, laws, archive. */
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "model/kernels.h"
#include "orchestrator/checkpoints.h"
#include "orchestrator/command.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/end_mark.h"
#include "orchestrator/postfit.h"
#include "orchestrator/prepare.h"
#include "orchestrator/records.h"
#include "orchestrator/settings.h"
#include "worker/worker.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

/* Everything that rank 0 holds from the study file to the archive. */
struct session {
    struct study study;
    struct plan plan;
    struct schedule schedule;
    struct progress progress;
    struct journal *journal;
    char journal_path[FILE_PATH_SIZE];
    char *settings; /* of the study, and the identities of its corpus */
    uint32_t *attempts;
    uint64_t *resume_most; /* [runs] as in run_spec */
    bool quiet;
};

static void session_close(struct session *session) {
    journal_close(session->journal, NULL);
    progress_end(&session->progress);
    schedule_free(&session->schedule);
    plan_free(&session->plan);
    study_free(&session->study);
    free(session->settings);
    free(session->attempts);
    free(session->resume_most);
}

static int session_settings(struct session *session, struct error *error) {
    char *identities;
    if (prepare_corpus(&session->study, session->quiet, &identities, error) != 0)
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
        result = journal_add_run(session->journal, &planned, error);
    }
    free(languages);
    return result == 0 ? journal_sync(session->journal, error) : result;
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
        journal_create(&session->journal, session->journal_path, &record, error) != 0)
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

/* How far a checkpoint may be that a run goes on from: to the step before the first point that the journal lacks. What
 * was told since the last sync is lost when the coordinator is, while the checkpoint is there. */
static int find_known_steps(struct session *session, const struct study_data *data, struct error *error) {
    struct run_spec *spec = malloc(sizeof *spec);
    if (!spec)
        return error_set(error, ERROR_FAILED, "no memory for a run specification");
    size_t curve = 0, loss = 0; /* both sorted by run, then step */
    for (uint32_t run = 0; run < data->run_count; run++) {
        uint64_t told = 0, evaluated = 0;
        uint32_t sets = 0; /* of the last evaluation */
        for (; curve < data->curve_count && data->curves[curve].run == run; curve++)
            told = data->curves[curve].step;
        plan_spec(&session->study, &session->plan, run, 1, spec);
        for (; loss < data->loss_count && data->losses[loss].run == run; loss++) {
            sets =
                loss > 0 && data->losses[loss - 1].run == run && data->losses[loss - 1].step == data->losses[loss].step
                    ? sets + 1
                    : 1;
            if (sets == spec->test_count)
                evaluated = data->losses[loss].step;
        }
        const uint64_t next_curve = told + spec->curve_steps, next_evaluation = evaluated + spec->evaluation_steps;
        if (data->outcomes[run].attempt > 0)
            session->resume_most[run] = (next_curve < next_evaluation ? next_curve : next_evaluation) - 1;
    }
    free(spec);
    return 0;
}

static int resume_journal(struct session *session, struct error *error) {
    struct study_data data;
    uint64_t torn;
    if (journal_open(&session->journal, session->journal_path, &data, &torn, error) != 0)
        return -1;
    int result = match_journal(session, &data, error);
    if (result == 0) {
        for (size_t run = 0; run < data.run_count; run++) {
            const struct run_outcome *outcome = &data.outcomes[run];
            session->attempts[run] = outcome->attempt;
            if (outcome->status == RUN_DONE)
                schedule_set(&session->schedule, (uint32_t)run, RUN_DONE);
            if (outcome->status == RUN_WAITING && outcome->attempt > 0)
                session->attempts[run]--; /* an attempt that was interrupted goes on */
        }
        result = find_known_steps(session, &data, error);
        if (!session->quiet && torn > 0)
            fprintf(stderr, "journal: cut %llu bytes of a record that was not finished\n", (unsigned long long)torn);
        if (!session->quiet)
            fprintf(stderr, "resuming: %zu of %zu runs are done\n", session->schedule.counts[RUN_DONE],
                    session->plan.count);
        if (result == 0 && data.run_count < session->plan.count) /* it was killed while it wrote the plan */
            result = add_runs(session, data.run_count, error);
    }
    study_data_free(&data);
    return result;
}

static int open_journal(struct session *session, struct error *error) {
    if (snprintf(session->journal_path, FILE_PATH_SIZE, "%s.journal", session->study.archive) >= FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", session->study.archive);
    session->attempts = calloc(session->plan.count, sizeof *session->attempts);
    session->resume_most = calloc(session->plan.count, sizeof *session->resume_most);
    if (!session->attempts || !session->resume_most)
        return error_set(error, ERROR_FAILED, "no memory for %zu runs", session->plan.count);
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
            fprintf(stderr, "sweep: run %zu (%s, %s): %s\n", run, data->runs[run].name, data->runs[run].size,
                    data->outcomes[run].cause);
    return error_set(error, ERROR_FAILED, "%zu of %zu runs failed; the same command tries them again", failed,
                     data->run_count);
}

/* ---- the way of the data ---- */

static int finish(struct session *session, struct error *error) {
    struct study_data data;
    uint64_t torn;
    char *notes = NULL;
    size_t size;
    if (journal_sync(session->journal, error) != 0 || journal_read(session->journal_path, &data, &torn, error) != 0)
        return -1;
    FILE *notes_file = open_memstream(&notes, &size);
    int result = notes_file ? postfit(&session->study, &data, notes_file, error)
                            : error_set(error, ERROR_FAILED, "no memory for the fits");
    if (notes_file)
        fclose(notes_file);
    if (result == 0)
        result = archive_write(session->study.archive, &data, error);
    if (result == 0)
        result = say_results(session, &data, notes, error);
    free(notes);
    study_data_free(&data);
    return result;
}

static int session_run(struct session *session, MPI_Comm comm, const struct machine *machines, struct error *error) {
    if (plan_make(&session->study, &session->plan, error) != 0)
        return -1;
    if (!session->quiet) {
        fprintf(stderr, "sweep " SWEEP_VERSION "\n");
        say_machine(machines);
        say_study(session);
    }
    if (session_settings(session, error) != 0 || schedule_make(&session->schedule, &session->plan, error) != 0 ||
        open_journal(session, error) != 0 ||
        progress_begin(&session->progress, &session->schedule, session->quiet, error) != 0)
        return -1;
    struct coordinator coordinator = {.study = &session->study,
                                      .plan = &session->plan,
                                      .journal = session->journal,
                                      .journal_path = session->journal_path,
                                      .schedule = &session->schedule,
                                      .progress = &session->progress,
                                      .attempts = session->attempts,
                                      .resume_most = session->resume_most};
    if (checkpoints_begin(&session->study, error) != 0 ||
        (session->schedule.counts[RUN_WAITING] > 0 && coordinator_run(&coordinator, comm, machines, error) != 0))
        return -1;
    progress_end(&session->progress);
    checkpoints_end(&session->study);
    if (coordinator.stopped)
        return error_set(error, ERROR_FAILED,
                         "stopped: %zu of %zu runs are done; the same command goes on from the checkpoints in "
                         "%s.checkpoints",
                         session->schedule.counts[RUN_DONE], session->plan.count, session->study.archive);
    return finish(session, error);
}

/* What rank 0 does. */
static int coordinate(const struct command *command, int count, char **words, MPI_Comm comm,
                      const struct machine *machines, struct error *error) {
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
        result = session_run(&session, comm, machines, error);
    session_close(&session);
    return result;
}

int command_run(const struct command *command, int count, char **words, struct error *error) {
    /* Containers forbid the single-copy mechanism of Open MPI's shared memory, and tell so for every rank; idle ranks
     * must leave the cores to those that train. */
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    int provided;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return error_set(error, ERROR_FAILED, "MPI cannot be started");
    struct machine machine;
    kernels_choose(NULL); /* a failure is told by rank 0, and by every run of this rank */
    machine_find(MPI_COMM_WORLD, &machine);
    struct machine *machines = machine_gather(MPI_COMM_WORLD, &machine);
    int result = 0;
    if (machine.rank > 0) {
        worker_serve(MPI_COMM_WORLD);
    } else {
        end_mark_begin();
        result = coordinate(command, count, words, MPI_COMM_WORLD, machines, error);
        coordinator_dismiss(MPI_COMM_WORLD);
        end_mark_write(result == 0 ? 0 : (int)error->code);
    }
    free(machines);
    MPI_Finalize();
    return result;
}
