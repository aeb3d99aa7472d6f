/* Vocabularies: the C face of SentencePiece (unigram model).
 *
 * Text is taken as it is, without normalization and without a dummy prefix, so that the bytes of the pieces of a
 * document add up to the bytes of the document. (Two exceptions: without byte fallback, characters outside the
 * vocabulary become the unknown piece, which counts nothing; and a literal U+2581, SentencePiece's mark of a space,
 * counts one byte instead of three.) A newline is a piece of its own; lines are encoded one by one.
 *
 * Pieces in order: 0 unknown, 1 end of document, 2 newline, the reserved ones, with byte fallback the 256 bytes, and
 * then what was learnt. */
#ifndef SWEEP_CORPUS_VOCABULARY_H
#define SWEEP_CORPUS_VOCABULARY_H

#include "base/checksum.h"
#include "base/error.h"
#include "base/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a vocabulary is made. Documents of all languages are sampled so that language l has a share proportional to
 * (its bytes)^(1 / temperature): T = 100 of the study is nearly uniform. A language with less text than its share is
 * read more than once. */
struct vocabulary_settings {
    uint32_t pieces;   /* all pieces, reserved ones included: V, at most 65 536 */
    uint32_t reserved; /* of them user-defined pieces kept free ("<reserved_0>" ...): 512 in the study */
    double temperature;
    double coverage;       /* character coverage, 0.999995 in the study */
    bool byte_fallback;    /* unseen characters become byte pieces */
    uint64_t sample_bytes; /* text that training looks at, all languages together; at most what there is, and 1 GB */
    uint64_t seed;
};

struct vocabulary;

/* Trains a vocabulary on the text of the languages in a folder (text_find) and writes the SentencePiece model to path,
 * whole or not at all. The same text, settings and library give the same bytes, for any number of threads. */
int vocabulary_train(const char *path, const char *text_folder, const char (*languages)[LANGUAGE_CODE_SIZE],
                     uint32_t language_count, const struct vocabulary_settings *settings, struct error *error);

int vocabulary_open(struct vocabulary **vocabulary, const char *path, struct error *error);
void vocabulary_close(struct vocabulary *vocabulary);

uint32_t vocabulary_size(const struct vocabulary *vocabulary);

/* Hash of the model file; owned by the vocabulary. */
const char *vocabulary_identity(const struct vocabulary *vocabulary);

/* The piece that ends a document. */
uint16_t vocabulary_end(const struct vocabulary *vocabulary);

/* Bytes of text that a piece stands for: its UTF-8 length with the space mark as one byte, 1 for a byte piece, 0 for
 * the end piece and the unknown piece. */
uint32_t vocabulary_piece_bytes(const struct vocabulary *vocabulary, uint16_t piece);

/* Encodes size bytes of text. *tokens is grown with realloc as needed (*room elements); *count receives the number of
 * tokens. The caller frees *tokens. */
int vocabulary_encode(const struct vocabulary *vocabulary, const char *text, size_t size, uint16_t **tokens,
                      size_t *room, size_t *count, struct error *error);

#ifdef __cplusplus
}
#endif
#endif
