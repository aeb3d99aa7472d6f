/* The table of keys: every key that a study file may have, what it may hold, what it is when it is not given, and where
 * its value goes. Parsing, checks, defaults, study_settings and docs/study-files.md are made from it. */
#ifndef SWEEP_ORCHESTRATOR_STUDY_KEYS_H
#define SWEEP_ORCHESTRATOR_STUDY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum key_form {
    KEY_MAPPING,    /* keys below it, which have rows of their own */
    KEY_STRUCTURED, /* lists and the like, read by their own function in study.c or study_runs.c */
    KEY_LIST,       /* the same; of mappings, whose keys have rows "path[].key" */
    KEY_U32,
    KEY_I32,
    KEY_U64,
    KEY_FLOAT,
    KEY_DOUBLE,
    KEY_FLAG,      /* true or false */
    KEY_PRECISION, /* the name of an enum model_precision */
    KEY_NAME,      /* a short name for tables and files */
    KEY_PATH,      /* relative to the folder of the study file */
};

struct study_key {
    const char *path; /* "training.batch"; "sizes[].width": of each element of a list */
    enum key_form form;
    size_t offset, size;  /* of its field in struct study_draft; "sizes[].": in study_size; "runs.": in study_group */
    const char *standard; /* its value when it is not given, as a study file would write it */
    const char *absent;   /* without a standard value: what happens when it is not given; NULL: it must be given */
    double least, most;   /* of a number */
    const char *unit;     /* of a number; of a structured value how it is written */
    const char *help;     /* one line */
};

/* The rows, in the order of the reference page; ended by one without a path. */
extern const struct study_key study_keys[];

/* The key behind the last dot of a path. */
const char *study_key_name(const struct study_key *key);

/* Whether a key stands directly below a path ("" is the whole file; "sizes[]" the elements of sizes). */
bool study_key_is_below(const struct study_key *key, const char *parent);

/* What its value may be: "a whole number from 1 to 65536". */
enum { KEY_WANTED_SIZE = 256 };
void study_key_wanted(const struct study_key *key, char wanted[KEY_WANTED_SIZE]);

/* Names of the keys below a path: "tokens, batch, ...". */
enum { KEY_NAMES_SIZE = 256 };
void study_key_names(const char *parent, char names[KEY_NAMES_SIZE]);

/* Whether its field lies in struct study itself. */
bool study_key_in_study(const struct study_key *key);

#endif
