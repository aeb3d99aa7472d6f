/* From text to shards before the first run: whatever of synthetic text, vocabulary and shards is missing in the folders
 * that a study names is made; what is there is checked and kept. */
#ifndef SWEEP_ORCHESTRATOR_PREPARE_H
#define SWEEP_ORCHESTRATOR_PREPARE_H

#include "orchestrator/crew.h"
#include "orchestrator/study.h"

/* Name of the vocabulary in a folder of shards. */
#define VOCABULARY_FILE "vocabulary.model"

/* Each step does those before it where they are missing, and says on standard error what it makes unless quiet. They
 * fail when text is missing, when what is there was made with other settings, or when a shard is damaged. */
int prepare_text(const struct study *study, bool quiet, struct error *error);
int prepare_vocabulary(const struct study *study, bool quiet, struct vocabulary **vocabulary, struct error *error);

/* Also for each language that runs with a vocabulary of its own. *identities receives what the study's results depend
 * on beyond its settings, "key: value" lines with the identity of the vocabulary and of each shard; the caller frees
 * it. The training tokens of the shards go into the study. crew as in encode_corpus.h. */
int prepare_corpus(struct study *study, struct crew *crew, bool quiet, char **identities, struct error *error);

#endif
