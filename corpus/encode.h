/* From the text of a language to its two shards: training and held-out test documents.
 *
 *   each text file -> encode -> a part (corpus/part.h), kept until the shards are made
 *   all parts of a language -> drop duplicates -> choose what is held out -> the two shards; the parts are removed
 *
 * Two steps, because which documents are held out is known only when the tokens of all are counted. Memory: the
 * vocabulary, the longest document and, in the second step, at most 32 bytes a document to find duplicates. On disk the
 * parts take as much as the shards. */
#ifndef SWEEP_CORPUS_ENCODE_H
#define SWEEP_CORPUS_ENCODE_H

#include "base/error.h"
#include "corpus/part.h"
#include "corpus/text.h"
#include "corpus/vocabulary.h"

#include <stdint.h>

/* What is held out, as in the study: a random sample of documents, min(tokens, fraction of the language's tokens) or a
 * little less, for documents stay whole: they are drawn until the next does not fit. A document longer than all that
 * may be held out is trained on. */
struct encode_settings {
    double test_fraction;     /* 0.2 in the study */
    uint64_t test_tokens_max; /* 20 M in the study */
    uint64_t seed;
};

struct encode_result {
    uint64_t train_tokens, test_tokens;
    uint64_t train_documents, test_documents;
    uint64_t duplicates; /* documents dropped because the same text came before */
    uint64_t broken_lines;
};

/* Encodes one text file of a language into its part in folder, unless that is there. header: what it holds. */
int encode_file(const char *folder, const char *language, const char *text_path, const struct vocabulary *vocabulary,
                struct part_header *header, struct error *error);

/* Encodes the files that have no part yet, and writes <folder>/<language>.train.tokens and .test.tokens.
 * Which documents are held out depends on their text and the seed alone, never on their order; a document is in
 * one split only, and of equal documents the first is kept. Fails when either split would be empty. Calls may run at
 * the same time, for different languages or, with the same shards, for one. */
int encode_language(const char *folder, const char *language, const struct text_files *files,
                    const struct vocabulary *vocabulary, const struct encode_settings *settings,
                    struct encode_result *result, struct error *error);

/* Removes the parts of a language whose shards are made, and what processes left that were killed. */
void encode_remove_parts(const char *folder, const char *language);

#endif
