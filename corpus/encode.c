#include "corpus/encode.h"

#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"
#include "corpus/shard_writer.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The draw for the test set: a document's place in it, random bits of (seed, text), and its tokens; 0: a duplicate. */
struct draw {
    uint64_t order;
    uint64_t tokens;
};

/* Documents are drawn by ascending order until the next does not fit into the budget: those below the limit. A
 * document longer than the whole budget is not held out. */
struct held_out {
    uint64_t budget; /* tokens */
    uint64_t limit;
};

/* A set of 64-bit hashes, open addressing; 0 marks a free place. Among 10^8 different documents a pair of equal hashes,
 * and so one document lost, has a chance of 3 in 10 000. */
struct hash_set {
    uint64_t *places;
    size_t room, used; /* room is a power of two, of which at most three quarters are used */
};

struct encoder {
    const char *folder, *language;
    const struct text_files *files;
    const struct vocabulary *vocabulary;
    const struct encode_settings *settings;
    struct encode_result *result;
    char text[IDENTITY_SIZE]; /* of its file, or of the identities of its files */
    FILE *draws; /* struct draw of every document of the parts, duplicates too: on disk, for they may be many */
    uint64_t documents, tokens; /* without duplicates */
    struct held_out held_out;
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
    if (4 * (set->used + 1) > 3 * set->room) {
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

int encode_file(const char *folder, const char *language, const char *text_path, const struct vocabulary *vocabulary,
                struct part_header *header, struct error *error) {
    char path[FILE_PATH_SIZE];
    return part_path(path, folder, language, text_path, error) == 0
               ? part_make(path, text_path, vocabulary, header, error)
               : -1;
}

/* Makes the parts that are missing. */
static int make_parts(struct encoder *encoder, struct error *error) {
    struct checksum *all = checksum_begin();
    if (!all)
        return error_set(error, ERROR_FAILED, "%s: no memory to encode it", encoder->language);
    int result = 0;
    for (uint32_t f = 0; f < encoder->files->count && result == 0; f++) {
        struct part_header header = {0};
        result = encode_file(encoder->folder, encoder->language, encoder->files->paths[f], encoder->vocabulary, &header,
                             error);
        memcpy(encoder->text, header.text, IDENTITY_SIZE);
        checksum_add(all, header.text, IDENTITY_SIZE);
    }
    char together[IDENTITY_SIZE];
    checksum_end_identity(all, together);
    if (encoder->files->count > 1)
        memcpy(encoder->text, together, IDENTITY_SIZE);
    return result;
}

static int open_part(const struct encoder *encoder, uint32_t file, struct part_reader *part, struct error *error) {
    char path[FILE_PATH_SIZE];
    if (part_path(path, encoder->folder, encoder->language, encoder->files->paths[file], error) != 0)
        return -1;
    return part_open(part, path, error);
}

/* ---- draws ---- */

static int draw_part(struct encoder *encoder, struct part_reader *part, struct hash_set *seen, struct error *error) {
    for (uint64_t i = 0; i < part->header.document_count; i++) {
        struct part_document document;
        if (part_next(part, &document, error) != 0)
            return -1;
        const int is_new = hash_set_add(seen, document.hash);
        if (is_new < 0)
            return error_set(error, ERROR_FAILED, "no memory to find duplicates among %zu documents", seen->used);
        struct draw draw = {.order = random_u64(encoder->settings->seed, 0, document.hash)};
        if (is_new) {
            draw.tokens = document.tokens;
            encoder->documents++;
            encoder->tokens += document.tokens;
        } else {
            encoder->result->duplicates++;
        }
        if (fwrite(&draw, sizeof draw, 1, encoder->draws) != 1)
            return error_set_errno(error, ERROR_FAILED, "%s: its temporary file cannot be written", encoder->language);
    }
    encoder->result->broken_lines += part->header.broken_lines;
    return 0;
}

static int draw_all(struct encoder *encoder, struct error *error) {
    struct hash_set seen = {0};
    int result = 0;
    for (uint32_t f = 0; f < encoder->files->count && result == 0; f++) {
        struct part_reader part;
        result = open_part(encoder, f, &part, error);
        if (result == 0)
            result = draw_part(encoder, &part, &seen, error);
        part_close(&part);
    }
    free(seen.places);
    if (result == 0 && encoder->documents == 0)
        return error_set(error, ERROR_INPUT, "%s: no documents; %" PRIu64 " lines could not be read",
                         encoder->files->paths[0], encoder->result->broken_lines);
    return result;
}

/* Reads the draws from the first. */
static int rewind_draws(const struct encoder *encoder, struct error *error) {
    if (fflush(encoder->draws) != 0 || fseek(encoder->draws, 0, SEEK_SET) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: its temporary file cannot be written", encoder->language);
    return 0;
}

/* The next draw of a document that may be held out. */
static bool next_candidate(const struct encoder *encoder, struct draw *draw) {
    while (fread(draw, sizeof *draw, 1, encoder->draws) == 1)
        if (draw->tokens > 0 && draw->tokens <= encoder->held_out.budget)
            return true;
    return false;
}

/* ---- what is held out ---- */

static int compare_draws(const void *left, const void *right) {
    const struct draw *a = left, *b = right;
    return (a->order > b->order) - (a->order < b->order);
}

/* Orders are cut into buckets by their highest bits, and only the bucket with the limit in it is sorted. */
enum { BUCKET_BITS = 16, BUCKETS = 1 << BUCKET_BITS };

static size_t bucket_of(uint64_t order) {
    return (size_t)(order >> (64 - BUCKET_BITS));
}

/* The bucket in which the budget is used up, or BUCKETS; *used: tokens of those before it. */
static int find_bucket(const struct encoder *encoder, size_t *bucket, uint64_t *used, struct error *error) {
    uint64_t *tokens = calloc(BUCKETS, sizeof *tokens);
    if (!tokens)
        return error_set(error, ERROR_FAILED, "%s: no memory to choose a test set", encoder->language);
    int result = rewind_draws(encoder, error);
    for (struct draw draw; result == 0 && next_candidate(encoder, &draw);)
        tokens[bucket_of(draw.order)] += draw.tokens;
    *used = 0;
    for (*bucket = 0; *bucket < BUCKETS && tokens[*bucket] <= encoder->held_out.budget - *used; ++*bucket)
        *used += tokens[*bucket];
    free(tokens);
    return result;
}

static int find_limit(struct encoder *encoder, struct error *error) {
    size_t bucket, count = 0, room = 0;
    uint64_t used;
    struct draw *draws = NULL;
    if (find_bucket(encoder, &bucket, &used, error) != 0 || rewind_draws(encoder, error) != 0)
        return -1;
    for (struct draw draw; next_candidate(encoder, &draw);) {
        if (bucket_of(draw.order) != bucket)
            continue;
        if (count == room) {
            room = room ? 2 * room : 64;
            struct draw *larger = realloc(draws, room * sizeof *larger);
            if (!larger) {
                free(draws);
                return error_set(error, ERROR_FAILED, "%s: no memory to choose a test set", encoder->language);
            }
            draws = larger;
        }
        draws[count++] = draw;
    }
    if (count > 0)
        qsort(draws, count, sizeof *draws, compare_draws);
    encoder->held_out.limit = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (draws[i].tokens > encoder->held_out.budget - used) {
            encoder->held_out.limit = draws[i].order;
            break;
        }
        used += draws[i].tokens;
    }
    free(draws);
    if (used == 0) /* the other way round cannot be: the budget is less than all tokens */
        return error_set(error, ERROR_INPUT,
                         "%s: %" PRIu64 " documents of %" PRIu64
                         " tokens, none of which fits into a test set of %" PRIu64
                         "; more text or shorter documents are needed",
                         encoder->files->paths[0], encoder->documents, encoder->tokens, encoder->held_out.budget);
    return 0;
}

static int hold_out(struct encoder *encoder, struct error *error) {
    const uint64_t fraction = (uint64_t)(encoder->settings->test_fraction * (double)encoder->tokens);
    const uint64_t limit = encoder->settings->test_tokens_max;
    encoder->held_out.budget = fraction < limit ? fraction : limit;
    return find_limit(encoder, error);
}

/* ---- shards ---- */

static int split_part(const struct encoder *encoder, struct part_reader *part, struct shard_writer *train,
                      struct shard_writer *test, struct error *error) {
    for (uint64_t i = 0; i < part->header.document_count; i++) {
        struct part_document document;
        struct draw draw;
        if (part_next(part, &document, error) != 0)
            return -1;
        if (fread(&draw, sizeof draw, 1, encoder->draws) != 1)
            return error_set_errno(error, ERROR_FAILED, "%s: its temporary file cannot be read", encoder->language);
        if (draw.tokens == 0)
            continue;
        const bool held_out = draw.order < encoder->held_out.limit && draw.tokens <= encoder->held_out.budget;
        if (shard_writer_add(held_out ? test : train, part->tokens, document.tokens, document.bytes, error) != 0)
            return -1;
    }
    return 0;
}

/* Copies the parts into the shards, each document into its own. */
static int split_tokens(const struct encoder *encoder, struct shard_writer *train, struct shard_writer *test,
                        struct error *error) {
    int result = rewind_draws(encoder, error);
    for (uint32_t f = 0; f < encoder->files->count && result == 0; f++) {
        struct part_reader part = {0};
        result = open_part(encoder, f, &part, error);
        if (result == 0)
            result = split_part(encoder, &part, train, test, error);
        part_close(&part);
    }
    return result;
}

static int write_shards(const struct encoder *encoder, struct error *error) {
    const char *folder = encoder->folder, *language = encoder->language;
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
    if (shard_writer_open(&train, folder, language, "train", identity, encoder->text, piece_bytes, size, error) != 0 ||
        shard_writer_open(&test, folder, language, "test", identity, encoder->text, piece_bytes, size, error) != 0 ||
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
    char name[LANGUAGE_CODE_SIZE + 32], path[FILE_PATH_SIZE], temporary[FILE_TEMPORARY_SIZE];
    snprintf(name, sizeof name, "%.15s.draws", language);
    if (file_join(path, folder, name, error) != 0)
        return NULL;
    FILE *file = file_begin(path, temporary, error);
    if (file)
        unlink(temporary);
    return file;
}

void encode_remove_parts(const char *folder, const char *language) {
    const size_t length = strlen(language);
    DIR *entries = opendir(folder);
    if (!entries)
        return;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        const char *name = entry->d_name, *ending = strrchr(name, '.');
        if (strncmp(name, language, length) == 0 && name[length] == '.' &&
            (strcmp(ending, ".part") == 0 || strcmp(ending, ".tmp") == 0))
            unlinkat(dirfd(entries), name, 0);
    }
    closedir(entries);
}

int encode_language(const char *folder, const char *language, const struct text_files *files,
                    const struct vocabulary *vocabulary, const struct encode_settings *settings,
                    struct encode_result *result, struct error *error) {
    *result = (struct encode_result){0};
    if (!(settings->test_fraction > 0 && settings->test_fraction < 1))
        return error_set(error, ERROR_INPUT, "%s: a test fraction of %g; it must be between 0 and 1", language,
                         settings->test_fraction);
    struct encoder encoder = {.folder = folder,
                              .language = language,
                              .files = files,
                              .vocabulary = vocabulary,
                              .settings = settings,
                              .result = result};
    if (make_parts(&encoder, error) != 0)
        return -1;
    encoder.draws = open_temporary(folder, language, error);
    if (!encoder.draws)
        return -1;
    int status = draw_all(&encoder, error);
    if (status == 0)
        status = hold_out(&encoder, error);
    if (status == 0)
        status = write_shards(&encoder, error);
    fclose(encoder.draws);
    return status;
}
