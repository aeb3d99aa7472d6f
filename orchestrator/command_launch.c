/* `sweep launch`: starts mpirun as a study needs it, hands signals on to the ranks, and ends mpirun when the work is
 * done, which mpirun itself does not always notice once a rank was lost. */
#include "base/file.h"
#include "orchestrator/command.h"
#include "orchestrator/end_mark.h"
#include "orchestrator/launch_layout.h"
#include "orchestrator/study.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MILLISECONDS = 200, /* between two looks at the end mark */
    END_MILLISECONDS = 5000, /* that mpirun has to end by itself, and again when it was told to */
};

struct launch {
    const char *study;
    char archive[FILE_PATH_SIZE], mark[FILE_PATH_SIZE];
    bool quiet;
    struct layout layout;
    sigset_t signals; /* that are waited for, and blocked */
    pid_t mpirun;
    bool ended;
    int status; /* of mpirun, once it has ended */
};

/* ---- start ---- */

static int put(const char *name, const char *value, struct error *error) {
    return setenv(name, value, 1) == 0 ? 0 : error_set_errno(error, ERROR_FAILED, "%s cannot be set", name);
}

static int set_environment(const struct launch *launch, struct error *error) {
    char threads[16];
    snprintf(threads, sizeof threads, "%d", launch->layout.threads);
    if (put("OMP_NUM_THREADS", threads, error) != 0 || put(END_MARK_VARIABLE, launch->mark, error) != 0 ||
        put("OMPI_MCA_orte_abort_on_non_zero_status", "0", error) != 0)
        return -1;
    if (geteuid() != 0)
        return 0;
    if (!launch->quiet)
        fprintf(stderr, "note: started as root; launch allows it to Open MPI (OMPI_ALLOW_RUN_AS_ROOT)\n");
    return put("OMPI_ALLOW_RUN_AS_ROOT", "1", error) != 0 ? -1 : put("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", error);
}

/* In the child: becomes mpirun, in a process group of its own, so that Ctrl-C comes to launch alone. Returns only when
 * that failed. */
static void become_mpirun(const struct launch *launch) {
    char program[FILE_PATH_SIZE] = "", ranks[16], map[32];
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return;
    snprintf(ranks, sizeof ranks, "%d", launch->layout.ranks);
    snprintf(map, sizeof map, "slot:PE=%d", launch->layout.threads);
    /* One rank more than there are slots: the coordinator, which sleeps. Bound, it shares the cores of a worker. */
    const char *words[24] = {"mpirun", "-n", ranks, "--enable-recovery", "--oversubscribe"};
    const char *const bound[] = {"--map-by", map, "--bind-to", "core:overload-allowed"};
    const char *const unbound[] = {"--bind-to", "none"};
    const char *const rest[] = {"-x",
                                "OMP_NUM_THREADS",
                                "-x",
                                END_MARK_VARIABLE,
                                program,
                                launch->study,
                                "--archive",
                                launch->archive,
                                launch->quiet ? "--quiet" : NULL};
    size_t count = 5;
    for (size_t i = 0; launch->layout.bound && i < sizeof bound / sizeof *bound; i++)
        words[count++] = bound[i];
    for (size_t i = 0; !launch->layout.bound && i < sizeof unbound / sizeof *unbound; i++)
        words[count++] = unbound[i];
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        words[count++] = rest[i];
    const int nothing = open("/dev/null", O_RDONLY); /* a process group behind the terminal's may not read from it */
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
        sigprocmask(SIG_UNBLOCK, &launch->signals, NULL) != 0)
        return;
    execvp(words[0], (char **)words);
}

static int start_mpirun(struct launch *launch, struct error *error) {
    int failure[2]; /* the child's errno; closed by a successful exec */
    if (pipe2(failure, O_CLOEXEC) != 0)
        return error_set_errno(error, ERROR_FAILED, "launch: no pipe");
    launch->mpirun = fork();
    if (launch->mpirun == 0) {
        become_mpirun(launch);
        if (write(failure[1], &errno, sizeof errno) < 0)
            _exit(2);
        _exit(1);
    }
    close(failure[1]);
    int reason = launch->mpirun < 0 ? errno : 0;
    if (launch->mpirun > 0 && read(failure[0], &reason, sizeof reason) > 0)
        waitpid(launch->mpirun, NULL, 0);
    close(failure[0]);
    if (reason == 0)
        return 0;
    return error_set(error, ERROR_FAILED,
                     "mpirun cannot be started: %s; install openmpi-bin, or load the module of Open MPI",
                     strerror(reason));
}

/* ---- watch ---- */

/* Sleeps until a signal or the next look; hands on what asks the study to stop. */
static void look(struct launch *launch) {
    const int number =
        sigtimedwait(&launch->signals, NULL, &(struct timespec){.tv_nsec = LOOK_MILLISECONDS * 1000000L});
    if (number > 0 && number != SIGCHLD)
        kill(launch->mpirun, SIGUSR1); /* the one that mpirun hands to all ranks */
    if (!launch->ended)
        launch->ended = waitpid(launch->mpirun, &launch->status, WNOHANG) == launch->mpirun;
}

static void end_mpirun(struct launch *launch) {
    for (int patience = 2 * END_MILLISECONDS; !launch->ended; patience -= LOOK_MILLISECONDS) {
        if (patience == END_MILLISECONDS)
            kill(launch->mpirun, SIGTERM); /* it ends its ranks within 2 s */
        if (patience <= 0)
            kill(launch->mpirun, SIGKILL);
        look(launch);
    }
}

/* When mpirun was killed its ranks end themselves soon after, as children of launch: until then the study is not free.
 */
static void await_ranks(const struct launch *launch) {
    for (int patience = END_MILLISECONDS; patience > 0 && waitpid(-1, NULL, WNOHANG) >= 0;
         patience -= LOOK_MILLISECONDS)
        sigtimedwait(&launch->signals, NULL, &(struct timespec){.tv_nsec = LOOK_MILLISECONDS * 1000000L});
}

static int watch(struct launch *launch, struct error *error) {
    enum end_state state;
    int status = 0;
    do {
        look(launch);
        state = end_mark_read(launch->mark, &status);
    } while (!launch->ended && state != END_TOLD && state != END_LOST);
    state = end_mark_read(launch->mark, &status); /* it may have come between look and end */
    end_mpirun(launch);
    await_ranks(launch);
    if (state == END_TOLD && status == 0)
        return 0;
    if (state == END_TOLD) { /* rank 0 has said why */
        *error = (struct error){.code = (enum error_code)status};
        return -1;
    }
    if (state == END_NOT_BEGUN)
        return error_set(error, ERROR_FAILED,
                         "mpirun ended before the study began; is it that of Open MPI, and did every rank start?");
    return error_set(error, ERROR_FAILED, "the coordinator was lost; the same command goes on from what was kept");
}

static int make_mark(struct launch *launch, struct error *error) {
    char folder[FILE_PATH_SIZE];
    file_folder(folder, launch->archive);
    if (snprintf(launch->mark, FILE_PATH_SIZE, "%s.end-XXXXXX", launch->archive) >= FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", launch->archive);
    if (file_make_folder(folder, error) != 0)
        return -1;
    const int descriptor = mkstemp(launch->mark);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be made", launch->mark);
    close(descriptor);
    return 0;
}

static int launch_study(struct launch *launch, struct error *error) {
    sigemptyset(&launch->signals);
    const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&launch->signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &launch->signals, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (make_mark(launch, error) != 0)
        return -1;
    int result = set_environment(launch, error);
    if (result == 0)
        result = start_mpirun(launch, error);
    if (result == 0)
        result = watch(launch, error);
    unlink(launch->mark);
    return result;
}

/* Where the archive will be; mistakes of the study are told here, once, before mpirun starts. */
static int find_archive(struct launch *launch, const char *archive, struct error *error) {
    struct study study;
    if (study_read(launch->study, &study, stderr, error) != 0)
        return -1;
    const int result = file_join(launch->archive, ".", archive ? archive : study.archive, error);
    study_free(&study);
    return result;
}

static int set_number(int *number, uint64_t value, const char *what, struct error *error) {
    if (value > 1000000)
        return error_set(error, ERROR_INPUT, "launch: %" PRIu64 " %s; at most 1000000", value, what);
    if (value > 0)
        *number = (int)value;
    return 0;
}

int command_launch(const struct command *command, int count, char **words, struct error *error) {
    struct launch launch = {0};
    const char *archive = NULL;
    uint64_t ranks = 0, threads = 0;
    const struct option options[] = {
        {.name = "-n", .value = "RANKS", .help = "workers and a coordinator (default: all cores)", .count = &ranks},
        {.name = "--threads", .value = "T", .help = "of a worker (default: OMP_NUM_THREADS, or 1)", .count = &threads},
        {.name = "--archive",
         .value = "FILE",
         .help = "the HDF5 archive, instead of the study's own",
         .text = &archive},
        {.name = "--quiet", .help = "only errors", .flag = &launch.quiet},
        {0}};
    const int parsed = command_parse(command, options, count, words, &launch.study, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (getenv("OMPI_COMM_WORLD_RANK"))
        return error_set(error, ERROR_INPUT, "launch: starts mpirun itself; call it without mpirun");
    struct allocation allocation = allocation_find();
    if (threads > 0)
        allocation.tasks = 0; /* that was for the threads that Slurm was told */
    if (set_number(&allocation.threads, threads, "threads", error) != 0 ||
        set_number(&allocation.ranks, ranks, "ranks", error) != 0 || find_archive(&launch, archive, error) != 0)
        return -1;
    launch.layout = layout_choose(&allocation);
    return launch_study(&launch, error);
}
