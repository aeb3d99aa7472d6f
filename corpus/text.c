#include "corpus/text.h"

#include "base/file.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BUFFER_SIZE = 1 << 18 };

struct text_reader {
    gzFile file; /* zlib reads plain and gzip'd files alike */
    bool json;
    bool begun;              /* the first line, which may carry a byte order mark, is behind us */
    char *buffer;            /* bytes [start, end) are read and not yet given out */
    size_t start, end, room; /* room is more than the longest line so far */
    char *text;              /* the document put together from lines of plain text */
    size_t text_size, text_room;
    json_t *document; /* the document out of a JSON line */
    uint64_t line, broken, first_broken;
};

static const char *const endings[] = {".jsonl", ".jsonl.gz", ".txt", ".txt.gz"};
enum { ENDINGS = sizeof endings / sizeof *endings, FIRST_PLAIN_ENDING = 2 };

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

int text_open(struct text_reader **reader, const char *path, struct error *error) {
    *reader = NULL;
    int ending = 0;
    while (ending < ENDINGS && !ends_with(path, endings[ending]))
        ending++;
    if (ending == ENDINGS)
        return error_set(error, ERROR_INPUT, "%s: not a text file by its name; use .jsonl, .jsonl.gz, .txt or .txt.gz",
                         path);
    struct text_reader *made = calloc(1, sizeof *made);
    char *buffer = malloc(BUFFER_SIZE);
    if (!made || !buffer) {
        free(made);
        free(buffer);
        return error_set(error, ERROR_FAILED, "%s: no memory to read it", path);
    }
    made->json = ending < FIRST_PLAIN_ENDING;
    made->buffer = buffer;
    made->room = BUFFER_SIZE;
    made->file = gzopen(path, "rbe");
    if (!made->file) {
        error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
        text_close(made);
        return -1;
    }
    gzbuffer(made->file, BUFFER_SIZE);
    *reader = made;
    return 0;
}

void text_close(struct text_reader *reader) {
    if (!reader)
        return;
    if (reader->file)
        gzclose(reader->file);
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
    const size_t free_room = reader->room - reader->end;
    const int got =
        gzread(reader->file, reader->buffer + reader->end, free_room < 1 << 30 ? (unsigned)free_room : 1 << 30);
    /* A stream that is cut off still gives its last bytes: only gzerror knows. Its message begins with the path. */
    int code;
    const char *reason = gzerror(reader->file, &code);
    if (code != Z_OK && code != Z_STREAM_END)
        return error_set(error, ERROR_INPUT, "%s; the file is damaged or cut off, make it again", reason);
    reader->end += (size_t)got;
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

/* UTF-8 as the JSON reader takes it, and no zero byte. */
static bool is_text(const char *line, size_t size) {
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
        } else if (!is_text(line, line_size)) {
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

int text_find(char *path, const char *folder, const char *language, struct error *error) {
    for (int ending = 0; ending < ENDINGS; ending++) {
        char name[FILE_PATH_SIZE];
        if (snprintf(name, sizeof name, "%s%s", language, endings[ending]) >= (int)sizeof name)
            return error_set(error, ERROR_INPUT, "%s: not a language code", language);
        if (file_join(path, folder, name, error) != 0)
            return -1;
        if (file_exists(path))
            return 0;
    }
    return error_set(error, ERROR_INPUT,
                     "%s: no text of language %s; one of %s.jsonl, .jsonl.gz, .txt, .txt.gz is needed", folder,
                     language, language);
}
