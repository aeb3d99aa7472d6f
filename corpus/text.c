#include "corpus/text.h"

#include "corpus/source.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_SIZE = 1 << 18 };

struct text_reader {
    struct source *source;
    bool json;
    bool begun;              /* the first line, which may carry a byte order mark, is behind us */
    char *buffer;            /* bytes [start, end) are read and not yet given out */
    size_t start, end, room; /* room is more than the longest line so far */
    char *text;              /* the document put together from lines of plain text */
    size_t text_size, text_room;
    json_t *document; /* the document out of a JSON line */
    uint64_t line, broken, first_broken;
};

/* Where the ending of a text file begins in its name; NULL: it is none. */
static const char *find_ending(const char *name) {
    static const char *const endings[] = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".txt", ".txt.gz", ".txt.zst"};
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t tail = strlen(endings[i]);
        if (length > tail && strcmp(name + length - tail, endings[i]) == 0)
            return name + length - tail;
    }
    return NULL;
}

int text_open(struct text_reader **reader, const char *path, struct error *error) {
    *reader = NULL;
    const char *ending = find_ending(path);
    if (!ending)
        return error_set(error, ERROR_INPUT,
                         "%s: not a text file by its name; use .jsonl or .txt, and .gz or .zst behind it", path);
    struct text_reader *made = calloc(1, sizeof *made);
    char *buffer = malloc(BUFFER_SIZE);
    if (!made || !buffer) {
        free(made);
        free(buffer);
        return error_set(error, ERROR_FAILED, "%s: no memory to read it", path);
    }
    made->json = strncmp(ending, ".jsonl", 6) == 0;
    made->buffer = buffer;
    made->room = BUFFER_SIZE;
    if (source_open(&made->source, path, error) != 0) {
        text_close(made);
        return -1;
    }
    *reader = made;
    return 0;
}

void text_close(struct text_reader *reader) {
    if (!reader)
        return;
    source_close(reader->source);
    json_decref(reader->document);
    free(reader->buffer);
    free(reader->text);
    free(reader);
}

/* Reads on behind the bytes not yet given out. Returns 1, 0 at the end of the file, -1 on failure. */
static int read_more(struct text_reader *reader, struct error *error) {
    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    if (reader->end == reader->room) {
        const size_t room = 2 * reader->room + BUFFER_SIZE;
        char *larger = realloc(reader->buffer, room);
        if (!larger)
            return error_set(error, ERROR_FAILED, "no memory for a line of %zu bytes", room);
        reader->buffer = larger;
        reader->room = room;
    }
    size_t got;
    if (source_read(reader->source, reader->buffer + reader->end, reader->room - reader->end, &got, error) != 0)
        return -1;
    reader->end += got;
    return got > 0;
}

/* The next line without its end (LF or CRLF) and without a byte order mark. Returns 1, 0 at the end, -1 on failure. */
static int read_line(struct text_reader *reader, const char **line, size_t *size, struct error *error) {
    size_t searched = 0;
    const char *newline;
    for (;;) {
        const char *bytes = reader->buffer + reader->start;
        newline = memchr(bytes + searched, '\n', reader->end - reader->start - searched);
        if (newline)
            break;
        searched = reader->end - reader->start;
        const int more = read_more(reader, error);
        if (more < 0)
            return -1;
        if (more == 0)
            break;
    }
    if (!newline && reader->start == reader->end)
        return 0;
    *line = reader->buffer + reader->start;
    *size = newline ? (size_t)(newline - *line) : reader->end - reader->start;
    reader->start += *size + (newline != NULL);
    if (*size > 0 && (*line)[*size - 1] == '\r')
        --*size;
    if (!reader->begun && *size >= 3 && memcmp(*line, "\xEF\xBB\xBF", 3) == 0) {
        *line += 3;
        *size -= 3;
    }
    reader->begun = true;
    reader->line++;
    return 1;
}

static void count_broken_line(struct text_reader *reader) {
    if (reader->broken++ == 0)
        reader->first_broken = reader->line;
}

static bool is_blank(const char *line, size_t size) {
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t'))
        size--;
    return size == 0;
}

static int next_json(struct text_reader *reader, const char **text, size_t *size, struct error *error) {
    const char *line;
    size_t line_size;
    int status;
    while ((status = read_line(reader, &line, &line_size, error)) == 1) {
        if (is_blank(line, line_size))
            continue;
        json_decref(reader->document);
        reader->document = json_loadb(line, line_size, 0, NULL);
        const json_t *string = json_object_get(reader->document, "text");
        if (!json_is_string(string)) {
            count_broken_line(reader);
            continue;
        }
        *text = json_string_value(string);
        *size = json_string_length(string);
        if (*size > 0)
            return 1;
    }
    return status;
}

bool text_is_sound(const char *line, size_t size) {
    json_t *string = json_stringn(line, size);
    json_decref(string);
    return string != NULL && memchr(line, '\0', size) == NULL;
}

static int append_line(struct text_reader *reader, const char *line, size_t size, struct error *error) {
    const size_t needed = reader->text_size + size + 2; /* a newline in front, a zero byte behind */
    if (needed > reader->text_room) {
        char *larger = realloc(reader->text, 2 * needed);
        if (!larger)
            return error_set(error, ERROR_FAILED, "no memory for a document of %zu bytes", needed);
        reader->text = larger;
        reader->text_room = 2 * needed;
    }
    if (reader->text_size > 0)
        reader->text[reader->text_size++] = '\n';
    memcpy(reader->text + reader->text_size, line, size);
    reader->text_size += size;
    reader->text[reader->text_size] = '\0';
    return 0;
}

static int next_plain(struct text_reader *reader, const char **text, size_t *size, struct error *error) {
    const char *line;
    size_t line_size;
    int status;
    reader->text_size = 0;
    while ((status = read_line(reader, &line, &line_size, error)) == 1) {
        if (is_blank(line, line_size)) {
            if (reader->text_size > 0)
                break;
        } else if (!text_is_sound(line, line_size)) {
            count_broken_line(reader);
        } else if (append_line(reader, line, line_size, error) != 0) {
            return -1;
        }
    }
    *text = reader->text;
    *size = reader->text_size;
    return status < 0 ? -1 : reader->text_size > 0;
}

int text_next(struct text_reader *reader, const char **text, size_t *size, struct error *error) {
    return reader->json ? next_json(reader, text, size, error) : next_plain(reader, text, size, error);
}

uint64_t text_broken_lines(const struct text_reader *reader, uint64_t *first) {
    *first = reader->first_broken;
    return reader->broken;
}

/* ---- the files of a language ---- */

static int compare_paths(const void *left, const void *right) {
    return strcmp(left, right);
}

/* Whether a file in the folder of all languages is of this one: <language>.<ending> or <language>-<digits>.<ending>.
 */
static bool is_of_language(const char *name, const char *language) {
    const size_t length = strlen(language);
    if (strncmp(name, language, length) != 0)
        return false;
    const char *rest = name + length;
    if (*rest == '-') {
        const size_t digits = strspn(rest + 1, "0123456789");
        rest += digits >= 4 ? 1 + digits : 0; /* fewer are part of a code, as in es-419 */
    }
    return rest == find_ending(name);
}

/* Adds the text files of a folder; language NULL: all of them. A folder that is not there holds none. */
static int list_folder(struct text_files *files, const char *folder, const char *language, struct error *error) {
    DIR *entries = opendir(folder);
    if (!entries && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (!entries)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", folder);
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(entries));) {
        if (entry->d_name[0] == '.' || !find_ending(entry->d_name) ||
            (language && !is_of_language(entry->d_name, language)))
            continue;
        void *larger = realloc(files->paths, (files->count + 1) * sizeof *files->paths);
        if (!larger) {
            result = error_set(error, ERROR_FAILED, "%s: no memory for %u files", folder, files->count);
            break;
        }
        files->paths = larger;
        result = file_join(files->paths[files->count++], folder, entry->d_name, error);
    }
    closedir(entries);
    if (files->count > 0)
        qsort(files->paths, files->count, sizeof *files->paths, compare_paths);
    return result;
}

static int check_twins(const struct text_files *files, struct error *error) {
    for (uint32_t i = 1; i < files->count; i++) {
        const char *before = files->paths[i - 1], *path = files->paths[i];
        const size_t stem = (size_t)(find_ending(path) - path);
        if (stem == (size_t)(find_ending(before) - before) && strncmp(before, path, stem) == 0)
            return error_set(error, ERROR_INPUT, "%s and %s: the same text twice by their names; keep one", before,
                             path);
    }
    return 0;
}

int text_find(struct text_files *files, const char *folder, const char *language, struct error *error) {
    char below[FILE_PATH_SIZE];
    *files = (struct text_files){0};
    int result = file_join(below, folder, language, error);
    if (result == 0)
        result = list_folder(files, folder, language, error);
    if (result == 0 && files->count == 0)
        result = list_folder(files, below, NULL, error);
    if (result == 0)
        result = check_twins(files, error);
    if (result == 0 && files->count == 0)
        result = error_set(error, ERROR_INPUT,
                           "%s: no text of language %s; %s.jsonl or %s.txt, .gz or .zst behind it, or a folder %s "
                           "of such files is needed",
                           folder, language, language, language, language);
    if (result != 0)
        text_files_free(files);
    return result;
}

void text_files_free(struct text_files *files) {
    free(files->paths);
    *files = (struct text_files){0};
}
