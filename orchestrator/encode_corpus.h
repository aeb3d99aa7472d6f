/* The text of languages to their shards, over all workers: every text file becomes a part, one file a task and the
 * largest first; then the parts of every language become its shards, one language a task. */
#ifndef SWEEP_ORCHESTRATOR_ENCODE_CORPUS_H
#define SWEEP_ORCHESTRATOR_ENCODE_CORPUS_H

#include "corpus/vocabulary.h"
#include "orchestrator/study.h"

#include <mpi.h>

/* Encodes the languages of a study that are wanted [language_count] with the vocabulary in the folder of the shards.
 * comm: of one rank, then each thread does a task; or of several, then workers do (worker_serve) and this one, rank 0,
 * deals. Everything that can be done is done, and the first failure in the order of the study is the error. */
int encode_corpus(const struct study *study, const bool *wanted, const struct vocabulary *vocabulary, MPI_Comm comm,
                  bool quiet, struct error *error);

#endif
