/* From a journal to its archive: at the end of a study, and by `sweep archive`. */
#ifndef SWEEP_ORCHESTRATOR_ARCHIVE_MAKE_H
#define SWEEP_ORCHESTRATOR_ARCHIVE_MAKE_H

#include "hdf5_schema/study_record.h"
#include "orchestrator/study.h"

/* Writes the archive of a journal, with what the laws say of it. *data receives all of it (study_data_free), *notes the
 * lines of what could not be fitted (free). */
int archive_make(const struct study *study, const char *journal, const char *archive, struct study_data *data,
                 char **notes, struct error *error);

/* Prints "of study NAME; runs: ..." on standard output, a line's end without its newline. */
void archive_print_contents(const struct study_data *data);

/* Says on standard error that opening a journal will take a while, when it is locked from another host. */
void archive_say_wait(const char *journal);

#endif
