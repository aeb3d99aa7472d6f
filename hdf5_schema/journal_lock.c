#include "hdf5_schema/journal_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct owner {
    char host[256];
    long process;
};

/* Who the lock file names; false: nobody. */
static bool read_owner(int descriptor, struct owner *owner) {
    char line[320];
    const ssize_t size = pread(descriptor, line, sizeof line - 1, 0);
    if (size <= 0)
        return false;
    line[size] = '\0';
    return sscanf(line, "%255s %ld", owner->host, &owner->process) == 2;
}

static int refuse(const char *journal_path, int descriptor, struct error *error) {
    struct owner owner;
    if (!read_owner(descriptor, &owner))
        return error_set(error, ERROR_FAILED, "%s: another process is writing it; wait for its end", journal_path);
    return error_set(error, ERROR_FAILED, "%s: process %ld on host %s is writing it; wait for its end, or end it",
                     journal_path, owner.process, owner.host);
}

/* Takes the file lock, then judges the line that the file holds. On file systems without locks the line alone decides.
 */
static int own(const struct journal_lock *lock, const char *journal_path, struct error *error) {
    const bool locked = flock(lock->descriptor, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK)
        return refuse(journal_path, lock->descriptor, error);

    struct owner self = {.process = (long)getpid()}, other;
    if (gethostname(self.host, sizeof self.host - 1) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: this host has no name", lock->path);
    if (read_owner(lock->descriptor, &other)) {
        if (strcmp(other.host, self.host) != 0)
            return error_set(error, ERROR_FAILED,
                             "%s: process %ld on host %s was writing it; if it is gone from there, remove %s",
                             journal_path, other.process, other.host, lock->path);
        const bool alive = kill((pid_t)other.process, 0) == 0 || errno == EPERM;
        if (!locked && alive)
            return refuse(journal_path, lock->descriptor, error);
    }
    char line[320];
    const int length = snprintf(line, sizeof line, "%s %ld\n", self.host, self.process);
    if (ftruncate(lock->descriptor, 0) != 0 || pwrite(lock->descriptor, line, (size_t)length, 0) != length)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be written", lock->path);
    return 0;
}

int journal_lock_take(struct journal_lock *lock, const char *journal_path, struct error *error) {
    if (snprintf(lock->path, sizeof lock->path, "%s.lock", journal_path) >= (int)sizeof lock->path)
        return error_set(error, ERROR_INPUT, "%s: the path is longer than %d bytes", journal_path, FILE_PATH_SIZE - 6);
    for (;;) {
        lock->descriptor = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->descriptor < 0)
            return error_set_errno(error, ERROR_FAILED, "%s: cannot be made", lock->path);
        struct stat status;
        if (own(lock, journal_path, error) != 0 || fstat(lock->descriptor, &status) != 0) {
            close(lock->descriptor);
            return -1;
        }
        if (status.st_nlink > 0)
            return 0;
        close(lock->descriptor); /* its last owner removed the file before we had locked it: again, with a new one */
    }
}

void journal_lock_release(struct journal_lock *lock) {
    unlink(lock->path);
    close(lock->descriptor);
}
