/* sweep: the table of sub-commands. `sweep STUDY.yaml` runs the study. */
#include "base/file.h"
#include "orchestrator/command.h"
#include "orchestrator/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct command run_study = {"STUDY.yaml", "", "run or resume a study, alone or under mpirun", command_run};

static const struct command commands[] = {
    {"init", "", "write a study file for languages and a budget", command_init},
    {"launch", "STUDY.yaml", "run or resume a study on all cores: mpirun with recovery and the right binding",
     command_launch},
    {"plan", "STUDY.yaml", "what would run: every group with its runs, tokens, FLOPs and memory", command_plan},
    {"check", "FILE", "verify a study file, archive, journal, vocabulary, shard or checkpoint", command_check},
    {"scales", "", "the published model sizes and their parameters, as CSV", command_scales},
    {"status", "ARCHIVE", "where a study stands while it runs: groups, runs, failures, time left", command_status},
    {"export", "ARCHIVE", "a table of an archive or journal as text, or a run for other programs", command_export},
    {"transfer", "FILE", "statistics of transfer scores, of an archive or a CSV file", command_transfer},
    {"fit", "FILE", "a scaling law of a CSV table, an archive or a journal", command_fit},
    {"advise", "FILE", "the best size, tokens and mixture for a budget, by fitted laws", command_advise},
    {"report", "ARCHIVE", "a page with the figures of a study, its tables and its runs", command_report},
    {"archive rebuild", "JOURNAL", "make an archive anew from its journal", command_archive_rebuild},
    {"archive mend", "JOURNAL", "keep what stands before the damage in a journal", command_archive_mend},
    {"bench trainer", "", "how fast training is on this machine, against its peak", command_bench_trainer},
    {"bench coordinator", "", "what giving out a run and keeping a point cost, under mpirun",
     command_bench_coordinator},
    {"corpus fetch", "FOLDER", "get real text out of Debian packages", command_corpus_fetch},
    {"corpus synthesize", "STUDY.yaml", "write the text of a study's synthetic languages", command_corpus_synthesize},
    {"corpus vocabulary", "STUDY.yaml", "train a study's vocabulary on its text", command_corpus_vocabulary},
    {"corpus encode", "STUDY.yaml", "turn a study's text into shards of tokens", command_corpus_encode},
    {"corpus info", "STUDY.yaml", "what the shards of a study hold", command_corpus_info},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_usage(FILE *file) {
    fprintf(file, "sweep " SWEEP_VERSION ": multilingual scaling-law studies on CPU clusters\n\n"
                  "usage: sweep STUDY.yaml [--archive FILE] [--quiet]   run or resume a study\n"
                  "       mpirun -n RANKS sweep STUDY.yaml ...          the same over many workers\n"
                  "       sweep COMMAND ...\n\ncommands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-18s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\n`sweep COMMAND --help` says more; `sweep STUDY.yaml --help` on running.\n");
}

/* Words of the command line that the name of a command takes up; 0: it is another one. */
static int words_of_name(const char *name, int count, char **words) {
    const size_t first = strcspn(name, " ");
    if (count < 1 || strlen(words[0]) != first || strncmp(name, words[0], first) != 0)
        return 0;
    if (!name[first])
        return 1;
    return count >= 2 && strcmp(words[1], name + first + 1) == 0 ? 2 : 0;
}

static int unknown_command(int count, char **words, struct error *error) {
    char given[256];
    const struct command *nearest = NULL;
    size_t least = 4;
    snprintf(given, sizeof given, "%s", words[0]);
    if (strcmp(words[0], "corpus") == 0 || strcmp(words[0], "bench") == 0 || strcmp(words[0], "archive") == 0)
        snprintf(given, sizeof given, "%s%s%s", words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const size_t away = words_distance(given, commands[i].name);
        if (away < least) {
            least = away;
            nearest = &commands[i];
        }
    }
    if (nearest)
        return error_set(error, ERROR_INPUT, "'%s' is neither a command nor a study file; did you mean `sweep %s`?",
                         given, nearest->name);
    return error_set(error, ERROR_INPUT,
                     "'%s' is neither a command nor a study file; `sweep --help` lists the commands", given);
}

/* A study file is told from a mistyped command by its ending or by being there. */
static bool is_study_file(const char *word) {
    const char *dot = strrchr(word, '.');
    struct stat status;
    return (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)) ||
           (stat(word, &status) == 0 && S_ISREG(status.st_mode));
}

static int run_words(int count, char **words, struct error *error) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const int used = words_of_name(commands[i].name, count, words);
        if (used > 0)
            return commands[i].run(&commands[i], count - used, words + used, error);
    }
    if (words[0][0] == '-' || is_study_file(words[0]))
        return command_run(&run_study, count, words, error);
    return unknown_command(count, words, error);
}

/* Threads of libgomp that wait for each other spin for milliseconds. On a core that somebody else uses, too, that holds
 * up the very thread that is waited for: such a step took several times as long. The library reads how long to spin
 * before main begins, so the program begins once more. */
static void spin_briefly(char **words) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    char program[FILE_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1); /* its name is what ps shows */
    if (length < 0)
        return;
    program[length] = '\0';
    setenv("GOMP_SPINCOUNT", "10000", 1);
    execv(program, words); /* where that fails, threads spin */
}

int main(int count, char **words) {
    spin_briefly(words);
    if (count < 2 || strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 || strcmp(words[1], "help") == 0) {
        print_usage(count < 2 ? stderr : stdout);
        return count < 2 ? ERROR_INPUT : EXIT_SUCCESS;
    }
    if (strcmp(words[1], "--version") == 0) {
        puts("sweep " SWEEP_VERSION);
        return EXIT_SUCCESS;
    }
    struct error error = {0};
    if (run_words(count - 1, words + 1, &error) == 0)
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    fflush(stdout);
    if (error.message[0]) /* empty: said already, or by another rank */
        fprintf(stderr, "sweep: %s\n", error.message);
    return error.code == ERROR_INPUT ? ERROR_INPUT : ERROR_FAILED;
}
