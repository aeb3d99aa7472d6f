#include "corpus/batches.h"

#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Fractions of 1 are integers in units of 2^-64, so that the mixture is exact. */
typedef unsigned __int128 wide;
static const wide one = (wide)1 << 64;

/* The golden ratio's fraction: of all steps the one whose multiples are spread most evenly (Weyl, Steinhaus). */
static const uint64_t golden_step = UINT64_C(0x9E3779B97F4A7C15);

enum key_use { KEY_OFFSET, KEY_LANGUAGE };

struct source {
    struct shard shard;
    double weight;    /* normalized */
    wide above;       /* sequences with a fraction in [above of the source before, above) are of this language */
    uint64_t windows; /* of T tokens and the target behind them */
    uint64_t key;     /* from the code of the language, not from its place in the list */
};

struct batches {
    uint32_t language_count, batch, sequence;
    uint64_t offset;
    struct source sources[];
};

/* Sum over i = 0 to count - 1 of floor((a i + b) / m), modulo 2^64, by Euclid's algorithm: O(log m) steps. count <
 * 2^63, a and b < 2^65, m <= 2^64. Graham, Knuth, Patashnik, Concrete Mathematics, section 3.5. */
static uint64_t floor_sum(wide count, wide m, wide a, wide b) {
    uint64_t sum = 0;
    for (;;) {
        sum += (uint64_t)(count * (count - 1) / 2) * (uint64_t)(a / m) + (uint64_t)count * (uint64_t)(b / m);
        a %= m;
        b %= m;
        const wide last = a * count + b;
        if (last < m)
            return sum;
        /* Count the points under the line by columns instead of rows. */
        count = last / m;
        b = last % m;
        const wide swap = m;
        m = a;
        a = swap;
    }
}

/* How many of the sequences 0 to count - 1 have a fraction below limit: [x mod 1 < limit] = floor(x) - floor(x -
 * limit).
 */
static uint64_t count_below(const struct batches *batches, uint64_t count, wide limit) {
    if (count == 0 || limit == 0)
        return 0;
    return floor_sum(count, one, golden_step, batches->offset) -
           floor_sum(count, one, golden_step, one + batches->offset - limit) + count;
}

/* How many of the sequences 0 to count - 1 are of language l. */
static uint64_t count_language(const struct batches *batches, uint64_t count, uint32_t l) {
    return count_below(batches, count, batches->sources[l].above) -
           (l > 0 ? count_below(batches, count, batches->sources[l - 1].above) : 0);
}

static uint32_t language_of(const struct batches *batches, uint64_t sequence) {
    const uint64_t fraction = batches->offset + sequence * golden_step;
    uint32_t low = 0, high = batches->language_count - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (fraction < batches->sources[middle].above)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int open_source(struct source *source, const char *folder, const char *language, uint32_t vocabulary_size,
                       uint32_t sequence, const char *vocabulary, struct error *error) {
    char path[FILE_PATH_SIZE];
    if (shard_path(path, folder, language, "train", error) != 0 || shard_open(&source->shard, path, error) != 0)
        return -1;
    const struct shard_header *header = &source->shard.header;
    if (strcmp(header->language, language) != 0 || strcmp(header->split, "train") != 0)
        return error_set(error, ERROR_INPUT, "%s: holds %s.%s; a shard keeps the name it was made under", path,
                         header->language, header->split);
    if (header->vocabulary_size != vocabulary_size)
        return error_set(error, ERROR_INPUT, "%s: a vocabulary of %" PRIu32 " pieces, the model has %" PRIu32, path,
                         header->vocabulary_size, vocabulary_size);
    if (vocabulary && strcmp(header->vocabulary, vocabulary) != 0)
        return error_set(error, ERROR_INPUT,
                         "%s: another vocabulary than that of the other languages; encode all with one", path);
    source->windows = (header->token_count - 1) / sequence;
    if (source->windows == 0)
        return error_set(error, ERROR_INPUT, "%s: %" PRIu64 " tokens; at least %" PRIu32 " are needed for one sequence",
                         path, header->token_count, sequence + 1);
    return 0;
}

/* Normalizes the weights and cuts [0, 1) in proportion. */
static int set_weights(struct batches *batches, const double *weights, struct error *error) {
    const uint32_t count = batches->language_count;
    double sum = 0, below = 0;
    for (uint32_t l = 0; l < count; l++) {
        if (!(weights[l] > 0 && isfinite(weights[l])))
            return error_set(error, ERROR_INPUT, "a mixture weight of %g; weights are positive", weights[l]);
        sum += weights[l];
    }
    for (uint32_t l = 0; l < count; l++) {
        below += weights[l];
        batches->sources[l].weight = weights[l] / sum;
        batches->sources[l].above = l + 1 < count ? (wide)(below / sum * 0x1p64) : one;
    }
    return 0;
}

int batches_open(struct batches **batches, const char *folder, const char (*languages)[LANGUAGE_CODE_SIZE],
                 const double *weights, uint32_t language_count, uint32_t vocabulary_size, uint32_t batch,
                 uint32_t sequence, uint64_t key, struct error *error) {
    *batches = NULL;
    if (language_count == 0 || language_count > LANGUAGES_MAX || batch == 0 || sequence == 0)
        return error_set(error, ERROR_INPUT,
                         "%" PRIu32 " languages, batch %" PRIu32 ", sequence %" PRIu32
                         "; none may be 0, and at most %d "
                         "languages are possible",
                         language_count, batch, sequence, LANGUAGES_MAX);
    struct batches *made = calloc(1, sizeof *made + language_count * sizeof *made->sources);
    if (!made)
        return error_set(error, ERROR_FAILED, "no memory for a mixture of %" PRIu32 " languages", language_count);
    made->language_count = language_count;
    made->batch = batch;
    made->sequence = sequence;
    made->offset = random_u64(key, KEY_OFFSET, 0);
    int result = set_weights(made, weights, error);
    for (uint32_t l = 0; result == 0 && l < language_count; l++) {
        made->sources[l].key = random_u64(key, KEY_LANGUAGE, checksum64(languages[l], strlen(languages[l])));
        result = open_source(&made->sources[l], folder, languages[l], vocabulary_size, sequence,
                             l > 0 ? made->sources[0].shard.header.vocabulary : NULL, error);
        for (uint32_t before = 0; result == 0 && before < l; before++)
            if (strcmp(languages[before], languages[l]) == 0)
                result = error_set(error, ERROR_INPUT, "language %s is in the mixture twice", languages[l]);
    }
    if (result != 0) {
        batches_close(made);
        return -1;
    }
    *batches = made;
    return 0;
}

void batches_close(struct batches *batches) {
    if (!batches)
        return;
    for (uint32_t l = 0; l < batches->language_count; l++)
        shard_close(&batches->sources[l].shard);
    free(batches);
}

void batches_get(const struct batches *batches, uint64_t b, uint32_t first, uint32_t count, uint16_t *tokens) {
    const size_t length = batches->sequence;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t sequence = b * batches->batch + first + i;
        const uint32_t l = language_of(batches, sequence);
        const struct source *source = &batches->sources[l];
        const uint64_t turn = count_language(batches, sequence, l); /* it is the turn-th sequence of its language */
        const uint64_t epoch_key = random_u64(source->key, 0, turn / source->windows);
        const uint64_t window = random_permute(turn % source->windows, source->windows, epoch_key);
        memcpy(tokens + i * (length + 1), source->shard.tokens + window * length, (length + 1) * sizeof *tokens);
        shard_forget(&source->shard); /* after each: the next one lies elsewhere, and pages may have megabytes */
    }
}

struct language_tokens batches_seen(const struct batches *batches, uint64_t count, uint32_t l) {
    const struct source *source = &batches->sources[l];
    const uint64_t sequences = count_language(batches, count * batches->batch, l);
    struct language_tokens seen = {
        .weight = source->weight,
        .tokens = sequences * batches->sequence,
        .unique_tokens = (sequences < source->windows ? sequences : source->windows) * batches->sequence,
        .epochs = (double)sequences / (double)source->windows,
    };
    memcpy(seen.language, source->shard.header.language, sizeof seen.language);
    return seen;
}
