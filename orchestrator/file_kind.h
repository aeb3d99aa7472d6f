/* What a file is, told by its first bytes; texts, vocabularies and checkpoints, which begin with nothing particular, by
 * their names. */
#ifndef SWEEP_ORCHESTRATOR_FILE_KIND_H
#define SWEEP_ORCHESTRATOR_FILE_KIND_H

#include "base/error.h"

enum file_kind {
    FILE_KIND_UNKNOWN,
    FILE_KIND_ARCHIVE,    /* HDF5 */
    FILE_KIND_JOURNAL,    /* hdf5_schema/journal.h */
    FILE_KIND_SHARD,      /* corpus/shard.h */
    FILE_KIND_STUDY,      /* .yaml, .yml */
    FILE_KIND_VOCABULARY, /* .model */
    FILE_KIND_CHECKPOINT, /* .safetensors, .safetensors.step-100; model/checkpoint.h */
};

/* Fails when the file cannot be read. */
int file_kind_find(const char *path, enum file_kind *kind, struct error *error);

#endif
