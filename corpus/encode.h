/* From the text of a language to its two shards: training and held-out test documents. */
#ifndef SWEEP_CORPUS_ENCODE_H
#define SWEEP_CORPUS_ENCODE_H

#include "base/error.h"
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
    uint64_t duplicates;   /* documents dropped because the same text came before */
    uint64_t broken_lines; /* lines of the text file that could not be read, first of them below; 0: none */
    uint64_t first_broken_line;
};

/* Encodes text_path and writes <folder>/<language>.train.tokens and .test.tokens. Which documents are held out depends
 * on their text and the seed alone, never on their order; a document is in one split only, and of equal documents the
 * first is kept. Fails when either split would be empty. Calls for different languages may run at the same time. */
int encode_language(const char *folder, const char *language, const char *text_path,
                    const struct vocabulary *vocabulary, const struct encode_settings *settings,
                    struct encode_result *result, struct error *error);

#endif
