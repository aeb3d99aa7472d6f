/* SIGTERM, SIGUSR1 and SIGINT ask a process to stop: runs end at their next step, behind a checkpoint. A second signal
 * of the kind ends the process as it would without us. */
#ifndef SWEEP_WORKER_STOP_H
#define SWEEP_WORKER_STOP_H

#include <stdbool.h>

/* From now on these signals are only remembered; until they mean again what they mean to every program. */
void stop_listen(void);
void stop_listen_no_more(void);

/* Has one come? */
bool stop_asked(void);

#endif
