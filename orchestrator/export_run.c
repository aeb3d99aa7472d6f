#include "orchestrator/export_run.h"

#include "hdf5_schema/archive.h"
#include "model/checkpoint.h"
#include "orchestrator/checkpoints.h"
#include "orchestrator/prepare.h"
#include "orchestrator/study.h"
#include "worker/train.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VOCABULARY_LIMIT = 256 << 20 }; /* bytes */

/* A run on its way into a folder. */
struct run_export {
    struct study_data data;
    struct study study;
    const struct run_record *run;
    char kept[FILE_PATH_SIZE];      /* its last checkpoint */
    char source[FILE_PATH_SIZE];    /* where its vocabulary should be, */
    char vocabulary[IDENTITY_SIZE]; /* and which that is; "": the archive does not say */
    char weights[FILE_PATH_SIZE], model[FILE_PATH_SIZE], readme[FILE_PATH_SIZE]; /* what is made */
};

static int find_run(struct run_export *export, uint64_t number, struct error *error) {
    const struct study_data *data = &export->data;
    const char *archive = export->study.archive;
    char checkpoint[FILE_PATH_SIZE];
    if (number >= data->run_count)
        return error_set(error, ERROR_INPUT, "%s: has no run %" PRIu64 "; its %zu runs are numbered from 0", archive,
                         number, data->run_count);
    if (data->outcomes[number].status != RUN_DONE)
        return error_set(error, ERROR_FAILED, "%s: run %" PRIu64 " is %s; only one that is done can be exported",
                         archive, number, run_status_name(data->outcomes[number].status));
    export->run = &data->runs[number];
    checkpoint_path(&export->study, number, checkpoint);
    run_kept_path(export->kept, checkpoint, export->run->steps);
    if (!file_exists(export->kept))
        return error_set(error, ERROR_FAILED,
                         "%s: is not there: run %" PRIu64 " ended without `checkpoints: {keep: true}` in the study "
                         "file, or the file was lost; with that key and a new archive (--archive) it is trained again",
                         export->kept, number);
    return 0;
}

/* The study file of an archive is not there, so its paths are tried from the folder of the archive. */
static int find_vocabulary(struct run_export *export, struct error *error) {
    const struct study *study = &export->study;
    const char *language = export->run->languages[0].language;
    char folder[FILE_PATH_SIZE], key[LANGUAGE_CODE_SIZE + 32] = "\ncorpus.vocabulary: ";
    memcpy(folder, study->tokens_folder, sizeof folder);
    if (strcmp(export->run->kind, STUDY_OWN_VOCABULARY) == 0) {
        uint32_t l = 0;
        while (l + 1 < study->language_count && strcmp(study->languages[l], language) != 0)
            l++;
        if (study_own_folder(study, l, folder, error) != 0)
            return -1;
        snprintf(key, sizeof key, "\ncorpus.own.%s.vocabulary: ", language);
    }
    const char *line = strstr(export->data.study.settings, key);
    if (line)
        snprintf(export->vocabulary, IDENTITY_SIZE, "%s", line + strlen(key));
    return file_join(export->source, folder, VOCABULARY_FILE, error);
}

static int make_folder(struct run_export *export, const char *folder, struct error *error) {
    if (file_join(export->weights, folder, "model.safetensors", error) != 0 ||
        file_join(export->model, folder, VOCABULARY_FILE, error) != 0 ||
        file_join(export->readme, folder, "README.md", error) != 0)
        return -1;
    return file_make_new_folder(folder, error);
}

/* Texts, as safetensors asks, beside those of the shape; NULL: no memory. */
static json_t *metadata_of(const struct run_export *export) {
    const struct run_record *run = export->run;
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "study", export->data.study.name, "run",
                     json_sprintf("%u", run->run), "kind", run->kind, "mixture", run->name, "size", run->size,
                     "identity", run->identity, "steps", json_sprintf("%" PRIu64, run->steps), "tokens",
                     json_sprintf("%" PRIu64, run->tokens), "sequence", json_sprintf("%u", run->sequence), "precision",
                     run->precision);
}

static int write_weights(const struct run_export *export, struct error *error) {
    const struct run_record *run = export->run;
    char identity[IDENTITY_SIZE];
    memcpy(identity, run->identity, sizeof identity);
    checkpoint_identity(&export->study, (float)export->data.outcomes[run->run].learning_rate, identity);
    json_t *metadata = metadata_of(export);
    const int result =
        metadata ? checkpoint_copy_weights(export->kept, identity, run->steps, export->weights, metadata, error)
                 : error_set(error, ERROR_FAILED, "no memory for the metadata of a run");
    json_decref(metadata);
    return result;
}

/* *copied: it was found, and is that of the run. */
static int copy_vocabulary(const struct run_export *export, bool *copied, struct error *error) {
    char *bytes, identity[IDENTITY_SIZE];
    size_t size;
    struct error reason;
    *copied = false;
    if (file_read(export->source, VOCABULARY_LIMIT, &bytes, &size, &reason) != 0) {
        fprintf(stderr, "left out the vocabulary: %s\n", reason.message);
        return 0;
    }
    int result = 0;
    checksum_identity(bytes, size, identity);
    *copied = strcmp(identity, export->vocabulary) == 0;
    if (*copied)
        result = file_write(export->model, bytes, size, error);
    else
        fprintf(stderr, "left out the vocabulary: %s: is another than the one of the run\n", export->source);
    free(bytes);
    return result;
}

static int write_folder(struct run_export *export, const char *folder, struct error *error) {
    bool copied = false;
    if (make_folder(export, folder, error) != 0)
        return -1;
    if (write_weights(export, error) == 0 && copy_vocabulary(export, &copied, error) == 0 &&
        export_readme(export->readme, &export->data, export->run, export->vocabulary, copied, error) == 0)
        return 0;
    unlink(export->weights);
    unlink(export->model);
    rmdir(folder);
    return -1;
}

int export_run(const char *archive, uint64_t run, const char *folder, struct error *error) {
    struct run_export export = {0};
    if (archive_read(archive, &export.data, error) != 0)
        return -1;
    char *file = export.data.study.file;
    export.data.study.file = NULL; /* is the study's now */
    int result = study_parse(archive, file, strlen(file), &export.study, stderr, error);
    if (result == 0) {
        result = file_join(export.study.archive, ".", archive, error);
        if (result == 0)
            result = find_run(&export, run, error);
        if (result == 0)
            result = find_vocabulary(&export, error);
        if (result == 0)
            result = write_folder(&export, folder, error);
        study_free(&export.study);
    }
    study_data_free(&export.data);
    return result;
}
