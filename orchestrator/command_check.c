/* sweep check: what a file is and whether it is sound, in one line. */
#include "corpus/shard.h"
#include "corpus/vocabulary.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "model/checkpoint.h"
#include "orchestrator/archive_make.h"
#include "orchestrator/command.h"
#include "orchestrator/file_kind.h"
#include "orchestrator/study.h"

#include <stdio.h>
#include <stdlib.h>

static int check_archive(const char *path, struct error *error) {
    struct study_data data;
    if (archive_read(path, &data, error) != 0)
        return -1;
    printf("%s: sound archive ", path);
    archive_print_contents(&data);
    printf(", transfer scores: %zu, laws: %zu\n", data.transfer_count, data.law_count);
    study_data_free(&data);
    return 0;
}

static int check_journal(const char *path, struct error *error) {
    struct study_data data;
    uint64_t torn_bytes;
    if (journal_read(path, &data, &torn_bytes, error) != 0)
        return -1;
    const int result = study_data_check(&data, path, error);
    if (result == 0) {
        printf("%s: sound journal ", path);
        archive_print_contents(&data);
        if (torn_bytes > 0)
            printf("; behind it a torn tail of %llu bytes, which the next run of the study cuts",
                   (unsigned long long)torn_bytes);
        putchar('\n');
    }
    study_data_free(&data);
    return result;
}

static int check_shard(const char *path, struct error *error) {
    struct shard shard;
    if (shard_open(&shard, path, error) != 0)
        return -1;
    const int result = shard_verify(&shard, path, error);
    if (result == 0)
        printf("%s: sound shard; language: %s, split: %s, tokens: %llu, documents: %llu, vocabulary: %u pieces\n", path,
               shard.header.language, shard.header.split, (unsigned long long)shard.header.token_count,
               (unsigned long long)shard.header.document_count, shard.header.vocabulary_size);
    shard_close(&shard);
    return result;
}

static int check_vocabulary(const char *path, struct error *error) {
    struct vocabulary *vocabulary;
    if (vocabulary_open(&vocabulary, path, error) != 0)
        return -1;
    printf("%s: sound vocabulary; pieces: %u, identity: %s\n", path, vocabulary_size(vocabulary),
           vocabulary_identity(vocabulary));
    vocabulary_close(vocabulary);
    return 0;
}

static int check_checkpoint(const char *path, struct error *error) {
    struct checkpoint checkpoint;
    bool weights_alone;
    if (checkpoint_verify(path, &checkpoint, &weights_alone, error) != 0)
        return -1;
    const unsigned long long parameters = (unsigned long long)model_parameters(&checkpoint.shape);
    if (weights_alone)
        printf("%s: sound weights of an exported run, without its optimizer; parameters: %llu\n", path, parameters);
    else
        printf("%s: sound checkpoint; run: %s, step: %llu, parameters: %llu\n", path, checkpoint.identity,
               (unsigned long long)checkpoint.step, parameters);
    return 0;
}

static int check_study(const char *path, struct error *error) {
    struct study *study = calloc(1, sizeof *study);
    if (!study)
        return error_set(error, ERROR_FAILED, "%s: no memory", path);
    const int result = study_read(path, study, stderr, error);
    if (result == 0) {
        printf("%s: sound study %s; languages: %u, model sizes: %u, groups of runs: %u\n", path, study->name,
               study->language_count, study->size_count, study->group_count);
        study_free(study);
    }
    free(study);
    return result;
}

int command_check(const struct command *command, int count, char **words, struct error *error) {
    const char *path;
    const int parsed = command_parse(command, NULL, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    enum file_kind kind;
    if (file_kind_find(path, &kind, error) != 0)
        return -1;
    switch (kind) {
    case FILE_KIND_ARCHIVE:
        return check_archive(path, error);
    case FILE_KIND_JOURNAL:
        return check_journal(path, error);
    case FILE_KIND_SHARD:
        return check_shard(path, error);
    case FILE_KIND_STUDY:
        return check_study(path, error);
    case FILE_KIND_VOCABULARY:
        return check_vocabulary(path, error);
    case FILE_KIND_CHECKPOINT:
        return check_checkpoint(path, error);
    case FILE_KIND_UNKNOWN:
        break;
    }
    return error_set(error, ERROR_INPUT,
                     "%s: no file of sweep; it checks studies (.yaml), archives, journals, shards, vocabularies "
                     "(.model), checkpoints and exported weights (.safetensors)",
                     path);
}
