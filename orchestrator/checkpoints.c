#include "orchestrator/checkpoints.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 90 }; /* of ".checkpoints/", a file there, and what it is called while it is written */

static void folder_of(const struct study *study, char path[FILE_PATH_SIZE]) {
    snprintf(path, FILE_PATH_SIZE, "%.*s.checkpoints", FILE_PATH_SIZE - NAME_SIZE, study->archive);
}

void checkpoint_path(const struct study *study, size_t run, char path[FILE_PATH_SIZE]) {
    snprintf(path, FILE_PATH_SIZE, "%.*s.checkpoints/run-%06zu.safetensors", FILE_PATH_SIZE - NAME_SIZE, study->archive,
             run);
}

void checkpoint_identity(const struct study *study, float learning_rate, char identity[IDENTITY_SIZE]) {
    char text[IDENTITY_SIZE + 64];
    if (learning_rate == study->optimizer.learning_rate)
        return;
    const int length = snprintf(text, sizeof text, "%s learning_rate: %.9g", identity, (double)learning_rate);
    checksum_identity(text, (size_t)length, identity);
}

int checkpoints_begin(const struct study *study, struct error *error) {
    char path[FILE_PATH_SIZE];
    if (strlen(study->archive) >= FILE_PATH_SIZE - NAME_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", study->archive);
    folder_of(study, path);
    return file_make_folder(path, error);
}

void checkpoints_end(const struct study *study) {
    char path[FILE_PATH_SIZE];
    folder_of(study, path);
    rmdir(path);
}
