/* The command line: one row a sub-command, one row an option. A table of options drives parsing, checks and --help.
 *
 * Each command stands in a file command_<name>.c. Its function returns 0, or -1 with the error that main prints as one
 * line "sweep: ..." before it exits with the error's code. What a command has to say goes to standard output; with
 * --json that is one JSON object and nothing else. */
#ifndef SWEEP_ORCHESTRATOR_COMMAND_H
#define SWEEP_ORCHESTRATOR_COMMAND_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct command {
    const char *name;      /* "plan", "corpus fetch" */
    const char *arguments; /* what it takes: "STUDY.yaml" */
    const char *summary;   /* one line */
    int (*run)(const struct command *command, int count, char **words, struct error *error);
};

/* The values of an option that may be told several times. */
enum { OPTION_LIST_MAX = 16 };
struct option_list {
    int count;
    const char *values[OPTION_LIST_MAX];
};

/* The value of an option is written through the pointer that is set; a row without any is a heading of the table. */
struct option {
    const char *name;  /* "--json" */
    const char *value; /* what follows it: "FILE"; NULL for a flag */
    const char *help;  /* one line */
    bool *flag;
    const char **text;
    struct option_list *list;
    uint64_t *count; /* a whole number >= 0; 1e6 and 1_000_000 are understood */
    double *number;
};

/* Reads the words behind the command's name: options by the table (ended by a row without a name; NULL: none), all
 * others are arguments (at least `least`, at most `most`) and go into arguments[]; unused places become NULL. Returns
 * 0, 1 when --help was asked for and printed, -1 on a mistake. */
int command_parse(const struct command *command, const struct option *options, int count, char **words,
                  const char **arguments, int least, int most, struct error *error);

/* Reads a whole number as study files and options write it: 1000, 1_000, 1e6. Returns 0 or -1. */
int command_parse_count(const char *text, uint64_t *value);

/* Takes the next pair off a list "NAME=NUMBER,NAME=NUMBER": returns 1, 0 at its end (or for NULL), -1 when that is none
 * or its name does not fit; *text then stands at it. */
int command_next_pair(const char **text, char *name, size_t name_size, double *value);

/* A number as JSON: what is unknown or endless is null. */
json_t *command_number(double value);

/* Prints an object on standard output and releases it. */
int command_print_json(json_t *object, struct error *error);

/* The commands, see main.c. */
int command_run(const struct command *command, int count, char **words, struct error *error);
int command_launch(const struct command *command, int count, char **words, struct error *error);
int command_plan(const struct command *command, int count, char **words, struct error *error);
int command_check(const struct command *command, int count, char **words, struct error *error);
int command_scales(const struct command *command, int count, char **words, struct error *error);
int command_fit(const struct command *command, int count, char **words, struct error *error);
int command_advise(const struct command *command, int count, char **words, struct error *error);
int command_export(const struct command *command, int count, char **words, struct error *error);
int command_init(const struct command *command, int count, char **words, struct error *error);
int command_status(const struct command *command, int count, char **words, struct error *error);
int command_transfer(const struct command *command, int count, char **words, struct error *error);
int command_report(const struct command *command, int count, char **words, struct error *error);
int command_archive_rebuild(const struct command *command, int count, char **words, struct error *error);
int command_archive_mend(const struct command *command, int count, char **words, struct error *error);
int command_bench_coordinator(const struct command *command, int count, char **words, struct error *error);
int command_bench_trainer(const struct command *command, int count, char **words, struct error *error);
int command_corpus_fetch(const struct command *command, int count, char **words, struct error *error);
int command_corpus_synthesize(const struct command *command, int count, char **words, struct error *error);
int command_corpus_vocabulary(const struct command *command, int count, char **words, struct error *error);
int command_corpus_encode(const struct command *command, int count, char **words, struct error *error);
int command_corpus_info(const struct command *command, int count, char **words, struct error *error);

#endif
