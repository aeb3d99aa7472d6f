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
    struct crew *crew;
    struct encode_task *tasks; /* [count] */
    uint32_t count, room;
    uint32_t done;
    uint32_t failed;    /* number of the first task that failed, */
    struct error error; /* and why; ERROR_NONE: none did */
    bool quiet;
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
    struct encode_task *task = &batch->tasks[batch->count++];
    memset(task, 0, sizeof *task); /* it is sent as bytes */
    task->number = batch->crew->encode_tasks++;
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
        if (batch->error.code == ERROR_NONE || answer->number < batch->failed) {
            batch->failed = answer->number;
            batch->error = answer->error;
        }
        return;
    }
    if (!task->file[0])
        encode_remove_parts(task->tokens_folder, task->language);
    if (!batch->quiet && task->file[0])
        say_file(batch, task->file, &answer->part);
    else if (!batch->quiet)
        say_language(task->language, &answer->result);
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

/* ---- over workers ---- */

/* The task that a worker is waited for with; NULL: with none. */
struct hand {
    const struct encode_task *task;
    MPI_Request sending; /* of the last one */
};

struct deal {
    struct batch *batch;
    int ranks;
    struct hand *hands; /* [ranks]; the first is not used */
    uint32_t *left;     /* [left_count] tasks that nobody has; the last is given first */
    uint32_t left_count;
};

/* Not waited for: the rank may be dead. */
static void give(struct deal *deal, int rank) {
    struct hand *hand = &deal->hands[rank];
    int sent = 0;
    MPI_Test(&hand->sending, &sent, MPI_STATUS_IGNORE);
    if (!sent) /* to a rank that was silent and is back */
        return;
    hand->task = &deal->batch->tasks[deal->left[--deal->left_count]];
    MPI_Isend(hand->task, sizeof *hand->task, MPI_BYTE, rank, MESSAGE_ENCODE, deal->batch->crew->comm, &hand->sending);
}

static void hear(void *context, int rank, const char *news) {
    struct deal *deal = context;
    struct hand *hand = &deal->hands[rank];
    const struct encode_task *task = deal->batch->crew->silent[rank] ? hand->task : NULL;
    if (task) {
        deal->left[deal->left_count++] = (uint32_t)(task - deal->batch->tasks);
        hand->task = NULL;
    }
    if (!deal->batch->quiet && task)
        fprintf(stderr, "%s; %s is encoded elsewhere\n", news, task->file[0] ? task->file : task->language);
    else if (!deal->batch->quiet)
        fprintf(stderr, "%s%s\n", news, deal->batch->crew->silent[rank] ? "; the others do without it" : "");
}

static void receive(struct deal *deal, int rank) {
    struct encode_answer answer;
    struct hand *hand = &deal->hands[rank];
    MPI_Recv(&answer, sizeof answer, MPI_BYTE, rank, MESSAGE_ENCODED, deal->batch->crew->comm, MPI_STATUS_IGNORE);
    if (!hand->task || hand->task->number != answer.number) /* it was silent, and another does that */
        return;
    take_answer(deal->batch, hand->task, &answer);
    hand->task = NULL;
}

static int deal_all(struct deal *deal, struct error *error) {
    int heard = 0;
    for (uint32_t t = deal->batch->count; t > 0; t--) /* the largest last */
        deal->left[deal->left_count++] = t - 1;
    for (int rank = 0; rank < deal->ranks; rank++)
        deal->hands[rank].sending = MPI_REQUEST_NULL;
    while (heard >= 0 && deal->batch->done < deal->batch->count) {
        MPI_Status status;
        for (int rank = 1; rank < deal->ranks && deal->left_count > 0; rank++)
            if (!deal->hands[rank].task && !deal->batch->crew->silent[rank])
                give(deal, rank);
        if (protocol_wait(deal->batch->crew->comm, &status))
            receive(deal, status.MPI_SOURCE);
        heard = crew_listen(deal->batch->crew, hear, deal, error);
    }
    return heard < 0 ? -1 : 0;
}

/* Has every task that was sent left this process? */
static bool all_sent(struct deal *deal) {
    int sent = 1;
    for (int rank = 1; rank < deal->ranks && sent; rank++)
        MPI_Test(&deal->hands[rank].sending, &sent, MPI_STATUS_IGNORE);
    return sent;
}

static int do_there(struct batch *batch, struct error *error) {
    struct deal deal = {.batch = batch, .ranks = batch->crew->machines[0].ranks};
    deal.hands = calloc((size_t)deal.ranks, sizeof *deal.hands);
    deal.left = calloc(batch->count, sizeof *deal.left);
    int result = -1;
    if (deal.hands && deal.left) {
        result = deal_all(&deal, error);
        if (!all_sent(&deal))
            batch->tasks = NULL; /* one is on its way to a dead rank for ever */
    } else {
        error_set(error, ERROR_FAILED, "no memory for %d workers", deal.ranks);
    }
    free(deal.hands);
    free(deal.left);
    return result;
}

/* Does all tasks of one kind: `files`, or else one a language. */
static int do_tasks(const struct study *study, const bool *wanted, bool files, const struct vocabulary *vocabulary,
                    struct crew *crew, bool quiet, struct error *error) {
    struct batch batch = {.crew = crew, .quiet = quiet};
    int result = 0;
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        if (wanted[l])
            result = files ? add_files(&batch, study, study->languages[l], error)
                           : add_task(&batch, study, study->languages[l], "", error);
    if (batch.count > 0)
        qsort(batch.tasks, batch.count, sizeof *batch.tasks, compare_bytes);
    if (result == 0 && crew->machines[0].ranks == 1)
        do_here(&batch, vocabulary);
    else if (result == 0 && batch.count > 0)
        result = do_there(&batch, error);
    if (result == 0 && batch.error.code != ERROR_NONE) {
        *error = batch.error;
        result = -1;
    }
    free(batch.tasks);
    return result;
}

int encode_corpus(const struct study *study, const bool *wanted, const struct vocabulary *vocabulary, struct crew *crew,
                  bool quiet, struct error *error) {
    if (do_tasks(study, wanted, true, vocabulary, crew, quiet, error) != 0)
        return -1;
    return do_tasks(study, wanted, false, vocabulary, crew, quiet, error);
}
