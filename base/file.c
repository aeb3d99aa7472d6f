#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TEMPORARIES_MAX = 1000 };

int file_join(char path[FILE_PATH_SIZE], const char *folder, const char *name, struct error *error) {
    const bool alone = name[0] == '/' || folder[0] == '\0' || strcmp(folder, ".") == 0;
    const int length =
        alone ? snprintf(path, FILE_PATH_SIZE, "%s", name) : snprintf(path, FILE_PATH_SIZE, "%s/%s", folder, name);
    if (length >= FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is longer than %d bytes", name, FILE_PATH_SIZE - 1);
    return 0;
}

void file_folder(char folder[FILE_PATH_SIZE], const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, FILE_PATH_SIZE, ".");
    else if (slash == path)
        snprintf(folder, FILE_PATH_SIZE, "/");
    else
        snprintf(folder, FILE_PATH_SIZE, "%.*s", (int)(slash - path), path);
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool file_disk_full(const char *path) {
    char folder[FILE_PATH_SIZE];
    struct statvfs disk;
    file_folder(folder, path);
    return statvfs(folder, &disk) == 0 && disk.f_bavail * disk.f_frsize < 65536;
}

int file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error) {
    *bytes = NULL;
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    char *buffer = NULL;
    size_t used = 0, room = 0;
    bool failed = false, ended = false;
    while (!failed && !ended) {
        if (used == room) {
            room = room ? 2 * room : 65536;
            char *larger = realloc(buffer, room + 1);
            if (!larger) {
                error_set(error, ERROR_FAILED, "%s: no memory for %zu bytes", path, room);
                failed = true;
                break;
            }
            buffer = larger;
        }
        used += fread(buffer + used, 1, room - used, file);
        ended = feof(file) != 0;
        if (ferror(file)) {
            error_set_errno(error, ERROR_FAILED, "%s: cannot be read", path);
            failed = true;
        } else if (used > limit) {
            error_set(error, ERROR_INPUT, "%s: larger than the %zu bytes allowed here", path, limit);
            failed = true;
        }
    }
    fclose(file);
    if (failed) {
        free(buffer);
        return -1;
    }
    buffer[used] = '\0';
    *bytes = buffer;
    *size = used;
    return 0;
}

/* A rename is safe on disk only when the folder that holds the name is. */
static int sync_path(const char *path, int flags, struct error *error) {
    const int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be opened", path);
    int result = 0;
    if (fsync(descriptor) != 0 && errno != EINVAL) /* EINVAL: a file system without fsync */
        result = error_set_errno(error, ERROR_FAILED, "%s: cannot be synced", path);
    close(descriptor);
    return result;
}

int file_publish(const char *temporary, const char *path, struct error *error) {
    char folder[FILE_PATH_SIZE];
    file_folder(folder, path);
    int result = sync_path(temporary, O_RDONLY, error);
    if (result == 0 && rename(temporary, path) != 0)
        result = error_set_errno(error, ERROR_FAILED, "%s: cannot be renamed to %s", temporary, path);
    if (result != 0)
        unlink(temporary);
    return result == 0 ? sync_path(folder, O_RDONLY | O_DIRECTORY, error) : result;
}

/* O_EXCL: neither a link that somebody put there nor a file that somebody else writes is opened. A name may be taken by
 * one who was killed, or by a process of the same number on another host. */
FILE *file_begin(const char *path, char temporary[FILE_TEMPORARY_SIZE], struct error *error) {
    int descriptor = -1;
    for (int number = 0; descriptor < 0 && number < TEMPORARIES_MAX; number++) {
        snprintf(temporary, FILE_TEMPORARY_SIZE, "%s.%ld.%d.tmp", path, (long)getpid(), number);
        descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST)
            break;
    }
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w+b") : NULL;
    if (file)
        return file;
    error_set_errno(error, ERROR_FAILED, "%s: cannot be written", temporary);
    if (descriptor >= 0) {
        close(descriptor);
        unlink(temporary);
    }
    temporary[0] = '\0';
    return NULL;
}

int file_end(FILE *file, bool written, const char *temporary, const char *path, struct error *error) {
    if (fclose(file) != 0 || !written) {
        error_set_errno(error, ERROR_FAILED, "%s: cannot be written", temporary);
        unlink(temporary);
        return -1;
    }
    return file_publish(temporary, path, error);
}

int file_write(const char *path, const void *bytes, size_t size, struct error *error) {
    char temporary[FILE_TEMPORARY_SIZE];
    FILE *file = file_begin(path, temporary, error);
    return file ? file_end(file, fwrite(bytes, 1, size, file) == size, temporary, path, error) : -1;
}

int file_make_folder(const char *path, struct error *error) {
    char part[FILE_PATH_SIZE];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return error_set(error, ERROR_INPUT, "%s: the path is longer than %d bytes", path, FILE_PATH_SIZE - 1);
    for (char *end = part + 1;; end++) {
        const char separator = *end;
        if (separator != '/' && separator != '\0')
            continue;
        *end = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return error_set_errno(error, ERROR_FAILED, "%s: cannot be made", part);
        *end = separator;
        if (separator == '\0')
            return 0;
    }
}

int file_make_new_folder(const char *path, struct error *error) {
    char above[FILE_PATH_SIZE];
    file_folder(above, path);
    if (file_make_folder(above, error) != 0)
        return -1;
    /* mkdir is the one that knows */
    return mkdir(path, 0777) == 0 ? 0 : error_set_errno(error, ERROR_INPUT, "%s: cannot be made", path);
}
