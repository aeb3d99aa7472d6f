#include "orchestrator/archive_make.h"

#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "orchestrator/postfit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FULL_DISK_SECONDS = 2 };

/* All that was trained is in the journal, so a full disk can be waited for. */
static int write_archive(const char *archive, const struct study_data *data, struct error *error) {
    int result = archive_write(archive, data, error);
    if (result != 0 && error->code == ERROR_NO_ROOM)
        fprintf(stderr, "paused: %s; goes on when there is room\n", error->message);
    while (result != 0 && error->code == ERROR_NO_ROOM) {
        sleep(FULL_DISK_SECONDS);
        result = archive_write(archive, data, error);
    }
    return result;
}

int archive_make(const struct study *study, const char *journal, const char *archive, struct study_data *data,
                 char **notes, struct error *error) {
    uint64_t torn_bytes;
    size_t size;
    *notes = NULL;
    if (journal_read(journal, data, &torn_bytes, error) != 0)
        return -1;
    FILE *file = open_memstream(notes, &size);
    int result = study_data_check(data, journal, error);
    if (result == 0)
        result = file ? postfit(study, data, file, error) : error_set(error, ERROR_FAILED, "no memory for the fits");
    if (file)
        fclose(file);
    if (result == 0)
        result = write_archive(archive, data, error);
    if (result != 0) {
        study_data_free(data);
        free(*notes);
        *notes = NULL;
    }
    return result;
}

void archive_print_contents(const struct study_data *data) {
    size_t done = 0;
    for (size_t r = 0; r < data->run_count; r++)
        done += data->outcomes[r].status == RUN_DONE;
    printf("of study %s; runs: %zu, done: %zu, curve points: %zu, losses: %zu", data->study.name, data->run_count, done,
           data->curve_count, data->loss_count);
}

void archive_say_wait(const char *journal) {
    char owner[300];
    if (journal_locked_elsewhere(journal, owner, sizeof owner))
        fprintf(stderr, "%s: %s has its lock; looking for %d seconds whether it is alive\n", journal, owner,
                JOURNAL_WATCH_SECONDS);
}
