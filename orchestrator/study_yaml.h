/* A YAML file as a small tree whose nodes know their place, and the list of mistakes found in it.
 *
 *   training: {batch: 8}        mapping "training" -> scalar "8" named "batch"
 *   languages: [en, ru]         list "languages" -> scalars "en", "ru" without names
 *
 * study_yaml.c alone knows libyaml. What study files do not need is refused: anchors, aliases, tags, several documents,
 * keys that are not plain words, the same key twice. Depth and width are bounded, so that no file can exhaust the
 * reader. */
#ifndef SWEEP_ORCHESTRATOR_STUDY_YAML_H
#define SWEEP_ORCHESTRATOR_STUDY_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where something stands in the file, both counted from 1; columns count characters. */
struct place {
    size_t line, column;
};

struct mistakes {
    const char *path; /* of the file, not owned */
    size_t count;     /* of all; the first MISTAKES_KEPT are in list */
    struct mistake *list;
};
enum { MISTAKES_KEPT = 1000 };

/* Adds "what is wrong; what would be right". Control characters become '?', so that a mistake stays one line. */
void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes a line "sweep: FILE:LINE:COLUMN: text" a mistake, in the order of the file. file may be NULL. */
void mistakes_print(struct mistakes *mistakes, FILE *file);
void mistakes_free(struct mistakes *mistakes);

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
    enum node_kind kind;
    struct place place;      /* where its value begins */
    char *name;              /* its key when it stands in a mapping, else NULL */
    struct place name_place; /* where that key stands */
    char *text;              /* of a scalar */
    bool plain;              /* a scalar without quotes: may be a number, true or false */
    struct node *first;      /* of a list or mapping */
    struct node *next;       /* in the list or mapping around it */
};

/* Reads a file's bytes. Returns the root, which the caller frees, or NULL when nothing could be made of them; mistakes
 * tell why, and of duplicate keys too. */
struct node *node_parse(const char *bytes, size_t size, struct mistakes *mistakes);
void node_free(struct node *node);

/* The value of a key of a mapping, or NULL. node may be NULL or of any kind. */
const struct node *node_child(const struct node *node, const char *name);

/* Children of a list or mapping. */
size_t node_count(const struct node *node);

/* Nothing stands behind the key: "training:". */
bool node_is_empty(const struct node *node);

/* A node in the words of a message: "'text'" (cut when long), "a list", "an empty list", "nothing". */
enum { NODE_SHOWN_SIZE = 64 };
const char *node_show(const struct node *node, char shown[NODE_SHOWN_SIZE]);

#endif
