#include "worker/training.h"

#include "model/checkpoint.h"

#include <dirent.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The checkpoint before the newest. */
static void path_before(char before[FILE_PATH_SIZE + 8], const char *checkpoint) {
    snprintf(before, FILE_PATH_SIZE + 8, "%s.before", checkpoint);
}

/* Removes what a worker left that was killed while it wrote a checkpoint. */
static void remove_leftovers(const char *checkpoint) {
    char folder[FILE_PATH_SIZE];
    file_folder(folder, checkpoint);
    const char *slash = strrchr(checkpoint, '/'), *name = slash ? slash + 1 : checkpoint;
    DIR *entries = opendir(folder);
    if (!entries)
        return;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        const size_t length = strlen(entry->d_name);
        if (strncmp(entry->d_name, name, strlen(name)) == 0 && length > 4 &&
            strcmp(entry->d_name + length - 4, ".tmp") == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}

/* Loads the checkpoint if the run can go on from it; *touched: the model is no longer as it was made. note: what is
 * wrong with the file. */
static bool load(struct training *training, const char *path, struct checkpoint *checkpoint, bool *touched,
                 struct error *note) {
    const struct run_spec *spec = training->spec;
    if (!file_exists(path) || model_load(training->model, path, spec->identity, checkpoint, note) != 0)
        return false;
    *touched = true;
    return checkpoint->step <= spec->steps && checkpoint->step <= spec->resume_most;
}

/* Begins with what another run kept. */
static int begin_from(struct training *training, struct checkpoint *checkpoint, struct error *error) {
    const struct run_spec *spec = training->spec;
    if (!spec->continues)
        return model_load_weights(training->model, spec->start, spec->start_identity, spec->start_step, error);
    if (model_load(training->model, spec->start, spec->start_identity, checkpoint, error) != 0)
        return -1;
    return checkpoint->step == spec->start_step ? 0
                                                : error_set(error, ERROR_INPUT, "%s: not a checkpoint of step %llu",
                                                            spec->start, (unsigned long long)spec->start_step);
}

int training_resume(struct training *training, uint64_t *steps, double *loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    struct checkpoint checkpoint = {0};
    struct error note = {0};
    bool touched = false;
    char before[FILE_PATH_SIZE + 8];
    path_before(before, spec->checkpoint);
    const char *const paths[] = {spec->checkpoint, before};
    enum { NEWEST, NONE = 2 };
    uint32_t from = spec->checkpoint[0] ? NEWEST : NONE;
    if (training_leads(training) && from == NEWEST) {
        remove_leftovers(spec->checkpoint);
        while (from < NONE && !load(training, paths[from], &checkpoint, &touched, &note))
            from++;
    }
    if (group_tell(&training->group, &from, sizeof from) != 0)
        return -1;
    if (!training_leads(training) && from < NONE && !load(training, paths[from], &checkpoint, &touched, &note))
        return error_set(error, ERROR_FAILED, "%s: not what the leader of run %u reads there; %s", paths[from],
                         spec->run, note.message);
    const bool found = from < NONE;
    if (!found && touched) { /* by a checkpoint of steps that nobody knows of */
        const struct model_setup setup = training_model_setup(training);
        model_destroy(training->model);
        if (model_create(&training->model, &setup, error) != 0)
            return -1;
    }
    if (!found) {
        checkpoint = (struct checkpoint){0};
        if (spec->start[0] && begin_from(training, &checkpoint, error) != 0)
            return -1;
    }
    *steps = checkpoint.step;
    *loss_sum = checkpoint.loss_sum;
    const struct run_sink *sink = training->sink;
    if (training_leads(training) && note.code != ERROR_NONE && sink->note)
        sink->note(sink->context, note.message);
    return training_leads(training) && sink->begin ? sink->begin(sink->context, *steps, error) : 0;
}

static int write_checkpoint(struct training *training, const char *path, uint64_t steps, double loss_sum,
                            struct error *error) {
    struct checkpoint checkpoint = {.step = steps, .loss_sum = loss_sum};
    snprintf(checkpoint.identity, sizeof checkpoint.identity, "%s", training->spec->identity);
    const struct checkpoint_sharing sharing = {.share = training_share_parameters, .context = training};
    return model_save(training->model, path, &checkpoint, &sharing, error);
}

int training_save(struct training *training, uint64_t steps, double loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    char before[FILE_PATH_SIZE + 8];
    path_before(before, spec->checkpoint);
    if (training_leads(training) && file_exists(spec->checkpoint) && rename(spec->checkpoint, before) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be renamed", spec->checkpoint);
    training->saved = omp_get_wtime();
    const int result = write_checkpoint(training, spec->checkpoint, steps, loss_sum, error);
    if (result == 0 || !error || error->code != ERROR_NO_ROOM)
        return result;
    if (training->sink->note)
        training->sink->note(training->sink->context, error->message);
    return 0;
}

int training_keep(struct training *training, uint64_t steps, double loss_sum, struct error *error) {
    const struct run_spec *spec = training->spec;
    char path[FILE_PATH_SIZE];
    uint32_t i = 0;
    while (i < spec->kept_count && spec->kept_steps[i] != steps)
        i++;
    if (i == spec->kept_count)
        return 0;
    run_kept_path(path, spec->checkpoint, steps);
    return write_checkpoint(training, path, steps, loss_sum, error);
}

void run_forget(const char *checkpoint) {
    char before[FILE_PATH_SIZE + 8];
    path_before(before, checkpoint);
    unlink(checkpoint);
    unlink(before);
    remove_leftovers(checkpoint);
}

void run_kept_path(char path[FILE_PATH_SIZE], const char *checkpoint, uint64_t step) {
    snprintf(path, FILE_PATH_SIZE, "%.*s.step-%llu", FILE_PATH_SIZE - 32, checkpoint, (unsigned long long)step);
}
