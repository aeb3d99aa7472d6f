#include "orchestrator/command.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int command_parse_count(const char *text, uint64_t *value) {
    char digits[64];
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '_' && used > 0 && isdigit((unsigned char)c[1]))
            continue;
        if (used + 1 >= sizeof digits || !strchr("0123456789.eE+", *c))
            return -1;
        digits[used++] = *c;
    }
    digits[used] = '\0';
    char *end;
    const double number = strtod(digits, &end);
    if (used == 0 || *end || number < 0 || number > 0x1p53 || number != floor(number))
        return -1;
    *value = (uint64_t)number;
    return 0;
}

int command_next_pair(const char **text, char *name, size_t name_size, double *value) {
    if (!*text || !**text)
        return 0;
    const size_t length = strcspn(*text, "=");
    if (length == 0 || length >= name_size || !(*text)[length])
        return -1;
    char *end;
    const char *number = *text + length + 1;
    *value = strtod(number, &end);
    if (end == number || (*end && *end != ',') || !isfinite(*value))
        return -1;
    snprintf(name, name_size, "%.*s", (int)length, *text);
    *text = *end ? end + 1 : end;
    return 1;
}

static void print_help(const struct command *command, const struct option *options) {
    printf("usage: sweep %s%s%s%s\n\n%s\n", command->name, command->arguments[0] ? " " : "", command->arguments,
           options ? " [options]" : "", command->summary);
    if (options) {
        printf("\noptions:\n");
        for (const struct option *row = options; row->name; row++) {
            char left[64];
            snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
            printf("  %-24s %s\n", left, row->help);
        }
    }
}

static const struct option *find_option(const struct option *options, const char *word, size_t length) {
    for (const struct option *row = options; row && row->name; row++)
        if (strlen(row->name) == length && strncmp(row->name, word, length) == 0)
            return row;
    return NULL;
}

static int set_option(const struct command *command, const struct option *row, const char *value, struct error *error) {
    char *end;
    if (row->text)
        *row->text = value;
    else if (row->list && row->list->count == OPTION_LIST_MAX)
        return error_set(error, ERROR_INPUT, "%s: %s more than %d times", command->name, row->name, OPTION_LIST_MAX);
    else if (row->list)
        row->list->values[row->list->count++] = value;
    else if (row->count && command_parse_count(value, row->count) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s needs a whole number, not '%s'; see `sweep %s --help`",
                         command->name, row->name, value, command->name);
    else if (row->number) {
        *row->number = strtod(value, &end);
        if (end == value || *end || !isfinite(*row->number))
            return error_set(error, ERROR_INPUT, "%s: %s needs a number, not '%s'; see `sweep %s --help`",
                             command->name, row->name, value, command->name);
    }
    return 0;
}

int command_parse(const struct command *command, const struct option *options, int count, char **words,
                  const char **arguments, int least, int most, struct error *error) {
    int found = 0;
    for (int i = 0; i < most; i++)
        arguments[i] = NULL;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(command, options);
            return 1;
        }
        if (word[0] != '-' || word[1] == '\0') {
            if (found == most)
                return error_set(error, ERROR_INPUT, "%s: '%s' is one argument too many; see `sweep %s --help`",
                                 command->name, word, command->name);
            arguments[found++] = word;
            continue;
        }
        const char *equals = strchr(word, '=');
        const struct option *row = find_option(options, word, equals ? (size_t)(equals - word) : strlen(word));
        if (!row)
            return error_set(error, ERROR_INPUT, "%s: unknown option %s; see `sweep %s --help`", command->name, word,
                             command->name);
        if (row->flag) {
            if (equals)
                return error_set(error, ERROR_INPUT, "%s: %s takes no value", command->name, row->name);
            *row->flag = true;
            continue;
        }
        if (!equals && ++i == count)
            return error_set(error, ERROR_INPUT, "%s: %s needs a value (%s)", command->name, row->name, row->value);
        if (set_option(command, row, equals ? equals + 1 : words[i], error) != 0)
            return -1;
    }
    if (found < least)
        return error_set(error, ERROR_INPUT, "%s: needs %s; see `sweep %s --help`", command->name, command->arguments,
                         command->name);
    return 0;
}

json_t *command_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

int command_print_json(json_t *object, struct error *error) {
    const int result = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(object);
    if (result != 0 || putchar('\n') == EOF)
        return error_set(error, ERROR_FAILED, "standard output: the JSON cannot be written");
    return 0;
}
