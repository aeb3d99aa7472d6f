/* A study while it is read. Inside study*.c only.
 *
 *   node_parse           the file becomes a tree                                      study_yaml.c
 *   draft_read_keys      single values go to their fields by the table of keys        study_values.c
 *   draft_read_...       languages, synthetic families, sizes, runs                   study.c, study_runs.c
 *   draft_resolve        defaults that follow from other values; combinations         study_resolve.c
 *
 * Every step goes on after a mistake, so that all are found. A value that was wrong is left at zero, and later steps
 * pass over zeros, so that one slip is not reported twice. */
#ifndef SWEEP_ORCHESTRATOR_STUDY_DRAFT_H
#define SWEEP_ORCHESTRATOR_STUDY_DRAFT_H

#include "orchestrator/study.h"
#include "orchestrator/study_yaml.h"

#include <stdbool.h>
#include <stddef.h>

/* The study, and values that are resolved into fields of it. The study comes first, so that a field's offset in the
 * draft is its offset in the study. */
struct study_draft {
    struct study study;
    uint64_t tokens; /* training.tokens and .batch, of sizes without their own; 0: not given */
    uint32_t batch;
    double sample_megabytes, synthetic_megabytes;
    struct place *group_places; /* [study.group_count] where each stands */

    char folder[FILE_PATH_SIZE]; /* of the study file, absolute and without links */
    const struct node *root;
    struct mistakes *mistakes;
    bool no_memory;
};

/* Reads the keys below parent ("", "training", "sizes[]") from a mapping into the fields behind base (the draft, a
 * struct study_size or a struct study_group), and sets the standard values of those that are not given. node NULL: none
 * is given. place: where the mapping, or what stands around it, begins. */
void draft_read_keys(struct study_draft *draft, const char *parent, const struct node *node, struct place place,
                     void *base);

/* The value at a path such as "corpus.synthetic", or NULL. */
const struct node *draft_find(const struct study_draft *draft, const char *path);

/* Where a mistake about the value of a path is shown: at the value, or at the nearest key above it that is given. */
struct place draft_place(const struct study_draft *draft, const char *path);

/* Where a mistake about a whole list or mapping is shown: at its key. */
struct place draft_key_place(const struct node *node);

/* Adds "<path> cannot be <node>; it is <wanted>". */
void draft_cannot_be(struct study_draft *draft, const char *path, const struct node *node, const char *wanted);

/* A plain finite number; 0 or -1. */
int draft_parse_number(const char *text, double *value);

/* Letters, digits, spaces and - _ . +, beginning with a letter. */
bool draft_is_name(const char *text);

/* Zeroed memory for the study; NULL, noted in the draft, when there is none. count 0 gives room for one. */
void *draft_allocate(struct study_draft *draft, size_t count, size_t size);

/* Reads a list of languages (node NULL or "all": every language) into indices [language_count]. Returns how many;
 * unknown and repeated ones are mistakes. */
uint32_t draft_read_languages(struct study_draft *draft, const char *path, const struct node *node, uint32_t *indices);

/* Index of a language, or -1 with a mistake at place. */
int64_t draft_language(struct study_draft *draft, const char *code, struct place place);

/* The groups of runs. */
void draft_read_runs(struct study_draft *draft);

/* Fills in what follows from other values and finds combinations that cannot be. */
void draft_resolve(struct study_draft *draft);

#endif
