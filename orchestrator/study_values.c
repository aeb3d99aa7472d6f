/* Single values of a study file: from text to their fields, by the table of keys. */
#include "orchestrator/command.h"
#include "orchestrator/precision.h"
#include "orchestrator/study_draft.h"
#include "orchestrator/study_keys.h"
#include "orchestrator/words.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int draft_parse_number(const char *text, double *value) {
    char *end;
    if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")])
        return -1; /* no "inf", "nan", "0x10" or space */
    *value = strtod(text, &end);
    return *end || !isfinite(*value) ? -1 : 0;
}

bool draft_is_name(const char *text) {
    if (!isalpha((unsigned char)text[0]))
        return false;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(" -_.+", *c))
            return false;
    return true;
}

void *draft_allocate(struct study_draft *draft, size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        draft->no_memory = true;
    return memory;
}

/* The folder is canonical, so a leading ".." may be taken off by its name: "sweeps/../archives" would be hard to read.
 */
static int join_path(char *field, const char *folder, const char *text) {
    char start[FILE_PATH_SIZE], above[FILE_PATH_SIZE];
    memcpy(start, folder, sizeof start);
    for (; strncmp(text, "../", 3) == 0; text += 3) {
        file_folder(above, start);
        memcpy(start, above, sizeof start);
    }
    return text[0] == '\0' ? -1 : file_join(field, start, text, NULL);
}

static int set_path(const struct study_draft *draft, char *field, const char *text) {
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            return -1;
    return join_path(field, draft->folder, text);
}

static int set_number(const struct study_key *key, void *field, const char *text) {
    uint64_t count = 0;
    double number = 0;
    const bool whole = key->form == KEY_U32 || key->form == KEY_I32 || key->form == KEY_U64;
    if (whole ? command_parse_count(text, &count) != 0 : draft_parse_number(text, &number) != 0)
        return -1;
    if (whole)
        number = (double)count;
    if (number < key->least || number > key->most)
        return -1;
    if (key->form == KEY_U32)
        *(uint32_t *)field = (uint32_t)count;
    else if (key->form == KEY_I32)
        *(int32_t *)field = (int32_t)count;
    else if (key->form == KEY_U64)
        *(uint64_t *)field = count;
    else if (key->form == KEY_FLOAT)
        *(float *)field = (float)number;
    else
        *(double *)field = number;
    return 0;
}

/* Puts the text of a value into the field of its key. plain: without quotes. */
static int set_field(const struct study_draft *draft, const struct study_key *key, void *base, const char *text,
                     bool plain) {
    void *field = (char *)base + key->offset;
    if (key->form == KEY_NAME) {
        if (!draft_is_name(text) || strlen(text) >= key->size)
            return -1;
        memcpy(field, text, strlen(text) + 1);
        return 0;
    }
    if (key->form == KEY_PATH)
        return set_path(draft, field, text);
    if (!plain)
        return -1;
    if (key->form == KEY_FLAG) {
        *(bool *)field = strcmp(text, "true") == 0;
        return *(bool *)field || strcmp(text, "false") == 0 ? 0 : -1;
    }
    if (key->form == KEY_PRECISION)
        return precision_parse(text, field);
    return set_number(key, field, text);
}

void draft_cannot_be(struct study_draft *draft, const char *path, const struct node *node, const char *wanted) {
    char shown[NODE_SHOWN_SIZE];
    mistakes_add(draft->mistakes, node->place, "%s cannot be %s; it is %s", path, node_show(node, shown), wanted);
}

static void find_unknown_keys(struct study_draft *draft, const char *parent, const struct node *node) {
    for (const struct node *child = node->first; child; child = child->next) {
        const struct study_key *nearest = NULL, *key;
        size_t least = strlen(child->name) / 2 < 3 ? strlen(child->name) / 2 + 1 : 4;
        for (key = study_keys; key->path; key++) {
            if (!study_key_is_below(key, parent))
                continue;
            const size_t away = words_distance(child->name, study_key_name(key));
            if (away == 0)
                break;
            if (away < least) {
                least = away;
                nearest = key;
            }
        }
        if (key->path)
            continue;
        char names[KEY_NAMES_SIZE];
        study_key_names(parent, names);
        if (nearest)
            mistakes_add(draft->mistakes, child->name_place, "unknown key '%.40s'; did you mean '%s'?", child->name,
                         study_key_name(nearest));
        else
            mistakes_add(draft->mistakes, child->name_place, "unknown key '%.40s'; the keys here are %s", child->name,
                         names);
    }
}

static void read_key(struct study_draft *draft, const struct study_key *key, const struct node *node,
                     struct place place, void *base) {
    char wanted[KEY_WANTED_SIZE];
    study_key_wanted(key, wanted);
    if (!node) {
        if (!key->standard && !key->absent)
            mistakes_add(draft->mistakes, place, "%s is missing; it is %s", key->path, wanted);
        else if (key->form == KEY_MAPPING && key->standard)
            draft_read_keys(draft, key->path, NULL, place, base);
        else if (key->standard)
            set_field(draft, key, base, key->standard, true);
    } else if (key->form == KEY_MAPPING) {
        char names[KEY_NAMES_SIZE];
        study_key_names(key->path, names);
        if (node->kind == NODE_MAPPING || node_is_empty(node))
            draft_read_keys(draft, key->path, node_is_empty(node) ? NULL : node, node->name_place, base);
        else
            mistakes_add(draft->mistakes, node->place, "%s must be a mapping; its keys are %s", key->path, names);
    } else if (key->form != KEY_STRUCTURED && key->form != KEY_LIST &&
               (node->kind != NODE_SCALAR || set_field(draft, key, base, node->text, node->plain) != 0)) {
        draft_cannot_be(draft, key->path, node, wanted);
    }
}

void draft_read_keys(struct study_draft *draft, const char *parent, const struct node *node, struct place place,
                     void *base) {
    if (node)
        find_unknown_keys(draft, parent, node);
    for (const struct study_key *key = study_keys; key->path; key++)
        if (study_key_is_below(key, parent))
            read_key(draft, key, node_child(node, study_key_name(key)), place, base);
}

/* The node at a path; *nearest is it, or the last one above it that is there. */
static const struct node *find(const struct study_draft *draft, const char *path, const struct node **nearest) {
    const struct node *node = draft->root;
    *nearest = node;
    while (node && *path) {
        char name[64];
        const size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        path += length + (path[length] == '.');
        node = node_child(node, name);
        if (node)
            *nearest = node;
    }
    return node;
}

const struct node *draft_find(const struct study_draft *draft, const char *path) {
    const struct node *nearest;
    return find(draft, path, &nearest);
}

struct place draft_key_place(const struct node *node) {
    return node->name ? node->name_place : node->place;
}

struct place draft_place(const struct study_draft *draft, const char *path) {
    const struct node *nearest, *node = find(draft, path, &nearest);
    return node ? node->place : draft_key_place(nearest);
}
