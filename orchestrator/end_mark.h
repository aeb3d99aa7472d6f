/* How the coordinator tells `sweep launch` of its end, since mpirun can outlive its ranks when one of them was lost.
 *
 * launch names a file in the environment. Rank 0 writes "running" into it and holds a lock on it for as long as it
 * lives; the last that it writes is its exit status. A file that says "running" without a lock is that of a coordinator
 * that was killed. The file lies beside the archive, so that it is seen from every node. */
#ifndef SWEEP_ORCHESTRATOR_END_MARK_H
#define SWEEP_ORCHESTRATOR_END_MARK_H

#define END_MARK_VARIABLE "SWEEP_END_FILE"

/* Rank 0, at its start. Does nothing when nobody asked for a mark, and nothing that fails is told: a study does not
 * depend on it. */
void end_mark_begin(void);

/* Rank 0, at its end. */
void end_mark_write(int status);

enum end_state {
    END_NOT_BEGUN, /* the coordinator has not started */
    END_RUNNING,
    END_LOST, /* it is gone without a status */
    END_TOLD, /* *status is its exit status */
};

enum end_state end_mark_read(const char *path, int *status);

#endif
