/* Batches: batch b of a run is a pure function of (key, b). No state, so to resume is to continue.
 *
 * The training text of a language is cut into windows of T tokens (and the one target behind them); each epoch visits
 * them in an order of its own (random_permute). Sequence s = b B + i of a run takes its language from a low-discrepancy
 * sequence, frac(offset + s * golden ratio), cut at the cumulated weights: shares are kept at every length, by tokens,
 * and how many of the first s sequences belong to a language is counted exactly in O(log s) (a floor sum). The order of
 * windows within a language depends on the key and the language's code, not on the rest of the mixture.
 *
 * Tokens are given out as they lie in the shard; that they are whole is for shard_verify to say, once before a study.
 */
#ifndef SWEEP_CORPUS_BATCHES_H
#define SWEEP_CORPUS_BATCHES_H

#include "base/error.h"
#include "base/record.h"
#include "corpus/shard.h"

#include <stdint.h>

struct batches;

/* Opens the training shards of a mixture in a folder. weights are positive, in any scale; key seeds all order;
 * vocabulary_size is what the model expects (checked against each shard, as is that all shards have one vocabulary).
 * Fails when a language has less than one window. */
int batches_open(struct batches **batches, const char *folder, const char (*languages)[LANGUAGE_CODE_SIZE],
                 const double *weights, uint32_t language_count, uint32_t vocabulary_size, uint32_t batch,
                 uint32_t sequence, uint64_t key, struct error *error);
void batches_close(struct batches *batches);

/* Sequences first to first + count - 1 of batch b -> tokens [count, T + 1]. */
void batches_get(const struct batches *batches, uint64_t b, uint32_t first, uint32_t count, uint16_t *tokens);

/* What batches 0 to count - 1 hold of language index l: weight (normalized), tokens, unique tokens, epochs (run = 0).
 */
struct language_tokens batches_seen(const struct batches *batches, uint64_t count, uint32_t l);

#endif
