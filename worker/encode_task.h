/* One task of encoding a corpus, flat as a run specification is, and its answer: sent as bytes between processes of one
 * binary. The tasks of all text files may be done at the same time, then those of all languages. */
#ifndef SWEEP_WORKER_ENCODE_TASK_H
#define SWEEP_WORKER_ENCODE_TASK_H

#include "base/file.h"
#include "corpus/encode.h"

#include <mpi.h>

struct encode_task {
    uint32_t number; /* of all that this coordinator ever gave */
    char language[LANGUAGE_CODE_SIZE];
    char file[FILE_PATH_SIZE]; /* a text file that becomes a part; "": the parts of the language become shards */
    uint64_t bytes;            /* of that file, as it lies there */
    char text_folder[FILE_PATH_SIZE];
    char tokens_folder[FILE_PATH_SIZE];
    char vocabulary[FILE_PATH_SIZE];
    struct encode_settings settings;
};

struct encode_answer {
    uint32_t number;
    struct error error;          /* code ERROR_NONE: it is done */
    struct part_header part;     /* of a text file */
    struct encode_result result; /* of a language */
};

void encode_task_do(const struct encode_task *task, const struct vocabulary *vocabulary, struct encode_answer *answer);

/* What a worker does with MESSAGE_ENCODE: receives the task, does it with the vocabulary that it names, and answers
 * with MESSAGE_ENCODED. */
void encode_task_serve(MPI_Comm comm);

#endif
