/* Whole files: read at once, or written so that a reader sees the old file or the new one, never a part. */
#ifndef SWEEP_BASE_FILE_H
#define SWEEP_BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Longest path, with its zero byte, that sweep takes. */
enum { FILE_PATH_SIZE = 1024 };

/* Joins folder and name into path; an absolute name stays as it is. Fails when the result does not fit. */
int file_join(char path[FILE_PATH_SIZE], const char *folder, const char *name, struct error *error);

/* The folder that a path lies in ("." when it names none). */
void file_folder(char folder[FILE_PATH_SIZE], const char *path);

bool file_exists(const char *path);

/* Is the disk that holds path full, but for some kilobytes? */
bool file_disk_full(const char *path);

/* Reads a whole file. *bytes has a zero byte behind its *size bytes; the caller frees it. Refuses files over limit. */
int file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error);

/* Begins a file that will be called path: a new temporary beside it, made with the user's umask, open to write and
 * read; its name goes into temporary. On failure NULL and no name. file_end closes it and publishes it when all of it
 * was written, or removes it. */
enum { FILE_TEMPORARY_SIZE = FILE_PATH_SIZE + 32 };
FILE *file_begin(const char *path, char temporary[FILE_TEMPORARY_SIZE], struct error *error);
int file_end(FILE *file, bool written, const char *temporary, const char *path, struct error *error);

/* Writes a whole file: temporary in the same folder, fsync, rename, fsync of the folder. */
int file_write(const char *path, const void *bytes, size_t size, struct error *error);

/* Publishes a finished temporary file under its name: fsync, rename, fsync of the folder. On failure the temporary is
 * removed and path is as it was. */
int file_publish(const char *temporary, const char *path, struct error *error);

/* Makes a folder and those above it; no error when it is there. */
int file_make_folder(const char *path, struct error *error);

/* The same for a folder that must not be there yet. */
int file_make_new_folder(const char *path, struct error *error);

#endif
