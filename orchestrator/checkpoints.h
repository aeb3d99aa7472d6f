/* Where the checkpoints of a study lie: the folder `<archive>.checkpoints`, a file a run. */
#ifndef SWEEP_ORCHESTRATOR_CHECKPOINTS_H
#define SWEEP_ORCHESTRATOR_CHECKPOINTS_H

#include "orchestrator/study.h"

/* The checkpoint of a run. */
void checkpoint_path(const struct study *study, size_t run, char path[FILE_PATH_SIZE]);

/* Makes of a run's identity that of its checkpoints: a smaller learning rate than the study's makes another run. */
void checkpoint_identity(const struct study *study, float learning_rate, char identity[IDENTITY_SIZE]);

/* Makes the folder. Fails when its name is too long. */
int checkpoints_begin(const struct study *study, struct error *error);

/* Removes the folder when nothing is left in it. */
void checkpoints_end(const struct study *study);

#endif
