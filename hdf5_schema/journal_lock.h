/* One writer a journal: <journal>.lock holds the line "host process count" of its owner, a file lock on it keeps out
 * others of the same host and, where the file system has locks that reach that far, of all hosts.
 *
 * A thread of the owner counts up every few seconds, whatever the owner does meanwhile. So one who finds the line of
 * another host and no file lock watches it: a count that stands still has lost its owner, and the lock is taken over.
 * The lock of a process that is gone from its own host is taken over at once. */
#ifndef SWEEP_HDF5_SCHEMA_JOURNAL_LOCK_H
#define SWEEP_HDF5_SCHEMA_JOURNAL_LOCK_H

#include "base/error.h"
#include "base/file.h"

struct journal_lock;

/* Takes the lock, or fails and names its owner. Waits JOURNAL_WATCH_SECONDS when the lock is another host's. */
int journal_lock_take(struct journal_lock **lock, const char *journal_path, struct error *error);

/* Fails when the lock is no longer ours: another host took it over, which it does when this process was held up. */
int journal_lock_check(const struct journal_lock *lock, struct error *error);

/* Removes the lock file, if it is still ours, and lets go. */
void journal_lock_release(struct journal_lock *lock);

#endif
