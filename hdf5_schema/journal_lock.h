/* One writer a journal: a lock on <journal>.lock, which holds the line "host pid" of its owner. The lock of a process
 * that died is taken over on its own host; from another host, where nobody can tell whether it lives, it is refused. */
#ifndef SWEEP_HDF5_SCHEMA_JOURNAL_LOCK_H
#define SWEEP_HDF5_SCHEMA_JOURNAL_LOCK_H

#include "base/error.h"
#include "base/file.h"

struct journal_lock {
    int descriptor;
    char path[FILE_PATH_SIZE];
};

int journal_lock_take(struct journal_lock *lock, const char *journal_path, struct error *error);

/* Removes the lock file and lets go. */
void journal_lock_release(struct journal_lock *lock);

#endif
