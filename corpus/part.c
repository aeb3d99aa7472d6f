#include "corpus/part.h"

#include "corpus/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct part_header) == 128, "the header is a file format: no padding may creep in");

static const char magic[8] = {'S', 'W', 'E', 'E', 'P', 'A', 'R', 'T'};

int part_path(char path[FILE_PATH_SIZE], const char *folder, const char *language, const char *text_path,
              struct error *error) {
    char name[FILE_PATH_SIZE];
    const char *slash = strrchr(text_path, '/');
    if (snprintf(name, sizeof name, "%s.%s.part", language, slash ? slash + 1 : text_path) >= (int)sizeof name)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", text_path);
    return file_join(path, folder, name, error);
}

/* The identity of a file that need not fit into memory. */
static int text_identity(const char *path, char identity[IDENTITY_SIZE], struct error *error) {
    char block[1 << 15];
    FILE *file = fopen(path, "rbe");
    if (!file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    struct checksum *checksum = checksum_begin();
    for (size_t got; checksum && (got = fread(block, 1, sizeof block, file)) > 0;)
        checksum_add(checksum, block, got);
    int result = 0;
    if (!checksum)
        result = error_set(error, ERROR_FAILED, "%s: no memory to read it", path);
    else if (ferror(file))
        result = error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    if (checksum)
        checksum_end_identity(checksum, identity);
    fclose(file);
    return result;
}

static uint64_t header_checksum(const struct part_header *header) {
    return checksum64(header, offsetof(struct part_header, header_checksum));
}

/* Whether a file is a whole part of that text and vocabulary (NULL: of any), whose header is read. */
static bool read_header(FILE *file, struct part_header *header, const char *text, const char *vocabulary) {
    struct stat status;
    return fread(header, sizeof *header, 1, file) == 1 && memcmp(header->magic, magic, sizeof magic) == 0 &&
           header->header_checksum == header_checksum(header) && fstat(fileno(file), &status) == 0 &&
           (uint64_t)status.st_size == header->size && (!text || strcmp(header->text, text) == 0) &&
           (!vocabulary || strcmp(header->vocabulary, vocabulary) == 0);
}

static bool is_there(const char *path, struct part_header *header, const struct part_header *wanted) {
    FILE *file = fopen(path, "rbe");
    const bool there = file && read_header(file, header, wanted->text, wanted->vocabulary);
    if (file)
        fclose(file);
    return there;
}

/* ---- writing ---- */

static int encode_documents(FILE *file, struct text_reader *reader, const struct vocabulary *vocabulary,
                            struct part_header *header, struct error *error) {
    const char *text;
    size_t size, room = 0;
    uint16_t *tokens = NULL;
    const uint16_t end = vocabulary_end(vocabulary);
    int status;
    header->size = sizeof *header;
    while ((status = text_next(reader, &text, &size, error)) == 1) {
        struct part_document document = {.hash = checksum64(text, size), .bytes = size};
        size_t count;
        if (vocabulary_encode(vocabulary, text, size, &tokens, &room, &count, error) != 0) {
            status = -1;
            break;
        }
        document.tokens = count + 1;
        if (fwrite(&document, sizeof document, 1, file) != 1 || fwrite(tokens, sizeof *tokens, count, file) != count ||
            fwrite(&end, sizeof end, 1, file) != 1) {
            status = error_set_errno(error, ERROR_FAILED, "a part of the tokens cannot be written");
            break;
        }
        header->document_count++;
        header->size += sizeof document + document.tokens * sizeof *tokens;
    }
    header->broken_lines = text_broken_lines(reader, &header->first_broken_line);
    free(tokens);
    return status;
}

static int write_part(const char *path, struct text_reader *reader, const struct vocabulary *vocabulary,
                      struct part_header *header, struct error *error) {
    char temporary[FILE_TEMPORARY_SIZE];
    FILE *file = file_begin(path, temporary, error);
    if (!file)
        return -1;
    const bool begun = fwrite(header, sizeof *header, 1, file) == 1;
    const bool encoded = !begun || encode_documents(file, reader, vocabulary, header, error) == 0;
    header->header_checksum = header_checksum(header);
    const bool written =
        begun && encoded && fseek(file, 0, SEEK_SET) == 0 && fwrite(header, sizeof *header, 1, file) == 1;
    return file_end(file, written, temporary, path, encoded ? error : NULL); /* else it is told already */
}

int part_make(const char *path, const char *text_path, const struct vocabulary *vocabulary, struct part_header *header,
              struct error *error) {
    struct part_header wanted = {0};
    memcpy(wanted.magic, magic, sizeof magic);
    snprintf(wanted.vocabulary, sizeof wanted.vocabulary, "%s", vocabulary_identity(vocabulary));
    if (text_identity(text_path, wanted.text, error) != 0)
        return -1;
    if (is_there(path, header, &wanted))
        return 0;
    *header = wanted;
    struct text_reader *reader;
    if (text_open(&reader, text_path, error) != 0)
        return -1;
    const int result = write_part(path, reader, vocabulary, header, error);
    text_close(reader);
    return result;
}

/* ---- reading ---- */

static int damaged(const char *path, struct error *error) {
    return error_set(error, ERROR_FAILED, "%s: is damaged; remove it to have it made anew", path);
}

int part_open(struct part_reader *part, const char *path, struct error *error) {
    *part = (struct part_reader){0};
    if (file_join(part->path, "", path, error) != 0)
        return -1;
    part->file = fopen(path, "rbe");
    if (!part->file)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be read", path);
    if (!read_header(part->file, &part->header, NULL, NULL)) {
        part_close(part);
        return damaged(path, error);
    }
    return 0;
}

int part_next(struct part_reader *part, struct part_document *document, struct error *error) {
    if (fread(document, sizeof *document, 1, part->file) != 1 || document->tokens == 0 ||
        document->tokens > part->header.size / sizeof *part->tokens)
        return damaged(part->path, error);
    if (document->tokens > part->room) {
        uint16_t *larger = realloc(part->tokens, 2 * document->tokens * sizeof *larger);
        if (!larger)
            return error_set(error, ERROR_FAILED, "%s: no memory for a document of %llu tokens", part->path,
                             (unsigned long long)document->tokens);
        part->tokens = larger;
        part->room = 2 * document->tokens;
    }
    return fread(part->tokens, sizeof *part->tokens, document->tokens, part->file) == document->tokens
               ? 0
               : damaged(part->path, error);
}

void part_close(struct part_reader *part) {
    if (part->file)
        fclose(part->file);
    free(part->tokens);
    *part = (struct part_reader){0};
}
