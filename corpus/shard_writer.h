/* Writing a shard, document by document, in bounded memory: the tokens go straight to a temporary file, the header and
 * the unigram counts, which are known only at the end, are put in front of them afterwards, and the file gets its name
 * when it is whole. */
#ifndef SWEEP_CORPUS_SHARD_WRITER_H
#define SWEEP_CORPUS_SHARD_WRITER_H

#include "base/file.h"
#include "corpus/shard.h"

#include <stdio.h>

struct shard_writer {
    struct shard_header header;
    char path[FILE_PATH_SIZE];
    char temporary[FILE_TEMPORARY_SIZE];
    FILE *file;
    uint64_t *unigram_counts; /* [V] of the tokens added so far */
    uint8_t *piece_bytes;     /* [V] */
};

/* Begins <folder>/<language>.<split>.tokens. vocabulary and text are identities; piece_bytes [V] is copied. After a
 * failure there is nothing to discard. */
int shard_writer_open(struct shard_writer *writer, const char *folder, const char *language, const char *split,
                      const char *vocabulary, const char *text, const uint8_t *piece_bytes, uint32_t vocabulary_size,
                      struct error *error);

/* Adds a document of count tokens, the end piece among them, that stands for bytes of text. */
int shard_writer_add(struct shard_writer *writer, const uint16_t *tokens, size_t count, uint64_t bytes,
                     struct error *error);

/* Gives the shard its name. unigram_counts [V] are those of the training split. The writer is closed in any case. */
int shard_writer_publish(struct shard_writer *writer, const uint64_t *unigram_counts, struct error *error);

/* Drops what was written; also for a writer that is all zero or closed. */
void shard_writer_discard(struct shard_writer *writer);

#endif
