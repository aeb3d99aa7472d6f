/* Synthetic languages: text for tests and for machines without a network, made from a family tree.
 *
 * Languages of one family share part of their word stock and their word order, languages of one script their letters,
 * so that related languages truly help each other, and by how much is known: the share of words two languages have in
 * common is a parameter. Seeded; the same bytes everywhere. */
#ifndef SWEEP_CORPUS_SYNTHETIC_H
#define SWEEP_CORPUS_SYNTHETIC_H

#include "base/error.h"
#include "base/record.h"

#include <stdint.h>

struct synthetic_language {
    char code[LANGUAGE_CODE_SIZE];
    uint32_t family; /* languages of one family number share words and word order */
    uint32_t script; /* languages of one script number share letters */
    uint64_t bytes;  /* size of its text */
};

struct synthetic_settings {
    uint32_t words;      /* word stock of a language */
    double shared_words; /* share of it that comes from the stock of its family, 0 to 1 */
    uint64_t seed;
};

/* Writes <folder>/<code>.jsonl for each language. */
int synthetic_write(const char *folder, const struct synthetic_language *languages, uint32_t language_count,
                    const struct synthetic_settings *settings, struct error *error);

#endif
