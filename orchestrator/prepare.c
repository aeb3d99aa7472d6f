#include "orchestrator/prepare.h"

#include "corpus/shard.h"
#include "corpus/text.h"
#include "orchestrator/encode_corpus.h"
#include "orchestrator/settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void say(bool quiet, const char *format, ...) {
    if (quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

/* Holds the settings that a folder was made with, noted in its settings.txt, against the study's, or notes them when it
 * is new. A folder without the note was made by hand and is taken as it is. */
static int match_settings(const struct study *study, const char *folder, const char *const *prefixes, bool new,
                          struct error *error) {
    char path[FILE_PATH_SIZE], difference[512];
    char *all = study_settings(study), *now = all ? settings_select(all, prefixes) : NULL, *before = NULL;
    size_t size;
    int result = 0;
    free(all);
    if (!now)
        return error_set(error, ERROR_FAILED, "no memory for the settings of the corpus");
    if (file_join(path, folder, "settings.txt", error) != 0)
        result = -1;
    else if (new)
        result = file_write(path, now, strlen(now), error);
    else if (file_exists(path)) {
        result = file_read(path, 1 << 20, &before, &size, error);
        if (result == 0 && settings_differ(before, now, difference, sizeof difference))
            result =
                error_set(error, ERROR_INPUT,
                          "%s: was made with other settings: %s; name another folder in the study, or remove this one",
                          folder, difference);
    }
    free(before);
    free(now);
    return result;
}

int prepare_text(const struct study *study, bool quiet, struct error *error) {
    static const char *const prefixes[] = {"languages", "corpus.synthetic", "corpus.seed", NULL};
    bool missing = false;
    for (uint32_t l = 0; l < study->language_count && !missing; l++) {
        struct text_files files;
        missing = text_find(&files, study->text_folder, study->languages[l], error) != 0;
        text_files_free(&files);
    }
    if (missing && !study->synthetic) {
        const struct error reason = *error;
        return error_set(error, reason.code, "%.800s; `sweep corpus fetch` gets some", reason.message);
    }
    if (!study->synthetic)
        return 0;
    if (file_make_folder(study->text_folder, error) != 0)
        return -1;
    if (missing) {
        say(quiet, "corpus: writing %u synthetic languages into %s\n", study->language_count, study->text_folder);
        if (synthetic_write(study->text_folder, study->synthetic_languages, study->language_count,
                            &study->synthetic_settings, error) != 0)
            return -1;
    }
    return match_settings(study, study->text_folder, prefixes, missing, error);
}

int prepare_vocabulary(const struct study *study, bool quiet, struct vocabulary **vocabulary, struct error *error) {
    static const char *const prefixes[] = {"vocabulary.", "corpus.test_", "corpus.synthetic", "corpus.seed", NULL};
    char path[FILE_PATH_SIZE];
    if (file_make_folder(study->tokens_folder, error) != 0 ||
        file_join(path, study->tokens_folder, VOCABULARY_FILE, error) != 0)
        return -1;
    const bool missing = !file_exists(path);
    if (missing && prepare_text(study, quiet, error) != 0)
        return -1;
    if (match_settings(study, study->tokens_folder, prefixes, missing, error) != 0)
        return -1;
    if (missing) {
        say(quiet, "corpus: training a vocabulary of %u pieces\n", study->vocabulary.pieces);
        if (vocabulary_train(path, study->text_folder, study->languages, study->language_count, &study->vocabulary,
                             error) != 0)
            return -1;
    }
    if (vocabulary_open(vocabulary, path, error) != 0)
        return -1;
    if (vocabulary_size(*vocabulary) != study->vocabulary.pieces) {
        error_set(error, ERROR_INPUT, "%s: has %u pieces, the study asks for %u under vocabulary.pieces", path,
                  vocabulary_size(*vocabulary), study->vocabulary.pieces);
        vocabulary_close(*vocabulary);
        return -1;
    }
    return 0;
}

static int shard_missing(const struct study *study, const char *language, bool *missing, struct error *error) {
    char train[FILE_PATH_SIZE], test[FILE_PATH_SIZE];
    if (shard_path(train, study->tokens_folder, language, "train", error) != 0 ||
        shard_path(test, study->tokens_folder, language, "test", error) != 0)
        return -1;
    *missing = !file_exists(train) || !file_exists(test);
    return 0;
}

/* Checks both shards of a language, writes their lines of identity to out, and notes the training tokens. */
static int verify_shards(struct study *study, const struct vocabulary *vocabulary, uint32_t l, FILE *out,
                         struct error *error) {
    const char *language = study->languages[l];
    static const char *const splits[] = {"train", "test"};
    for (int i = 0; i < 2; i++) {
        char path[FILE_PATH_SIZE];
        struct shard shard;
        if (shard_path(path, study->tokens_folder, language, splits[i], error) != 0 ||
            shard_open(&shard, path, error) != 0)
            return -1;
        int result = shard_verify(&shard, path, error);
        if (result == 0 && strcmp(shard.header.vocabulary, vocabulary_identity(vocabulary)) != 0)
            result = error_set(error, ERROR_INPUT,
                               "%s: was encoded with another vocabulary; remove it to have it made anew", path);
        if (result == 0)
            fprintf(out, "corpus.%s.%s: %llu tokens %016llx\n", language, splits[i],
                    (unsigned long long)shard.header.token_count, (unsigned long long)shard.header.payload_checksum);
        if (i == 0)
            study->train_tokens[l] = shard.header.token_count;
        shard_close(&shard);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* Makes the shards that are missing. */
static int make_shards(const struct study *study, const struct vocabulary *vocabulary, MPI_Comm comm, bool quiet,
                       struct error *error) {
    bool any = false, *missing = calloc(study->language_count, sizeof *missing);
    if (!missing)
        return error_set(error, ERROR_FAILED, "no memory for %u languages", study->language_count);
    int result = 0;
    for (uint32_t l = 0; l < study->language_count && result == 0; l++) {
        result = shard_missing(study, study->languages[l], &missing[l], error);
        any = any || missing[l];
    }
    if (result == 0 && any)
        result = prepare_text(study, quiet, error);
    if (result == 0 && any)
        result = encode_corpus(study, missing, vocabulary, comm, quiet, error);
    free(missing);
    return result;
}

int prepare_corpus(struct study *study, MPI_Comm comm, bool quiet, char **identities, struct error *error) {
    struct vocabulary *vocabulary;
    *identities = NULL;
    if (prepare_vocabulary(study, quiet, &vocabulary, error) != 0)
        return -1;
    size_t size;
    FILE *out = open_memstream(identities, &size);
    int result = out ? make_shards(study, vocabulary, comm, quiet, error)
                     : error_set(error, ERROR_FAILED, "no memory for the identities of the corpus");
    if (result == 0) {
        fprintf(out, "corpus.vocabulary: %s\n", vocabulary_identity(vocabulary));
        for (uint32_t l = 0; l < study->language_count && result == 0; l++)
            result = verify_shards(study, vocabulary, l, out, error);
    }
    if (out && fclose(out) != 0 && result == 0)
        result = error_set(error, ERROR_FAILED, "no memory for the identities of the corpus");
    if (result != 0) {
        free(*identities);
        *identities = NULL;
    }
    vocabulary_close(vocabulary);
    return result;
}
