/* Parallel evaluation sets: the same sentences in every language, one a line, the same lines in each. A line is a
 * document of the shard <language>.parallel.tokens. */
#ifndef SWEEP_CORPUS_PARALLEL_H
#define SWEEP_CORPUS_PARALLEL_H

#include "base/error.h"
#include "base/file.h"
#include "corpus/vocabulary.h"

/* Finds the lines of a language in a folder: <language>.txt, or as Flores names them <language>.devtest or .dev. */
int parallel_find(char path[FILE_PATH_SIZE], const char *folder, const char *language, struct error *error);

/* Encodes them into a shard. Its unigram counts are those of the training shard, which must be in the folder. No line
 * may be left out, or the sets of languages would no longer be the same: a line that is empty or not UTF-8 is an
 * error. */
int parallel_encode(const char *folder, const char *language, const char *text_path,
                    const struct vocabulary *vocabulary, struct error *error);

#endif
