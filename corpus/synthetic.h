/* Synthetic languages: text for tests and for machines without a network, made from a family tree.
 *
 *   meanings    one process for all languages: a document has a topic, a sentence is made of clauses (agent, action,
 *               object, often a modifier of the object), and what is done, to what, and how it is called follows
 *               from the word before. Frequencies are those of Zipf.
 *   family      a stock of words, one a meaning, and an order of agent, action, object and modifier
 *   language    takes the words of a share of its meanings from the stock of its family and has its own words for the
 *               rest; in a family where all take as many, these are the same meanings
 *   script      the letters that words are written with; the same word in two scripts has no letter in common
 *
 * So there is much to learn beyond frequencies, related languages truly help each other, and how much they have in
 * common is known: two languages of one family and script share exactly that share of their words (the smaller one of
 * two), up to words that are alike by chance (about words / 600 000 of them). Seeded; the same bytes everywhere. */
#ifndef SWEEP_CORPUS_SYNTHETIC_H
#define SWEEP_CORPUS_SYNTHETIC_H

#include "base/error.h"
#include "base/record.h"

#include <stdint.h>

/* Latin, Cyrillic, Greek, Devanagari, Armenian, Georgian, Bengali, Thai. */
enum { SYNTHETIC_SCRIPTS = 8, SYNTHETIC_WORDS_MIN = 32, SYNTHETIC_WORDS_MAX = 100000 };

struct synthetic_language {
    char code[LANGUAGE_CODE_SIZE];
    uint32_t family;     /* languages of one family number share words and word order */
    uint32_t script;     /* languages of one script number share letters; below SYNTHETIC_SCRIPTS */
    double shared_words; /* share of its words that comes from the stock of its family, 0 to 1 */
    uint64_t bytes;      /* of its text, reached by the last document */
};

struct synthetic_settings {
    uint32_t words; /* word stock of a language, SYNTHETIC_WORDS_MIN to SYNTHETIC_WORDS_MAX */
    uint64_t seed;
};

/* Writes <folder>/<code>.jsonl for each language. */
int synthetic_write(const char *folder, const struct synthetic_language *languages, uint32_t language_count,
                    const struct synthetic_settings *settings, struct error *error);

#endif
