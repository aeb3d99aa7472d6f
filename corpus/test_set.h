/* The held-out text of one language, cut into evaluation windows, and the three losses of a model on it. */
#ifndef SWEEP_CORPUS_TEST_SET_H
#define SWEEP_CORPUS_TEST_SET_H

#include "base/error.h"
#include "base/record.h"
#include "corpus/shard.h"

#include <stdint.h>

struct test_set {
    struct shard shard;
    uint32_t sequence;    /* T */
    uint64_t predictions; /* tokens predicted: min(wanted, token_count - 1) */
    uint64_t windows;     /* ceil(predictions / T) */
    double unigram_loss;  /* mean of -ln p_unigram over the predicted tokens, nats (add-one smoothed counts) */
    double bytes;         /* bytes of text that the predicted tokens stand for */
};

struct test_losses {
    double cross_entropy;      /* nats per token */
    double unigram_normalised; /* cross entropy - unigram loss: L_u of Tao et al. 2024, negative when better than
                                  unigram */
    double bits_per_byte;
};

/* Opens a set ("test" or "parallel") of a language in a folder for at most tokens predictions in windows of T. */
int test_set_open(struct test_set *set, const char *folder, const char *language, const char *name,
                  uint32_t vocabulary_size, uint32_t sequence, uint64_t tokens, struct error *error);
void test_set_close(struct test_set *set);

/* Windows first to first + count - 1 -> tokens [count, T + 1]; behind the last prediction the end piece fills up. */
void test_set_get(const struct test_set *set, uint64_t first, uint32_t count, uint16_t *tokens);

/* Predictions in window w that count, 1 to T. */
uint32_t test_set_predictions(const struct test_set *set, uint64_t window);

/* The losses that belong to the sum of the cross entropies (nats) of all predictions. */
struct test_losses test_set_losses(const struct test_set *set, double sum);

#endif
