/* `sweep archive ...`: an archive out of its journal, and a journal that is damaged. */
#include "hdf5_schema/journal.h"
#include "orchestrator/archive_make.h"
#include "orchestrator/command.h"

#include <stdlib.h>
#include <string.h>

/* The study of a journal, out of the text of its study file. */
static int read_study(const char *path, struct study *study, struct error *error) {
    struct study_data data;
    uint64_t torn_bytes;
    if (journal_read(path, &data, &torn_bytes, error) != 0)
        return -1;
    int result = study_parse(path, data.study.file, strlen(data.study.file), study, stderr, error);
    data.study.file = NULL; /* is the study's now */
    char *settings = result == 0 ? study_settings(study) : NULL;
    if (result == 0 && !settings)
        result = error_set(error, ERROR_FAILED, "%s: no memory for its settings", path);
    /* behind them stand the identities of its corpus */
    else if (result == 0 && strncmp(settings, data.study.settings, strlen(settings)) != 0)
        result = error_set(error, ERROR_INPUT,
                           "%s: was begun by sweep %s with other settings than this one makes of its study file; "
                           "rebuild it with that version",
                           path, data.study.version);
    if (settings && result != 0)
        study_free(study);
    free(settings);
    study_data_free(&data);
    return result;
}

int command_archive_rebuild(const struct command *command, int count, char **words, struct error *error) {
    const char *path, *archive = NULL;
    const struct option options[] = {
        {"-o", "ARCHIVE", "the HDF5 file to make; nothing may be there", .text = &archive},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (!archive)
        return error_set(error, ERROR_INPUT, "archive rebuild: -o ARCHIVE is missing");
    if (file_exists(archive))
        return error_set(error, ERROR_INPUT, "%s: is there already; move it away, or name another with -o", archive);
    struct study study;
    struct study_data data;
    char *notes;
    if (read_study(path, &study, error) != 0)
        return -1;
    const int result = archive_make(&study, path, archive, &data, &notes, error);
    if (result == 0) {
        printf("%s: made from %s ", archive, path);
        archive_print_contents(&data);
        printf(", transfer scores: %zu, laws: %zu\n", data.transfer_count, data.law_count);
        free(notes);
        study_data_free(&data);
    }
    study_free(&study);
    return result;
}

int command_archive_mend(const struct command *command, int count, char **words, struct error *error) {
    const char *path;
    struct journal_mended mended;
    const int parsed = command_parse(command, NULL, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    archive_say_wait(path);
    if (journal_mend(path, &mended, error) != 0)
        return -1;
    printf("%s: kept %zu records (%zu bytes)\n"
           "lost: %zu bytes behind them, with %zu whole records and the ends of %zu runs, which are trained again\n"
           "the damaged journal is %s; the study goes on by its usual command\n",
           path, mended.kept_records, mended.kept_bytes, mended.lost_bytes, mended.lost_records, mended.lost_runs,
           mended.damaged_path);
    return 0;
}
