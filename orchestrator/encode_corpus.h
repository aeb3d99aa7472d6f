/* The text of languages to their shards, over all workers: every text file becomes a part, one file a task and the
 * largest first; then the parts of every language become its shards, one language a task. */
#ifndef SWEEP_ORCHESTRATOR_ENCODE_CORPUS_H
#define SWEEP_ORCHESTRATOR_ENCODE_CORPUS_H

#include "corpus/vocabulary.h"
#include "orchestrator/crew.h"
#include "orchestrator/study.h"

/* Encodes the languages of a study that are wanted [language_count] with the vocabulary in the folder of the shards.
 * crew: of one rank, then each thread does a task; or of several, then workers do (worker_serve) and this one, rank 0,
 * deals; what a worker had that falls silent, another does. Everything that can be done is done, and the first failure
 * in the order of the study is the error. Fails, too, when all workers are lost. */
int encode_corpus(const struct study *study, const bool *wanted, const struct vocabulary *vocabulary, struct crew *crew,
                  bool quiet, struct error *error);

#endif
