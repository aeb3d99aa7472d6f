#include "corpus/encode.h"

#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"
#include "corpus/shard_writer.h"
#include "corpus/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two passes, because which documents are held out is known only when the tokens of all are counted:
 *
 *   text -> drop duplicates -> encode -> temporary file of tokens, and a struct document each
 *   choose the held-out documents -> copy the temporary file, document by document, into the two shards
 *
 * Memory grows with the number of documents, by at most 150 bytes each, not with their length. */

struct document {
    uint64_t order; /* in the draw for the test set: random bits of (seed, text) */
    uint64_t tokens;
    uint64_t bytes;
    bool held_out;
};

/* A set of 64-bit hashes, open addressing; 0 marks a free place. Among 10^8 different documents a pair of equal hashes,
 * and so one document lost, has a chance of 3 in 10 000. */
struct hash_set {
    uint64_t *places;
    size_t room, used; /* room is a power of two, at least twice used */
};

struct encoder {
    const struct vocabulary *vocabulary;
    const struct encode_settings *settings;
    struct encode_result *result;
    struct hash_set seen;
    struct document *documents;
    size_t document_count, document_room;
    FILE *tokens; /* the temporary file; it has no name */
    uint16_t *buffer;
    size_t buffer_room;
};

static void hash_set_place(struct hash_set *set, uint64_t hash) {
    size_t place = hash & (set->room - 1);
    while (set->places[place] != 0)
        place = (place + 1) & (set->room - 1);
    set->places[place] = hash;
    set->used++;
}

/* Returns 1 when hash is new, 0 when it was there, -1 without memory. */
static int hash_set_add(struct hash_set *set, uint64_t hash) {
    hash += hash == 0;
    if (2 * (set->used + 1) > set->room) {
        struct hash_set larger = {.room = set->room ? 2 * set->room : 1024};
        larger.places = calloc(larger.room, sizeof *larger.places);
        if (!larger.places)
            return -1;
        for (size_t i = 0; i < set->room; i++)
            if (set->places[i] != 0)
                hash_set_place(&larger, set->places[i]);
        free(set->places);
        *set = larger;
    }
    for (size_t place = hash & (set->room - 1); set->places[place] != 0; place = (place + 1) & (set->room - 1))
        if (set->places[place] == hash)
            return 0;
    hash_set_place(set, hash);
    return 1;
}

/* The identity of a file that need not fit into memory. */
static int text_identity(const char *path, char identity[IDENTITY_SIZE], struct error *error) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) {
        error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
        if (file >= 0)
            close(file);
        return -1;
    }
    const size_t size = (size_t)status.st_size;
    void *mapping = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    close(file);
    if (mapping == MAP_FAILED)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be mapped", path);
    checksum_identity(mapping, size, identity);
    if (mapping)
        munmap(mapping, size);
    return 0;
}

static int add_document(struct encoder *encoder, struct document document, struct error *error) {
    if (encoder->document_count == encoder->document_room) {
        const size_t room = encoder->document_room ? 2 * encoder->document_room : 1024;
        struct document *larger = realloc(encoder->documents, room * sizeof *larger);
        if (!larger)
            return error_set(error, ERROR_FAILED, "no memory for %zu documents", room);
        encoder->documents = larger;
        encoder->document_room = room;
    }
    encoder->documents[encoder->document_count++] = document;
    return 0;
}

static int encode_document(struct encoder *encoder, const char *text, size_t size, struct error *error) {
    const uint64_t hash = checksum64(text, size);
    const int is_new = hash_set_add(&encoder->seen, hash);
    if (is_new < 0)
        return error_set(error, ERROR_FAILED, "no memory to find duplicates among %zu documents", encoder->seen.used);
    if (!is_new) {
        encoder->result->duplicates++;
        return 0;
    }
    size_t count;
    if (vocabulary_encode(encoder->vocabulary, text, size, &encoder->buffer, &encoder->buffer_room, &count, error) != 0)
        return -1;
    const uint16_t end = vocabulary_end(encoder->vocabulary);
    if (fwrite(encoder->buffer, sizeof *encoder->buffer, count, encoder->tokens) != count ||
        fwrite(&end, sizeof end, 1, encoder->tokens) != 1)
        return error_set_errno(error, ERROR_FAILED, "the temporary file of tokens cannot be written");
    const uint64_t order = random_u64(encoder->settings->seed, 0, hash);
    return add_document(encoder, (struct document){.order = order, .tokens = count + 1, .bytes = size}, error);
}

static int encode_text(struct encoder *encoder, const char *path, struct error *error) {
    struct text_reader *reader;
    if (text_open(&reader, path, error) != 0)
        return -1;
    const char *text;
    size_t size;
    int status;
    while ((status = text_next(reader, &text, &size, error)) == 1)
        if (encode_document(encoder, text, size, error) != 0) {
            status = -1;
            break;
        }
    encoder->result->broken_lines = text_broken_lines(reader, &encoder->result->first_broken_line);
    text_close(reader);
    return status;
}

/* A document's place in the draw for the test set. */
struct draw {
    uint64_t order;
    size_t document;
};

static int compare_draws(const void *left, const void *right) {
    const struct draw *a = left, *b = right;
    return (a->order > b->order) - (a->order < b->order);
}

/* Marks the held-out documents: by ascending order until the next does not fit into the budget. A document that is
 * longer than the whole budget is not held out. */
static int hold_out(struct encoder *encoder, const char *path, struct error *error) {
    const size_t count = encoder->document_count;
    if (count == 0)
        return error_set(error, ERROR_INPUT, "%s: no documents; %" PRIu64 " lines could not be read", path,
                         encoder->result->broken_lines);
    struct draw *draws = malloc(count * sizeof *draws);
    if (!draws)
        return error_set(error, ERROR_FAILED, "%s: no memory for %zu documents", path, count);
    uint64_t tokens = 0;
    for (size_t i = 0; i < count; i++) {
        draws[i] = (struct draw){.order = encoder->documents[i].order, .document = i};
        tokens += encoder->documents[i].tokens;
    }
    qsort(draws, count, sizeof *draws, compare_draws);
    const uint64_t fraction = (uint64_t)(encoder->settings->test_fraction * (double)tokens);
    const uint64_t limit = encoder->settings->test_tokens_max;
    const uint64_t budget = fraction < limit ? fraction : limit;
    uint64_t held_out = 0;
    for (size_t i = 0; i < count; i++) {
        struct document *document = &encoder->documents[draws[i].document];
        if (document->tokens > budget)
            continue;
        if (document->tokens > budget - held_out)
            break;
        held_out += document->tokens;
        document->held_out = true;
    }
    free(draws);
    if (held_out == 0) /* the other way round cannot be: the budget is less than all tokens */
        return error_set(error, ERROR_INPUT,
                         "%s: %zu documents of %" PRIu64 " tokens, none of which fits into a test set of %" PRIu64
                         "; more text or shorter documents are needed",
                         path, count, tokens, budget);
    return 0;
}

/* Copies the temporary file into the shards, each document into its own. */
static int split_tokens(struct encoder *encoder, struct shard_writer *train, struct shard_writer *test,
                        struct error *error) {
    if (fflush(encoder->tokens) != 0 || fseek(encoder->tokens, 0, SEEK_SET) != 0)
        return error_set_errno(error, ERROR_FAILED, "the temporary file of tokens cannot be written");
    for (size_t i = 0; i < encoder->document_count; i++) {
        const struct document *document = &encoder->documents[i];
        if (document->tokens > encoder->buffer_room) {
            uint16_t *larger = realloc(encoder->buffer, document->tokens * sizeof *larger);
            if (!larger)
                return error_set(error, ERROR_FAILED, "no memory for %" PRIu64 " tokens", document->tokens);
            encoder->buffer = larger;
            encoder->buffer_room = document->tokens;
        }
        if (fread(encoder->buffer, sizeof *encoder->buffer, document->tokens, encoder->tokens) != document->tokens)
            return error_set_errno(error, ERROR_FAILED, "the temporary file of tokens cannot be read");
        if (shard_writer_add(document->held_out ? test : train, encoder->buffer, document->tokens, document->bytes,
                             error) != 0)
            return -1;
    }
    return 0;
}

static int write_shards(struct encoder *encoder, const char *folder, const char *language, const char *text,
                        struct error *error) {
    const uint32_t size = vocabulary_size(encoder->vocabulary);
    const char *identity = vocabulary_identity(encoder->vocabulary);
    uint8_t *piece_bytes = malloc(size);
    uint64_t *counts = malloc(size * sizeof *counts);
    struct shard_writer train = {0}, test = {0};
    int result = -1;
    if (!piece_bytes || !counts) {
        error_set(error, ERROR_FAILED, "no memory for %" PRIu32 " pieces", size);
        goto done;
    }
    for (uint32_t piece = 0; piece < size; piece++)
        piece_bytes[piece] = (uint8_t)vocabulary_piece_bytes(encoder->vocabulary, (uint16_t)piece);
    if (shard_writer_open(&train, folder, language, "train", identity, text, piece_bytes, size, error) != 0 ||
        shard_writer_open(&test, folder, language, "test", identity, text, piece_bytes, size, error) != 0 ||
        split_tokens(encoder, &train, &test, error) != 0)
        goto done;
    encoder->result->train_tokens = train.header.token_count;
    encoder->result->test_tokens = test.header.token_count;
    encoder->result->train_documents = train.header.document_count;
    encoder->result->test_documents = test.header.document_count;
    memcpy(counts, train.unigram_counts, size * sizeof *counts);
    /* The training shard last: where it is, the test shard is too. */
    if (shard_writer_publish(&test, counts, error) == 0 && shard_writer_publish(&train, counts, error) == 0)
        result = 0;
done:
    shard_writer_discard(&train);
    shard_writer_discard(&test);
    free(counts);
    free(piece_bytes);
    return result;
}

/* A temporary file without a name in the folder of the shards, where the room is. */
static FILE *open_temporary(const char *folder, const char *language, struct error *error) {
    char path[FILE_PATH_SIZE], temporary[FILE_TEMPORARY_SIZE];
    if (shard_path(path, folder, language, "all", error) != 0)
        return NULL;
    FILE *file = file_begin(path, temporary, error);
    if (file)
        unlink(temporary);
    return file;
}

int encode_language(const char *folder, const char *language, const char *text_path,
                    const struct vocabulary *vocabulary, const struct encode_settings *settings,
                    struct encode_result *result, struct error *error) {
    *result = (struct encode_result){0};
    if (!(settings->test_fraction > 0 && settings->test_fraction < 1))
        return error_set(error, ERROR_INPUT, "%s: a test fraction of %g; it must be between 0 and 1", language,
                         settings->test_fraction);
    char identity[IDENTITY_SIZE];
    if (text_identity(text_path, identity, error) != 0)
        return -1;
    struct encoder encoder = {.vocabulary = vocabulary, .settings = settings, .result = result};
    encoder.tokens = open_temporary(folder, language, error);
    int status = encoder.tokens ? 0 : -1;
    if (status == 0)
        status = encode_text(&encoder, text_path, error);
    if (status == 0)
        status = hold_out(&encoder, text_path, error);
    if (status == 0)
        status = write_shards(&encoder, folder, language, identity, error);
    if (encoder.tokens)
        fclose(encoder.tokens);
    free(encoder.seen.places);
    free(encoder.documents);
    free(encoder.buffer);
    return status;
}
