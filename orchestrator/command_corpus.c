/* `sweep corpus ...`: the corpus of a study by hand, step by step; `sweep STUDY.yaml` does what is missing by itself.
 */
#include "corpus/shard.h"
#include "orchestrator/prepare.h"
#include "orchestrator/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads the study that the command line names. Returns 0, 1 when help was printed, -1. */
static int open_study(const struct command *command, int count, char **words, struct study *study,
                      struct error *error) {
    const char *path;
    const int parsed = command_parse(command, NULL, count, words, &path, 1, 1, error);
    return parsed != 0 ? parsed : study_read(path, study, stderr, error);
}

/* ---- fetch ---- */

/* The program lies beside the sources of a build, or in share/sweep of an installation. */
static int find_fetch_program(char path[FILE_PATH_SIZE], struct error *error) {
    static const char *const places[] = {"../corpus/fetch", "../share/sweep/corpus/fetch"};
    char self[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return error_set_errno(error, ERROR_FAILED, "/proc/self/exe: cannot be read");
    self[length] = '\0';
    file_folder(folder, self);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (file_join(path, folder, places[i], error) != 0)
            return -1;
        if (file_exists(path))
            return 0;
    }
    return error_set(error, ERROR_FAILED, "the program that fetches text is not beside %s; install sweep anew", self);
}

int command_corpus_fetch(const struct command *command, int count, char **words, struct error *error) {
    (void)command; /* it has its own --help */
    char program[FILE_PATH_SIZE], python[] = "python3";
    if (find_fetch_program(program, error) != 0)
        return -1;
    char **arguments = calloc((size_t)count + 3, sizeof *arguments);
    if (!arguments)
        return error_set(error, ERROR_FAILED, "no memory for %d arguments", count);
    arguments[0] = python;
    arguments[1] = program;
    memcpy(arguments + 2, words, (size_t)count * sizeof *words);
    execvp(python, arguments);
    free(arguments);
    return error_set_errno(error, ERROR_FAILED, "python3 cannot be started");
}

/* ---- from text to shards ---- */

int command_corpus_synthesize(const struct command *command, int count, char **words, struct error *error) {
    struct study study;
    int result = open_study(command, count, words, &study, error);
    if (result != 0)
        return result < 0 ? -1 : 0;
    if (!study.synthetic)
        result = error_set(error, ERROR_INPUT, "%s: has no corpus.synthetic; its text comes from files in %s",
                           study.path, study.text_folder);
    else
        result = prepare_text(&study, false, error);
    study_free(&study);
    return result;
}

int command_corpus_vocabulary(const struct command *command, int count, char **words, struct error *error) {
    struct study study;
    struct vocabulary *vocabulary;
    int result = open_study(command, count, words, &study, error);
    if (result != 0)
        return result < 0 ? -1 : 0;
    result = prepare_vocabulary(&study, false, &vocabulary, error);
    if (result == 0) {
        printf("%s/" VOCABULARY_FILE ": %u pieces, identity %s\n", study.tokens_folder, vocabulary_size(vocabulary),
               vocabulary_identity(vocabulary));
        vocabulary_close(vocabulary);
    }
    study_free(&study);
    return result;
}

static int print_shard(const struct study *study, const char *language, const char *split, struct error *error) {
    char path[FILE_PATH_SIZE];
    struct shard shard;
    if (shard_path(path, study->tokens_folder, language, split, error) != 0 || shard_open(&shard, path, error) != 0)
        return -1;
    const struct shard_header *header = &shard.header;
    printf("%-8s %-8s %13llu %10llu %13llu %11.2f\n", language, split, (unsigned long long)header->token_count,
           (unsigned long long)header->document_count, (unsigned long long)header->byte_count,
           (double)header->byte_count / (double)header->token_count);
    shard_close(&shard);
    return 0;
}

static int print_shards(const struct study *study, struct error *error) {
    printf("%-8s %-8s %13s %10s %13s %11s\n", "language", "split", "tokens", "documents", "bytes", "bytes/token");
    int result = 0;
    for (uint32_t l = 0; l < study->language_count && result == 0; l++) {
        result = print_shard(study, study->languages[l], "train", error);
        if (result == 0)
            result = print_shard(study, study->languages[l], "test", error);
        if (result == 0 && study->parallel_folder[0])
            result = print_shard(study, study->languages[l], "parallel", error);
    }
    return result;
}

static int lead_encode(const struct command *command, int count, char **words, struct crew *crew, struct error *error) {
    struct study study;
    char *identities;
    int result = open_study(command, count, words, &study, error);
    if (result != 0)
        return result < 0 ? -1 : 0;
    result = prepare_corpus(&study, crew, false, &identities, error);
    if (result == 0) {
        free(identities);
        result = print_shards(&study, error);
    }
    study_free(&study);
    return result;
}

int command_corpus_encode(const struct command *command, int count, char **words, struct error *error) {
    return ranks_run(command, count, words, run_train, lead_encode, error);
}

int command_corpus_info(const struct command *command, int count, char **words, struct error *error) {
    struct study study;
    int result = open_study(command, count, words, &study, error);
    if (result != 0)
        return result < 0 ? -1 : 0;
    result = print_shards(&study, error);
    study_free(&study);
    return result;
}
