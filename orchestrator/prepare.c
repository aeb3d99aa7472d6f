#include "orchestrator/prepare.h"

#include "corpus/parallel.h"
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

/* Checks a shard and writes its line of identity to out, behind prefix. It stays open, also when it is not sound. */
static int verify_shard(const struct study *study, const struct vocabulary *vocabulary, const char *prefix,
                        const char *language, const char *split, struct shard *shard, FILE *out, struct error *error) {
    char path[FILE_PATH_SIZE];
    if (shard_path(path, study->tokens_folder, language, split, error) != 0 || shard_open(shard, path, error) != 0 ||
        shard_verify(shard, path, error) != 0)
        return -1;
    if (strcmp(shard->header.vocabulary, vocabulary_identity(vocabulary)) != 0)
        return error_set(error, ERROR_INPUT, "%s: was encoded with another vocabulary; remove it to have it made anew",
                         path);
    fprintf(out, "%s%s.%s: %llu tokens %016llx\n", prefix, language, split,
            (unsigned long long)shard->header.token_count, (unsigned long long)shard->header.payload_checksum);
    return 0;
}

/* The parallel set has the lines of the first language, and the unigram counts of the training shard of now. */
static int match_parallel(const struct study *study, uint32_t l, const struct shard *train,
                          const struct shard *parallel, uint64_t *lines, struct error *error) {
    const size_t counts = train->header.vocabulary_size * sizeof *train->unigram_counts;
    if (memcmp(train->unigram_counts, parallel->unigram_counts, counts) != 0)
        return error_set(error, ERROR_INPUT,
                         "%s/%s.parallel.tokens: was made beside other training tokens; remove it to have it made anew",
                         study->tokens_folder, study->languages[l]);
    if (l == 0)
        *lines = parallel->header.document_count;
    if (parallel->header.document_count != *lines)
        return error_set(error, ERROR_INPUT,
                         "%s: %llu lines of language %s, %llu of %s; the lines of all languages must be the same "
                         "sentences; remove %s/*.parallel.tokens when that is mended",
                         study->parallel_folder, (unsigned long long)parallel->header.document_count,
                         study->languages[l], (unsigned long long)*lines, study->languages[0], study->tokens_folder);
    return 0;
}

/* Checks the shards of a language, writes their lines of identity to out, and notes the training tokens. lines: of the
 * parallel set, those of the first language. */
static int verify_shards(struct study *study, const struct vocabulary *vocabulary, const char *prefix, uint32_t l,
                         uint64_t *lines, FILE *out, struct error *error) {
    const char *language = study->languages[l];
    struct shard train = {0}, test = {0}, parallel = {0};
    int result = verify_shard(study, vocabulary, prefix, language, "train", &train, out, error);
    if (result == 0)
        result = verify_shard(study, vocabulary, prefix, language, "test", &test, out, error);
    if (result == 0 && study->parallel_folder[0])
        result = verify_shard(study, vocabulary, prefix, language, "parallel", &parallel, out, error);
    if (result == 0 && study->parallel_folder[0])
        result = match_parallel(study, l, &train, &parallel, lines, error);
    study->train_tokens[l] = train.header.token_count;
    shard_close(&train);
    shard_close(&test);
    shard_close(&parallel);
    return result;
}

/* Makes the shards of the parallel set that are missing. */
static int make_parallel(const struct study *study, const struct vocabulary *vocabulary, bool quiet,
                         struct error *error) {
    for (uint32_t l = 0; l < study->language_count; l++) {
        char path[FILE_PATH_SIZE], text[FILE_PATH_SIZE];
        if (shard_path(path, study->tokens_folder, study->languages[l], "parallel", error) != 0)
            return -1;
        if (file_exists(path))
            continue;
        say(quiet, "corpus: %s: encoding the parallel set\n", study->languages[l]);
        if (parallel_find(text, study->parallel_folder, study->languages[l], error) != 0 ||
            parallel_encode(study->tokens_folder, study->languages[l], text, vocabulary, error) != 0)
            return -1;
    }
    return 0;
}

/* Makes the shards that are missing. */
static int make_shards(const struct study *study, const struct vocabulary *vocabulary, struct crew *crew, bool quiet,
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
        result = encode_corpus(study, missing, vocabulary, crew, quiet, error);
    free(missing);
    return result;
}

/* Vocabulary and shards of a study's languages; their lines of identity, behind prefix, go to out. */
static int prepare_tokens(struct study *study, const char *prefix, struct crew *crew, bool quiet, FILE *out,
                          struct error *error) {
    struct vocabulary *vocabulary;
    if (prepare_vocabulary(study, quiet, &vocabulary, error) != 0)
        return -1;
    int result = make_shards(study, vocabulary, crew, quiet, error);
    if (result == 0 && study->parallel_folder[0])
        result = make_parallel(study, vocabulary, quiet, error);
    uint64_t lines = 0;
    if (result == 0)
        fprintf(out, "%svocabulary: %s\n", prefix, vocabulary_identity(vocabulary));
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        result = verify_shards(study, vocabulary, prefix, l, &lines, out, error);
    vocabulary_close(vocabulary);
    return result;
}

/* A language with its own vocabulary: the study of that language alone, on the text that is there. */
static int prepare_own(const struct study *study, uint32_t language, struct crew *crew, bool quiet, FILE *out,
                       struct error *error) {
    uint64_t train_tokens;
    bool missing;
    char prefix[LANGUAGE_CODE_SIZE + 16];
    struct study *alone = malloc(sizeof *alone);
    if (!alone)
        return error_set(error, ERROR_FAILED, "no memory for the corpus of a language");
    *alone = *study;
    alone->language_count = 1;
    alone->languages = &study->languages[language];
    alone->train_tokens = &train_tokens;
    alone->synthetic = false;
    alone->group_count = 0;
    snprintf(prefix, sizeof prefix, "corpus.own.%s.", study->languages[language]);
    int result = study_own_folder(study, language, alone->tokens_folder, error);
    if (result == 0)
        result = shard_missing(alone, study->languages[language], &missing, error);
    if (result == 0 && missing)
        result = prepare_text(study, quiet, error);
    if (result == 0)
        result = prepare_tokens(alone, prefix, crew, quiet, out, error);
    free(alone);
    return result;
}

static bool has_own_vocabulary(const struct study *study, uint32_t language) {
    for (uint32_t g = 0; g < study->group_count; g++)
        for (uint32_t m = 0; study_group_is_own(&study->groups[g]) && m < study->groups[g].mixture_count; m++)
            if (study->groups[g].mixtures[m].languages[0] == language)
                return true;
    return false;
}

int prepare_corpus(struct study *study, struct crew *crew, bool quiet, char **identities, struct error *error) {
    size_t size;
    *identities = NULL;
    FILE *out = open_memstream(identities, &size);
    int result = out ? prepare_tokens(study, "corpus.", crew, quiet, out, error)
                     : error_set(error, ERROR_FAILED, "no memory for the identities of the corpus");
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        if (has_own_vocabulary(study, l))
            result = prepare_own(study, l, crew, quiet, out, error);
    if (out && fclose(out) != 0 && result == 0)
        result = error_set(error, ERROR_FAILED, "no memory for the identities of the corpus");
    if (result != 0) {
        free(*identities);
        *identities = NULL;
    }
    return result;
}
