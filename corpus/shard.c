#include "corpus/shard.h"

#include "base/file.h"
#include "corpus/shard_writer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shards are little-endian and mapped as they are");
_Static_assert(sizeof(struct shard_header) == 168, "the header is a file format: no padding may creep in");

enum { VOCABULARY_SIZE_MAX = 1 << 16 }; /* tokens have 16 bits */

static const char magic[8] = {'S', 'W', 'E', 'E', 'P', 'T', 'O', 'K'};

/* Where the parts of a shard lie, in bytes from its beginning. */
static size_t counts_offset(void) {
    return SHARD_HEADER_SIZE;
}

static size_t piece_bytes_offset(uint32_t vocabulary_size) {
    return counts_offset() + (size_t)vocabulary_size * sizeof(uint64_t);
}

static size_t tokens_offset(uint32_t vocabulary_size) {
    return piece_bytes_offset(vocabulary_size) + ((size_t)vocabulary_size + 7) / 8 * 8;
}

static uint64_t header_checksum(const struct shard_header *header) {
    return checksum64(header, offsetof(struct shard_header, header_checksum));
}

/* Others print it. */
static bool is_printable(const char *field, size_t size) {
    size_t length = 0;
    while (length < size && field[length] >= ' ' && field[length] <= '~')
        length++;
    return length < size && field[length] == '\0';
}

int shard_path(char *path, const char *folder, const char *language, const char *split, struct error *error) {
    char name[2 * LANGUAGE_CODE_SIZE + 16];
    if (strlen(language) >= LANGUAGE_CODE_SIZE || strlen(split) >= LANGUAGE_CODE_SIZE)
        return error_set(error, ERROR_INPUT, "%s: not a language code; at most %d characters are", language,
                         LANGUAGE_CODE_SIZE - 1);
    snprintf(name, sizeof name, "%s.%s.tokens", language, split);
    return file_join(path, folder, name, error);
}

/* Everything that later reads rely on. Nothing in the header is believed before its checksum, and no count before it is
 * held against the size of the file. */
static int check_header(const struct shard_header *header, size_t file_size, const char *path, struct error *error) {
    if (memcmp(header->magic, magic, sizeof magic) != 0)
        return error_set(error, ERROR_INPUT, "%s: not a shard; make it with `sweep corpus encode`", path);
    if (header->version != SHARD_VERSION)
        return error_set(error, ERROR_INPUT,
                         "%s: shard version %" PRIu32 ", this program reads %d; encode the text again", path,
                         header->version, SHARD_VERSION);
    if (header->header_checksum != header_checksum(header))
        return error_set(error, ERROR_INPUT, "%s: the header is damaged; encode the text again", path);
    const uint32_t vocabulary_size = header->vocabulary_size;
    if (vocabulary_size == 0 || vocabulary_size > VOCABULARY_SIZE_MAX ||
        !is_printable(header->language, sizeof header->language) ||
        !is_printable(header->split, sizeof header->split) ||
        !is_printable(header->vocabulary, sizeof header->vocabulary) ||
        !is_printable(header->text, sizeof header->text))
        return error_set(error, ERROR_INPUT, "%s: the header makes no sense; encode the text again", path);
    const size_t offset = tokens_offset(vocabulary_size);
    if (file_size <= offset || (file_size - offset) % sizeof(uint16_t) != 0 ||
        (file_size - offset) / sizeof(uint16_t) != header->token_count)
        return error_set(error, ERROR_INPUT,
                         "%s: %zu bytes do not hold the %" PRIu64 " tokens of its header; encode the text again", path,
                         file_size, header->token_count);
    return 0;
}

int shard_open(struct shard *shard, const char *path, struct error *error) {
    *shard = (struct shard){0};
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not hold us up */
    if (file < 0)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < SHARD_HEADER_SIZE) {
        close(file);
        return error_set(error, ERROR_INPUT, "%s: too short for a shard; make it with `sweep corpus encode`", path);
    }
    const size_t size = (size_t)status.st_size;
    void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapping == MAP_FAILED)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be mapped", path);
    memcpy(&shard->header, mapping, sizeof shard->header);
    if (check_header(&shard->header, size, path, error) != 0) {
        munmap(mapping, size);
        *shard = (struct shard){0};
        return -1;
    }
    const char *bytes = mapping;
    shard->mapping = mapping;
    shard->mapping_size = size;
    shard->unigram_counts = (const void *)(bytes + counts_offset());
    shard->piece_bytes = (const void *)(bytes + piece_bytes_offset(shard->header.vocabulary_size));
    shard->tokens = (const void *)(bytes + tokens_offset(shard->header.vocabulary_size));
    return 0;
}

void shard_close(struct shard *shard) {
    if (shard->mapping)
        munmap(shard->mapping, shard->mapping_size);
    *shard = (struct shard){0};
}

void shard_forget(const struct shard *shard) {
    madvise(shard->mapping, shard->mapping_size, MADV_DONTNEED);
}

int shard_verify(const struct shard *shard, const char *path, struct error *error) {
    enum { BLOCK = 4 << 20 }; /* so much of it is in memory */
    const char *payload = (const char *)shard->mapping + SHARD_HEADER_SIZE;
    const size_t size = shard->mapping_size - SHARD_HEADER_SIZE;
    struct checksum *checksum = checksum_begin();
    if (!checksum)
        return error_set(error, ERROR_FAILED, "%s: no memory to verify it", path);
    for (size_t begin = 0; begin < size; begin += BLOCK, shard_forget(shard))
        checksum_add(checksum, payload + begin, size - begin < BLOCK ? size - begin : BLOCK);
    if (checksum_end(checksum) != shard->header.payload_checksum)
        return error_set(error, ERROR_INPUT, "%s: the contents are damaged; encode the text again", path);
    for (uint64_t i = 0; i < shard->header.token_count; i++) {
        if (shard->tokens[i] >= shard->header.vocabulary_size)
            return error_set(error, ERROR_INPUT,
                             "%s: token %" PRIu64 " is piece %u of a vocabulary of %" PRIu32 "; encode the text again",
                             path, i, shard->tokens[i], shard->header.vocabulary_size);
        if (i % BLOCK == 0)
            shard_forget(shard);
    }
    return 0;
}

int shard_writer_open(struct shard_writer *writer, const char *folder, const char *language, const char *split,
                      const char *vocabulary, const char *text, const uint8_t *piece_bytes, uint32_t vocabulary_size,
                      struct error *error) {
    *writer = (struct shard_writer){.header = {.version = SHARD_VERSION, .vocabulary_size = vocabulary_size}};
    struct shard_header *header = &writer->header;
    if (vocabulary_size == 0 || vocabulary_size > VOCABULARY_SIZE_MAX)
        return error_set(error, ERROR_INPUT, "a vocabulary of %" PRIu32 " pieces; 1 to %d are possible",
                         vocabulary_size, VOCABULARY_SIZE_MAX);
    if (shard_path(writer->path, folder, language, split, error) != 0)
        return -1;
    memcpy(header->magic, magic, sizeof magic);
    snprintf(header->language, sizeof header->language, "%s", language);
    snprintf(header->split, sizeof header->split, "%s", split);
    snprintf(header->vocabulary, sizeof header->vocabulary, "%s", vocabulary);
    snprintf(header->text, sizeof header->text, "%s", text);
    writer->unigram_counts = calloc(vocabulary_size, sizeof *writer->unigram_counts);
    writer->piece_bytes = malloc(vocabulary_size);
    if (!writer->unigram_counts || !writer->piece_bytes) {
        shard_writer_discard(writer);
        return error_set(error, ERROR_FAILED, "%s: no memory to write it", writer->path);
    }
    memcpy(writer->piece_bytes, piece_bytes, vocabulary_size);
    writer->file = file_begin(writer->path, writer->temporary, error);
    if (writer->file && fseek(writer->file, (long)tokens_offset(vocabulary_size), SEEK_SET) == 0)
        return 0;
    if (writer->file)
        error_set_errno(error, ERROR_FAILED, "%s: cannot be written", writer->temporary);
    shard_writer_discard(writer);
    return -1;
}

int shard_writer_add(struct shard_writer *writer, const uint16_t *tokens, size_t count, uint64_t bytes,
                     struct error *error) {
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] >= writer->header.vocabulary_size)
            return error_set(error, ERROR_FAILED, "%s: piece %u of a vocabulary of %" PRIu32, writer->path, tokens[i],
                             writer->header.vocabulary_size);
        writer->unigram_counts[tokens[i]]++;
    }
    if (fwrite(tokens, sizeof *tokens, count, writer->file) != count)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be written", writer->temporary);
    writer->header.token_count += count;
    writer->header.document_count++;
    writer->header.byte_count += bytes;
    return 0;
}

/* Checksum of the file behind its header block. */
static int payload_checksum(struct shard_writer *writer, uint64_t *sum, struct error *error) {
    char block[1 << 15];
    struct checksum *checksum = checksum_begin();
    if (!checksum)
        return error_set(error, ERROR_FAILED, "%s: no memory to write it", writer->path);
    bool read = fseek(writer->file, SHARD_HEADER_SIZE, SEEK_SET) == 0;
    for (size_t got; read && (got = fread(block, 1, sizeof block, writer->file)) > 0;)
        checksum_add(checksum, block, got);
    read = read && !ferror(writer->file);
    *sum = checksum_end(checksum);
    return read ? 0 : error_set_errno(error, ERROR_FAILED, "%s: cannot be read", writer->temporary);
}

int shard_writer_publish(struct shard_writer *writer, const uint64_t *unigram_counts, struct error *error) {
    struct shard_header *header = &writer->header;
    const size_t size = header->vocabulary_size;
    FILE *file = writer->file;
    if (header->token_count == 0) {
        shard_writer_discard(writer);
        return error_set(error, ERROR_FAILED, "%s: no tokens to write", writer->path);
    }
    bool written = fseek(file, (long)counts_offset(), SEEK_SET) == 0;
    written = written && fwrite(unigram_counts, sizeof *unigram_counts, size, file) == size;
    written = written && fwrite(writer->piece_bytes, 1, size, file) == size && fflush(file) == 0;
    if (written && payload_checksum(writer, &header->payload_checksum, error) != 0) {
        shard_writer_discard(writer);
        return -1;
    }
    if (written) {
        header->header_checksum = header_checksum(header);
        written = fseek(file, 0, SEEK_SET) == 0 && fwrite(header, sizeof *header, 1, file) == 1;
        written = fclose(file) == 0 && written;
        writer->file = NULL;
    }
    int result = written ? 0 : error_set_errno(error, ERROR_FAILED, "%s: cannot be written", writer->temporary);
    if (result == 0)
        result = file_publish(writer->temporary, writer->path, error);
    if (result == 0)
        writer->temporary[0] = '\0';
    shard_writer_discard(writer);
    return result;
}

void shard_writer_discard(struct shard_writer *writer) {
    if (writer->file)
        fclose(writer->file);
    if (writer->temporary[0] != '\0')
        unlink(writer->temporary);
    free(writer->unigram_counts);
    free(writer->piece_bytes);
    writer->file = NULL;
    writer->temporary[0] = '\0';
    writer->unigram_counts = NULL;
    writer->piece_bytes = NULL;
}
