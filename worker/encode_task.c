#include "worker/encode_task.h"

#include "worker/protocol.h"

#include <stdlib.h>
#include <string.h>

void encode_task_do(const struct encode_task *task, const struct vocabulary *vocabulary, struct encode_answer *answer) {
    memset(answer, 0, sizeof *answer); /* it is sent as bytes */
    answer->number = task->number;
    if (task->file[0]) {
        encode_file(task->tokens_folder, task->language, task->file, vocabulary, &answer->part, &answer->error);
        return;
    }
    struct text_files files;
    if (text_find(&files, task->text_folder, task->language, &answer->error) != 0)
        return;
    encode_language(task->tokens_folder, task->language, &files, vocabulary, &task->settings, &answer->result,
                    &answer->error);
    text_files_free(&files);
}

void encode_task_serve(MPI_Comm comm) {
    struct encode_task *task = malloc(sizeof *task);
    struct encode_answer answer = {0};
    struct vocabulary *vocabulary;
    if (!task) {
        MPI_Abort(comm, EXIT_FAILURE);
        return;
    }
    MPI_Recv(task, sizeof *task, MPI_BYTE, 0, MESSAGE_ENCODE, comm, MPI_STATUS_IGNORE);
    answer.number = task->number;
    if (vocabulary_open(&vocabulary, task->vocabulary, &answer.error) == 0) {
        encode_task_do(task, vocabulary, &answer);
        vocabulary_close(vocabulary);
    }
    MPI_Send(&answer, sizeof answer, MPI_BYTE, 0, MESSAGE_ENCODED, comm);
    free(task);
}
