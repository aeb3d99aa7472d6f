#include "hdf5_schema/journal_lock.h"
#include "hdf5_schema/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BEAT_SECONDS = 3,   /* between two counts of the owner */
    SETTLE_SECONDS = 4, /* that a line must stay ours where no file lock can tell: two may have written it together */
};

/* The line of a lock file. */
struct owner {
    char host[256];
    long process;
    unsigned long count;
};

struct journal_lock {
    char path[FILE_PATH_SIZE], journal_path[FILE_PATH_SIZE];
    int descriptor;
    struct owner self;
    pthread_t beats;
    sem_t end;        /* of the beats */
    atomic_bool lost; /* the line is no longer ours */
};

/* ---- the line ---- */

enum line { LINE_NONE, LINE_OWNER, LINE_STRANGE };

static enum line read_line(int descriptor, struct owner *owner) {
    char text[320], extra;
    const ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
    if (size <= 0)
        return LINE_NONE;
    text[size] = '\0';
    const int found = sscanf(text, "%255s %ld %lu %c", owner->host, &owner->process, &owner->count, &extra);
    return found == 3 ? LINE_OWNER : LINE_STRANGE;
}

/* The line as it is now: network file systems ask the server when a file is opened. */
static enum line look(const char *path, struct owner *owner) {
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
        return LINE_NONE;
    const enum line line = read_line(descriptor, owner);
    close(descriptor);
    return line;
}

static bool is_of(const struct owner *a, const struct owner *b) {
    return strcmp(a->host, b->host) == 0 && a->process == b->process;
}

static bool is_ours(const struct journal_lock *lock) {
    struct owner now;
    return look(lock->path, &now) == LINE_OWNER && is_of(&now, &lock->self);
}

static int write_line(const struct journal_lock *lock) {
    char text[320];
    const int length =
        snprintf(text, sizeof text, "%s %ld %lu\n", lock->self.host, lock->self.process, lock->self.count);
    const bool written = pwrite(lock->descriptor, text, (size_t)length, 0) == length;
    return written && ftruncate(lock->descriptor, length) == 0 ? 0 : -1;
}

/* Does the line stay as it was seen? Also when its file goes away: then its owner ended. */
static bool stands_still(const char *path, const struct owner *seen, int seconds) {
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        struct owner found;
        sleep(1);
        const enum line line = look(path, &found);
        if (line == LINE_NONE)
            return true;
        if (line == LINE_STRANGE || !is_of(&found, seen) || found.count != seen->count)
            return false;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    return true;
}

/* ---- taking it ---- */

static int refuse(const struct journal_lock *lock, struct error *error) {
    struct owner owner;
    if (look(lock->path, &owner) != LINE_OWNER)
        return error_set(error, ERROR_FAILED, "%s: another process is writing it; wait for its end",
                         lock->journal_path);
    return error_set(error, ERROR_FAILED, "%s: process %ld on host %s is writing it; wait for its end, or end it",
                     lock->journal_path, owner.process, owner.host);
}

static bool is_alive(long process) {
    return kill((pid_t)process, 0) == 0 || errno == EPERM;
}

/* Takes the file lock, then judges the line. On file systems without locks the line alone decides. */
static int own(struct journal_lock *lock, struct error *error) {
    const bool locked = flock(lock->descriptor, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK)
        return refuse(lock, error);
    struct owner before;
    const enum line line = read_line(lock->descriptor, &before);
    const bool elsewhere = line == LINE_OWNER && strcmp(before.host, lock->self.host) != 0;
    if (line == LINE_STRANGE)
        return error_set(error, ERROR_FAILED, "%s: is there and no lock of sweep; move it away", lock->path);
    if (elsewhere ? !stands_still(lock->path, &before, JOURNAL_WATCH_SECONDS)
                  : line == LINE_OWNER && !locked && is_alive(before.process))
        return refuse(lock, error);
    if (write_line(lock) != 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be written", lock->path);
    return (elsewhere || !locked) && !stands_still(lock->path, &lock->self, SETTLE_SECONDS) ? refuse(lock, error) : 0;
}

/* Opens the lock file and makes it ours, as often as its last owner removes it in between. */
static int take(struct journal_lock *lock, struct error *error) {
    for (;;) {
        lock->descriptor = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->descriptor < 0)
            return error_set_errno(error, ERROR_FAILED, "%s: cannot be made", lock->path);
        struct stat status;
        const int result = own(lock, error);
        if (result == 0 && fstat(lock->descriptor, &status) == 0 && status.st_nlink > 0)
            return 0;
        close(lock->descriptor);
        if (result != 0)
            return -1;
    }
}

/* ---- holding it ---- */

static void *beat(void *argument) {
    struct journal_lock *lock = argument;
    for (;;) {
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += BEAT_SECONDS;
        int ended;
        while ((ended = sem_clockwait(&lock->end, CLOCK_MONOTONIC, &next)) != 0 && errno == EINTR)
            ;
        if (ended == 0)
            return NULL;
        lock->self.count++;
        if (!is_ours(lock) || write_line(lock) != 0)
            atomic_store(&lock->lost, true);
    }
}

/* Signals are left to the threads that wait for them. */
static int begin_beats(struct journal_lock *lock) {
    sigset_t all, before;
    sigfillset(&all);
    sem_init(&lock->end, 0, 0);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int failed = pthread_create(&lock->beats, NULL, beat, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? -1 : 0;
}

static void let_go(struct journal_lock *lock) {
    if (is_ours(lock))
        unlink(lock->path);
    close(lock->descriptor);
    free(lock);
}

int journal_lock_take(struct journal_lock **lock, const char *journal_path, struct error *error) {
    *lock = NULL;
    struct journal_lock *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(error, ERROR_FAILED, "%s: no memory for its lock", journal_path);
    made->self.process = (long)getpid();
    const bool fits = snprintf(made->path, FILE_PATH_SIZE, "%s.lock", journal_path) < FILE_PATH_SIZE;
    snprintf(made->journal_path, FILE_PATH_SIZE, "%s", journal_path);
    int result = 0;
    if (!fits)
        result =
            error_set(error, ERROR_INPUT, "%s: the path is longer than %d bytes", journal_path, FILE_PATH_SIZE - 6);
    else if (gethostname(made->self.host, sizeof made->self.host - 1) != 0)
        result = error_set_errno(error, ERROR_FAILED, "%s: this host has no name", made->path);
    if (result != 0 || take(made, error) != 0) {
        free(made);
        return -1;
    }
    if (begin_beats(made) != 0) {
        let_go(made);
        return error_set(error, ERROR_FAILED, "%s: no thread for its lock", journal_path);
    }
    *lock = made;
    return 0;
}

int journal_lock_check(const struct journal_lock *lock, struct error *error) {
    return atomic_load(&lock->lost) ? refuse(lock, error) : 0;
}

void journal_lock_release(struct journal_lock *lock) {
    sem_post(&lock->end);
    pthread_join(lock->beats, NULL);
    sem_destroy(&lock->end);
    let_go(lock);
}

/* The lock file of a journal as it is now; heard: when its line was written last. */
static bool look_at_lock(const char *journal_path, struct owner *owner, struct timespec *heard) {
    char path[FILE_PATH_SIZE];
    struct stat status;
    if (snprintf(path, sizeof path, "%s.lock", journal_path) >= FILE_PATH_SIZE || look(path, owner) != LINE_OWNER ||
        stat(path, &status) != 0)
        return false;
    *heard = status.st_mtim;
    return true;
}

static void print_owner(const struct owner *owner, char *text, size_t size) {
    snprintf(text, size, "process %ld on host %s", owner->process, owner->host);
}

bool journal_locked_elsewhere(const char *path, char *owner, size_t size) {
    char host[256] = "";
    struct owner found;
    struct timespec heard;
    if (!look_at_lock(path, &found, &heard) || gethostname(host, sizeof host - 1) != 0 || strcmp(found.host, host) == 0)
        return false;
    print_owner(&found, owner, size);
    return true;
}

bool journal_owner(const char *path, char *owner, size_t size, double *silence) {
    struct owner found;
    struct timespec heard, now;
    if (!look_at_lock(path, &found, &heard))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *silence = (double)(now.tv_sec - heard.tv_sec) + 1e-9 * (double)(now.tv_nsec - heard.tv_nsec);
    print_owner(&found, owner, size);
    return true;
}
