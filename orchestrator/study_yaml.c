#include "orchestrator/study_yaml.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 16, MAPPING_MAX = 1024 };

struct mistake {
    struct place place;
    size_t number; /* the order they were found in decides between those of one place */
    char text[400];
};

void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...) {
    if (!mistakes->list)
        mistakes->list = calloc(MISTAKES_KEPT, sizeof *mistakes->list);
    const size_t number = mistakes->count++;
    if (!mistakes->list || number >= MISTAKES_KEPT)
        return;
    struct mistake *mistake = &mistakes->list[number];
    mistake->place = place;
    mistake->number = number;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(mistake->text, sizeof mistake->text, format, arguments);
    va_end(arguments);
    for (char *c = mistake->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static int compare_places(const void *left, const void *right) {
    const struct mistake *a = left, *b = right;
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    if (a->place.column != b->place.column)
        return a->place.column < b->place.column ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

void mistakes_print(struct mistakes *mistakes, FILE *file) {
    if (!file || !mistakes->list)
        return;
    const size_t kept = mistakes->count < MISTAKES_KEPT ? mistakes->count : MISTAKES_KEPT;
    qsort(mistakes->list, kept, sizeof *mistakes->list, compare_places);
    for (size_t i = 0; i < kept; i++)
        fprintf(file, "sweep: %s:%zu:%zu: %s\n", mistakes->path, mistakes->list[i].place.line,
                mistakes->list[i].place.column, mistakes->list[i].text);
    if (kept < mistakes->count)
        fprintf(file, "sweep: %s: and %zu more\n", mistakes->path, mistakes->count - kept);
}

void mistakes_free(struct mistakes *mistakes) {
    free(mistakes->list);
    mistakes->list = NULL;
}

void node_free(struct node *node) {
    while (node) {
        struct node *next = node->next;
        node_free(node->first);
        free(node->name);
        free(node->text);
        free(node);
        node = next;
    }
}

const struct node *node_child(const struct node *node, const char *name) {
    if (!node || node->kind != NODE_MAPPING)
        return NULL;
    for (const struct node *child = node->first; child; child = child->next)
        if (strcmp(child->name, name) == 0)
            return child;
    return NULL;
}

size_t node_count(const struct node *node) {
    size_t count = 0;
    for (const struct node *child = node->first; child; child = child->next)
        count++;
    return count;
}

bool node_is_empty(const struct node *node) {
    return node->kind == NODE_SCALAR && node->plain && node->text[0] == '\0';
}

const char *node_show(const struct node *node, char shown[NODE_SHOWN_SIZE]) {
    if (node->kind != NODE_SCALAR && !node->first)
        return node->kind == NODE_LIST ? "an empty list" : "an empty mapping";
    if (node->kind != NODE_SCALAR)
        return node->kind == NODE_LIST ? "a list" : "a mapping";
    if (node_is_empty(node))
        return "nothing";
    int length = (int)strnlen(node->text, 41);
    if (length > 40) { /* cut between characters, not inside one */
        length = 37;
        while (length > 0 && ((unsigned char)node->text[length] & 0xc0) == 0x80)
            length--;
    }
    snprintf(shown, NODE_SHOWN_SIZE, "'%.*s%s'", length, node->text, node->text[length] ? "..." : "");
    return shown;
}

static struct place place_of(yaml_mark_t mark) {
    return (struct place){mark.line + 1, mark.column + 1};
}

/* The reader of libyaml knows only the byte at which an input stops being UTF-8. */
static struct place place_of_byte(const char *bytes, size_t size, size_t offset) {
    struct place place = {1, 1};
    for (size_t i = 0; i < offset && i < size; i++) {
        if (bytes[i] == '\n')
            place = (struct place){place.line + 1, 1};
        else if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

struct parse {
    yaml_parser_t parser;
    const char *bytes;
    size_t size;
    struct mistakes *mistakes;
};

static int next_event(struct parse *parse, yaml_event_t *event) {
    if (yaml_parser_parse(&parse->parser, event))
        return 0;
    const yaml_parser_t *parser = &parse->parser;
    const struct place place = parser->error == YAML_READER_ERROR
                                   ? place_of_byte(parse->bytes, parse->size, parser->problem_offset)
                                   : place_of(parser->problem_mark);
    mistakes_add(parse->mistakes, place, "not YAML: %s%s%s", parser->context ? parser->context : "",
                 parser->context ? ", " : "", parser->problem ? parser->problem : "no memory");
    return -1;
}

static struct node *parse_value(struct parse *parse, yaml_event_t *event, int depth);

/* A key of a mapping, taken out of its event; NULL: not a word. */
static char *parse_key(struct parse *parse, const yaml_event_t *event) {
    const struct place place = place_of(event->start_mark);
    const char *text = event->type == YAML_SCALAR_EVENT ? (const char *)event->data.scalar.value : "";
    char *name = NULL;
    if (event->type == YAML_ALIAS_EVENT || (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor))
        mistakes_add(parse->mistakes, place, "anchors and aliases are not read; write the value out");
    else if (event->type != YAML_SCALAR_EVENT || text[0] == '\0' || strlen(text) != event->data.scalar.length)
        mistakes_add(parse->mistakes, place, "a key must be a word; write 'word: value'");
    else if (!(name = strdup(text)))
        mistakes_add(parse->mistakes, place, "no memory");
    return name;
}

/* The children of a list or mapping, up to the event that ends it. */
static int parse_children(struct parse *parse, struct node *node, int depth) {
    const bool mapping = node->kind == NODE_MAPPING;
    struct node **last = &node->first;
    size_t count = 0;
    for (;;) {
        yaml_event_t event;
        char *name = NULL;
        if (next_event(parse, &event) != 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        const struct place name_place = place_of(event.start_mark);
        if (mapping) {
            name = parse_key(parse, &event);
            yaml_event_delete(&event);
            if (!name || next_event(parse, &event) != 0) {
                free(name);
                return -1;
            }
            if (++count > MAPPING_MAX) { /* bounds the search for duplicates */
                mistakes_add(parse->mistakes, name_place, "more than %d keys in one mapping", MAPPING_MAX);
                free(name);
                yaml_event_delete(&event);
                return -1;
            }
        }
        struct node *child = parse_value(parse, &event, depth);
        if (!child) {
            free(name);
            return -1;
        }
        const struct node *same = mapping ? node_child(node, name) : NULL;
        child->name = name;
        child->name_place = name_place;
        if (same) {
            mistakes_add(parse->mistakes, name_place, "key '%.40s' stands already in line %zu; keep one of them", name,
                         same->name_place.line);
            node_free(child);
            continue;
        }
        *last = child;
        last = &child->next;
    }
}

static struct node *make_scalar(struct parse *parse, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    struct node *node = calloc(1, sizeof *node);
    if (node && !(node->text = strdup(text))) {
        free(node);
        node = NULL;
    }
    if (!node) {
        mistakes_add(parse->mistakes, place_of(event->start_mark), "no memory");
        return NULL;
    }
    node->place = place_of(event->start_mark);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (strlen(text) != event->data.scalar.length)
        mistakes_add(parse->mistakes, node->place, "a zero byte in a text; leave it out");
    return node;
}

static const char *refusal(const yaml_event_t *event, int depth) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (event->type == YAML_ALIAS_EVENT || anchor)
        return "anchors and aliases are not read; write the value out";
    if (tag)
        return "tags are not read; leave it out";
    if (depth == DEPTH_MAX)
        return "nested too deep";
    return NULL;
}

/* The value that begins with an event, which is released. */
static struct node *parse_value(struct parse *parse, yaml_event_t *event, int depth) {
    struct node *node = NULL;
    const char *refused = refusal(event, depth);
    const struct place place = place_of(event->start_mark);
    const yaml_event_type_t type = event->type;
    if (refused)
        mistakes_add(parse->mistakes, place, "%s", refused);
    else if (type == YAML_SCALAR_EVENT)
        node = make_scalar(parse, event);
    else if (!(node = calloc(1, sizeof *node)))
        mistakes_add(parse->mistakes, place, "no memory");
    yaml_event_delete(event);
    if (!node || type == YAML_SCALAR_EVENT)
        return node;
    node->kind = type == YAML_SEQUENCE_START_EVENT ? NODE_LIST : NODE_MAPPING;
    node->place = place;
    if (parse_children(parse, node, depth + 1) != 0) {
        node_free(node);
        return NULL;
    }
    return node;
}

/* Passes over an event; its type, YAML_NO_EVENT when there is none. */
static yaml_event_type_t pass_event(struct parse *parse, struct place *place) {
    yaml_event_t event;
    if (next_event(parse, &event) != 0)
        return YAML_NO_EVENT;
    const yaml_event_type_t type = event.type;
    *place = place_of(event.start_mark);
    yaml_event_delete(&event);
    return type;
}

/* Stream start, document start, value, document end, stream end. */
static struct node *parse_stream(struct parse *parse) {
    yaml_event_t event;
    struct place place;
    if (pass_event(parse, &place) == YAML_NO_EVENT)
        return NULL;
    const yaml_event_type_t start = pass_event(parse, &place);
    if (start == YAML_STREAM_END_EVENT)
        mistakes_add(parse->mistakes, (struct place){1, 1}, "the file is empty; see docs/study-files.md");
    if (start != YAML_DOCUMENT_START_EVENT || next_event(parse, &event) != 0)
        return NULL;
    struct node *root = parse_value(parse, &event, 0);
    if (!root)
        return NULL;
    yaml_event_type_t end = pass_event(parse, &place);
    if (end == YAML_DOCUMENT_END_EVENT)
        end = pass_event(parse, &place);
    if (end == YAML_DOCUMENT_START_EVENT)
        mistakes_add(parse->mistakes, place, "a second document; one study a file");
    if (end == YAML_STREAM_END_EVENT)
        return root;
    node_free(root);
    return NULL;
}

struct node *node_parse(const char *bytes, size_t size, struct mistakes *mistakes) {
    struct parse parse = {.bytes = bytes, .size = size, .mistakes = mistakes};
    if (!yaml_parser_initialize(&parse.parser)) {
        mistakes_add(mistakes, (struct place){1, 1}, "no memory");
        return NULL;
    }
    yaml_parser_set_input_string(&parse.parser, (const unsigned char *)bytes, size);
    struct node *root = parse_stream(&parse);
    yaml_parser_delete(&parse.parser);
    return root;
}
