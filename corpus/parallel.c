#include "corpus/parallel.h"

#include "corpus/shard_writer.h"
#include "corpus/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parallel_find(char path[FILE_PATH_SIZE], const char *folder, const char *language, struct error *error) {
    static const char *const endings[] = {".txt", ".devtest", ".dev"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[FILE_PATH_SIZE];
        snprintf(name, sizeof name, "%s%s", language, endings[i]);
        if (file_join(path, folder, name, error) != 0)
            return -1;
        if (file_exists(path))
            return 0;
    }
    return error_set(error, ERROR_INPUT, "%s: no lines of language %s; one of %s.txt, .devtest, .dev is needed", folder,
                     language, language);
}

static int add_line(struct shard_writer *writer, const struct vocabulary *vocabulary, const char *line, size_t size,
                    struct error *error) {
    uint16_t *tokens = NULL;
    size_t room = 0, count;
    int result = vocabulary_encode(vocabulary, line, size, &tokens, &room, &count, error);
    if (result == 0 && count == room) { /* the end piece has no room */
        uint16_t *larger = realloc(tokens, (count + 1) * sizeof *larger);
        if (larger)
            tokens = larger;
        else
            result = error_set(error, ERROR_FAILED, "no memory for %zu tokens", count + 1);
    }
    if (result == 0) {
        tokens[count] = vocabulary_end(vocabulary);
        result = shard_writer_add(writer, tokens, count + 1, size, error);
    }
    free(tokens);
    return result;
}

static int add_lines(struct shard_writer *writer, const char *path, const struct vocabulary *vocabulary,
                     struct error *error) {
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int result = 0;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    for (unsigned long number = 1; result == 0 && (size = getline(&line, &room, file)) >= 0; number++) {
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
            size--;
        if (size == 0 || !text_is_sound(line, (size_t)size))
            result = error_set(error, ERROR_INPUT,
                               "%s:%lu: an empty line, or one that is not UTF-8; the lines of all "
                               "languages must be the same sentences",
                               path, number);
        else
            result = add_line(writer, vocabulary, line, (size_t)size, error);
    }
    if (result == 0 && ferror(file))
        result = error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    if (result == 0 && writer->header.document_count == 0)
        result = error_set(error, ERROR_INPUT, "%s: has no lines", path);
    free(line);
    fclose(file);
    return result;
}

int parallel_encode(const char *folder, const char *language, const char *text_path,
                    const struct vocabulary *vocabulary, struct error *error) {
    char path[FILE_PATH_SIZE], *text, identity[IDENTITY_SIZE];
    size_t size;
    struct shard train;
    struct shard_writer writer = {0};
    if (file_read(text_path, 1 << 30, &text, &size, error) != 0)
        return -1;
    checksum_identity(text, size, identity);
    free(text);
    if (shard_path(path, folder, language, "train", error) != 0 || shard_open(&train, path, error) != 0)
        return -1;
    int result = shard_writer_open(&writer, folder, language, "parallel", vocabulary_identity(vocabulary), identity,
                                   train.piece_bytes, train.header.vocabulary_size, error);
    if (result == 0)
        result = add_lines(&writer, text_path, vocabulary, error);
    if (result == 0)
        result = shard_writer_publish(&writer, train.unigram_counts, error);
    shard_writer_discard(&writer);
    shard_close(&train);
    return result;
}
