/* Shards: the tokens of one language and split in one memory-mapped file, <language>.<split>.tokens.
 *
 *   +--------------------------------+ 0
 *   | struct shard_header, checksum  |
 *   +--------------------------------+ 4096
 *   | unigram counts [V] u64         |  of the TRAINING text of the language (in all splits)
 *   | bytes of each piece [V] u8     |  zeros behind it up to a multiple of 8 bytes
 *   | tokens [token_count] u16       |  documents one after the other, each closed by the end piece
 *   +--------------------------------+
 *
 * Little-endian. A shard holds all that training and evaluation need; the vocabulary file is not opened again. */
#ifndef SWEEP_CORPUS_SHARD_H
#define SWEEP_CORPUS_SHARD_H

#include "base/checksum.h"
#include "base/error.h"
#include "base/record.h"

#include <stddef.h>
#include <stdint.h>

enum { SHARD_VERSION = 1, SHARD_HEADER_SIZE = 4096 };

struct shard_header {
    char magic[8]; /* "SWEEPTOK" */
    uint32_t version;
    uint32_t vocabulary_size; /* V */
    char language[LANGUAGE_CODE_SIZE];
    char split[LANGUAGE_CODE_SIZE];     /* "train", "test" or "parallel" */
    char vocabulary[IDENTITY_SIZE + 7]; /* identity of the vocabulary */
    char text[IDENTITY_SIZE + 7];       /* identity of the text file it was made from */
    uint64_t token_count;               /* > 0 */
    uint64_t document_count;
    uint64_t byte_count;       /* UTF-8 bytes of the documents */
    uint64_t payload_checksum; /* checksum64 of all behind the header block */
    uint64_t header_checksum;  /* checksum64 of the fields above */
};

struct shard {
    struct shard_header header;
    const uint64_t *unigram_counts; /* [V] */
    const uint8_t *piece_bytes;     /* [V] */
    const uint16_t *tokens;         /* [token_count] */
    void *mapping;
    size_t mapping_size;
};

/* Maps a shard and checks its header against itself and the size of the file. */
int shard_open(struct shard *shard, const char *path, struct error *error);
void shard_close(struct shard *shard);

/* Lets go of the pages that were read, so that no corpus gathers in memory; reading them again brings them back. */
void shard_forget(const struct shard *shard);

/* Reads the whole payload and compares its checksum; also that every token is < V. */
int shard_verify(const struct shard *shard, const char *path, struct error *error);

/* <folder>/<language>.<split>.tokens; path has FILE_PATH_SIZE bytes. */
int shard_path(char *path, const char *folder, const char *language, const char *split, struct error *error);

#endif
