/* The bytes of a file, decompressed on the way: .zst by zstd; all others by zlib, which passes on what is not gzip'd.
 */
#ifndef SWEEP_CORPUS_SOURCE_H
#define SWEEP_CORPUS_SOURCE_H

#include "base/error.h"

#include <stddef.h>

struct source;

int source_open(struct source **source, const char *path, struct error *error);

/* Reads at most size bytes; *got is 0 at the end alone. Fails when the file is damaged or cut off. */
int source_read(struct source *source, void *bytes, size_t size, size_t *got, struct error *error);

void source_close(struct source *source);

#endif
