#include "corpus/test_set.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Unigram loss and bytes of the predicted tokens. Tokens are counted by piece first: one logarithm a piece, and a sum
 * in an order that does not depend on the text. */
static int sum_targets(struct test_set *set, const char *path, struct error *error) {
    const struct shard *shard = &set->shard;
    const uint32_t size = shard->header.vocabulary_size;
    uint64_t *targets = calloc(size, sizeof *targets);
    if (!targets)
        return error_set(error, ERROR_FAILED, "%s: no memory for %" PRIu32 " pieces", path, size);
    for (uint64_t i = 1; i <= set->predictions; i++) {
        if (shard->tokens[i] >= size) {
            free(targets);
            return error_set(error, ERROR_INPUT, "%s: the tokens are damaged; encode the text again", path);
        }
        targets[shard->tokens[i]]++;
    }
    double total = size; /* add-one smoothing: a piece that training never saw has a count of 1 */
    for (uint32_t piece = 0; piece < size; piece++)
        total += (double)shard->unigram_counts[piece];
    for (uint32_t piece = 0; piece < size; piece++) {
        const double count = (double)targets[piece];
        set->unigram_loss -= count * log(((double)shard->unigram_counts[piece] + 1) / total);
        set->bytes += count * shard->piece_bytes[piece];
    }
    set->unigram_loss /= (double)set->predictions;
    free(targets);
    return 0;
}

static int check_shard(const struct test_set *set, const char *path, const char *language, const char *name,
                       uint32_t vocabulary_size, struct error *error) {
    const struct shard_header *header = &set->shard.header;
    if (strcmp(header->language, language) != 0 || strcmp(header->split, name) != 0)
        return error_set(error, ERROR_INPUT, "%s: holds %s.%s; a shard keeps the name it was made under", path,
                         header->language, header->split);
    if (header->vocabulary_size != vocabulary_size)
        return error_set(error, ERROR_INPUT, "%s: a vocabulary of %" PRIu32 " pieces, the model has %" PRIu32, path,
                         header->vocabulary_size, vocabulary_size);
    if (header->token_count < 2)
        return error_set(error, ERROR_INPUT, "%s: 1 token; a test needs at least 2", path);
    return 0;
}

int test_set_open(struct test_set *set, const char *folder, const char *language, const char *name,
                  uint32_t vocabulary_size, uint32_t sequence, uint64_t tokens, struct error *error) {
    *set = (struct test_set){.sequence = sequence};
    char path[FILE_PATH_SIZE];
    if (sequence == 0 || tokens == 0)
        return error_set(error, ERROR_INPUT,
                         "a test set of %" PRIu64 " tokens in windows of %" PRIu32 "; neither may be 0", tokens,
                         sequence);
    if (shard_path(path, folder, language, name, error) != 0 || shard_open(&set->shard, path, error) != 0)
        return -1;
    int result = check_shard(set, path, language, name, vocabulary_size, error);
    if (result == 0) {
        const uint64_t most = set->shard.header.token_count - 1;
        set->predictions = tokens < most ? tokens : most;
        set->windows = set->predictions / sequence + (set->predictions % sequence != 0);
        result = sum_targets(set, path, error);
    }
    if (result == 0 && set->bytes == 0)
        result = error_set(error, ERROR_INPUT, "%s: its tokens stand for no text", path);
    if (result != 0)
        test_set_close(set);
    else
        shard_forget(&set->shard);
    return result;
}

void test_set_close(struct test_set *set) {
    shard_close(&set->shard);
}

uint32_t test_set_predictions(const struct test_set *set, uint64_t window) {
    const uint64_t left = set->predictions - window * set->sequence;
    return left < set->sequence ? (uint32_t)left : set->sequence;
}

void test_set_get(const struct test_set *set, uint64_t first, uint32_t count, uint16_t *tokens) {
    const size_t length = set->sequence;
    const uint16_t end = set->shard.tokens[set->shard.header.token_count - 1]; /* of the last document */
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *row = tokens + i * (length + 1);
        const size_t filled = (size_t)test_set_predictions(set, first + i) + 1;
        memcpy(row, set->shard.tokens + (first + i) * length, filled * sizeof *row);
        for (size_t j = filled; j <= length; j++)
            row[j] = end;
    }
    shard_forget(&set->shard);
}

struct test_losses test_set_losses(const struct test_set *set, double sum) {
    const double mean = sum / (double)set->predictions;
    return (struct test_losses){
        .cross_entropy = mean,
        .unigram_normalised = mean - set->unigram_loss,
        .bits_per_byte = sum / (log(2) * set->bytes),
    };
}
