#include "orchestrator/encode_corpus.h"

#include "orchestrator/prepare.h"
#include "worker/encode_task.h"
#include "worker/protocol.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Tasks of one kind, and how far they are. */
struct batch {
    struct encode_task *tasks; /* [count] */
    uint32_t count, room;
    uint32_t done;
    uint32_t failed; /* number of the first task that failed, or count */
    bool quiet;
    struct error error;
};

static int add_task(struct batch *batch, const struct study *study, const char *language, const char *file,
                    struct error *error) {
    if (batch->count == batch->room) {
        const uint32_t room = batch->room ? 2 * batch->room : 16;
        struct encode_task *tasks = realloc(batch->tasks, room * sizeof *tasks);
        if (!tasks)
            return error_set(error, ERROR_FAILED, "no memory for %u text files", room);
        batch->tasks = tasks;
        batch->room = room;
    }
    struct encode_task *task = &batch->tasks[batch->count];
    memset(task, 0, sizeof *task); /* it is sent as bytes */
    task->number = batch->count++;
    task->settings = study->encode;
    memcpy(task->language, language, sizeof task->language);
    memcpy(task->text_folder, study->text_folder, sizeof task->text_folder);
    memcpy(task->tokens_folder, study->tokens_folder, sizeof task->tokens_folder);
    struct stat status;
    if (stat(file, &status) == 0) /* what cannot be read is told when it is encoded */
        task->bytes = (uint64_t)status.st_size;
    if (file_join(task->file, "", file, error) != 0)
        return -1;
    return file_join(task->vocabulary, study->tokens_folder, VOCABULARY_FILE, error);
}

static int add_files(struct batch *batch, const struct study *study, const char *language, struct error *error) {
    struct text_files files;
    int result = text_find(&files, study->text_folder, language, error);
    for (uint32_t f = 0; f < files.count && result == 0; f++)
        result = add_task(batch, study, language, files.paths[f], error);
    text_files_free(&files);
    return result;
}

static int compare_bytes(const void *left, const void *right) {
    const struct encode_task *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return (a->number > b->number) - (a->number < b->number);
}

static void say_file(const struct batch *batch, const char *file, const struct part_header *part) {
    fprintf(stderr, "corpus: %s: %" PRIu64 " documents (%u of %u files)\n", file, part->document_count, batch->done,
            batch->count);
    if (part->broken_lines > 0)
        fprintf(stderr, "corpus: %s: %" PRIu64 " broken lines left out, the first is line %" PRIu64 "\n", file,
                part->broken_lines, part->first_broken_line);
}

static void say_language(const char *language, const struct encode_result *result) {
    fprintf(stderr,
            "corpus: %s: %" PRIu64 " training and %" PRIu64 " test tokens, %" PRIu64 " duplicate documents dropped\n",
            language, result->train_tokens, result->test_tokens, result->duplicates);
}

static void take_answer(struct batch *batch, const struct encode_task *task, const struct encode_answer *answer) {
    batch->done++;
    if (answer->error.code != ERROR_NONE) {
        if (answer->number < batch->failed) {
            batch->failed = answer->number;
            batch->error = answer->error;
        }
    } else if (!batch->quiet && task->file[0]) {
        say_file(batch, task->file, &answer->part);
    } else if (!batch->quiet) {
        say_language(task->language, &answer->result);
    }
}

static void do_here(struct batch *batch, const struct vocabulary *vocabulary) {
#pragma omp parallel for schedule(dynamic)
    for (uint32_t t = 0; t < batch->count; t++) {
        struct encode_answer answer;
        encode_task_do(&batch->tasks[t], vocabulary, &answer);
#pragma omp critical
        take_answer(batch, &batch->tasks[t], &answer);
    }
}

/* A worker has one task at a time; given [ranks] is which. */
static int deal(struct batch *batch, MPI_Comm comm, int ranks, struct error *error) {
    uint32_t next = 0, *given = calloc((size_t)ranks, sizeof *given);
    if (!given)
        return error_set(error, ERROR_FAILED, "no memory for %d workers", ranks);
    for (int rank = 1; rank < ranks && next < batch->count; rank++) {
        given[rank] = next++;
        MPI_Send(&batch->tasks[given[rank]], sizeof *batch->tasks, MPI_BYTE, rank, MESSAGE_ENCODE, comm);
    }
    while (batch->done < batch->count) {
        MPI_Status status;
        struct encode_answer answer;
        if (!protocol_wait(comm, &status))
            continue;
        const int rank = status.MPI_SOURCE;
        MPI_Recv(&answer, sizeof answer, MPI_BYTE, rank, MESSAGE_ENCODED, comm, MPI_STATUS_IGNORE);
        take_answer(batch, &batch->tasks[given[rank]], &answer);
        if (next == batch->count)
            continue;
        given[rank] = next++;
        MPI_Send(&batch->tasks[given[rank]], sizeof *batch->tasks, MPI_BYTE, rank, MESSAGE_ENCODE, comm);
    }
    free(given);
    return 0;
}

/* Does all tasks of one kind: `files`, or else one a language. */
static int do_tasks(const struct study *study, const bool *wanted, bool files, const struct vocabulary *vocabulary,
                    MPI_Comm comm, bool quiet, struct error *error) {
    struct batch batch = {.quiet = quiet};
    int ranks, result = 0;
    MPI_Comm_size(comm, &ranks);
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        if (wanted[l])
            result = files ? add_files(&batch, study, study->languages[l], error)
                           : add_task(&batch, study, study->languages[l], "", error);
    batch.failed = batch.count;
    if (batch.count > 0)
        qsort(batch.tasks, batch.count, sizeof *batch.tasks, compare_bytes);
    if (result == 0 && ranks > 1)
        result = deal(&batch, comm, ranks, error);
    else if (result == 0)
        do_here(&batch, vocabulary);
    if (result == 0 && batch.failed < batch.count) {
        *error = batch.error;
        result = -1;
    }
    free(batch.tasks);
    return result;
}

int encode_corpus(const struct study *study, const bool *wanted, const struct vocabulary *vocabulary, MPI_Comm comm,
                  bool quiet, struct error *error) {
    if (do_tasks(study, wanted, true, vocabulary, comm, quiet, error) != 0)
        return -1;
    return do_tasks(study, wanted, false, vocabulary, comm, quiet, error);
}
