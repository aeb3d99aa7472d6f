/* How far two words are apart: for "did you mean". */
#ifndef SWEEP_ORCHESTRATOR_WORDS_H
#define SWEEP_ORCHESTRATOR_WORDS_H

#include <stddef.h>

/* Levenshtein distance of two short words. */
size_t words_distance(const char *a, const char *b);

#endif
