#include "orchestrator/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *text;
    size_t key, length; /* bytes of the key and of the whole line */
};

/* The line at *cursor, which moves behind it; false at the end. */
static bool next_line(const char **cursor, struct line *line) {
    if (!**cursor)
        return false;
    line->text = *cursor;
    line->length = strcspn(*cursor, "\n");
    const char *colon = memchr(line->text, ':', line->length);
    line->key = colon ? (size_t)(colon - line->text) : line->length;
    *cursor += line->length + (line->text[line->length] == '\n');
    return true;
}

static bool find_key(const char *settings, const struct line *wanted, struct line *found) {
    while (next_line(&settings, found))
        if (found->key == wanted->key && memcmp(found->text, wanted->text, wanted->key) == 0)
            return true;
    return false;
}

/* "value" of the line, for a message. */
static void print_value(char value[128], const struct line *line) {
    const size_t start = line->key + 2 <= line->length ? line->key + 2 : line->length;
    snprintf(value, 128, "%.*s", (int)(line->length - start), line->text + start);
}

bool settings_differ(const char *before, const char *now, char *difference, size_t size) {
    struct line old, new;
    char old_value[128], new_value[128];
    for (const char *cursor = before; next_line(&cursor, &old);) {
        print_value(old_value, &old);
        if (!find_key(now, &old, &new)) {
            snprintf(difference, size, "%.*s was %s, is not set", (int)old.key, old.text, old_value);
            return true;
        }
        if (old.length != new.length || memcmp(old.text, new.text, old.length) != 0) {
            print_value(new_value, &new);
            snprintf(difference, size, "%.*s was %s, is %s", (int)old.key, old.text, old_value, new_value);
            return true;
        }
    }
    for (const char *cursor = now; next_line(&cursor, &new);)
        if (!find_key(before, &new, &old)) {
            print_value(new_value, &new);
            snprintf(difference, size, "%.*s was not set, is %s", (int)new.key, new.text, new_value);
            return true;
        }
    return false;
}

char *settings_select(const char *settings, const char *const *prefixes) {
    char *selected = malloc(strlen(settings) + 1);
    if (!selected)
        return NULL;
    size_t used = 0;
    struct line line;
    for (const char *cursor = settings; next_line(&cursor, &line);)
        for (const char *const *prefix = prefixes; *prefix; prefix++)
            if (strncmp(line.text, *prefix, strlen(*prefix)) == 0) {
                used += (size_t)sprintf(selected + used, "%.*s\n", (int)line.length, line.text);
                break;
            }
    selected[used] = '\0';
    return selected;
}
