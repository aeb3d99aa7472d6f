#include "corpus/source.h"

#include "base/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { BLOCK_SIZE = 1 << 18 };

/* Either gzip, or file and stream with a block of what is compressed. */
struct source {
    char path[FILE_PATH_SIZE];
    gzFile gzip;
    FILE *file;
    ZSTD_DStream *stream;
    char *block;
    ZSTD_inBuffer in; /* of the block */
    size_t frame;     /* 0: the last frame of zstd is whole */
};

static int open_zstd(struct source *source, struct error *error) {
    source->file = fopen(source->path, "rbe");
    if (!source->file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", source->path);
    source->stream = ZSTD_createDStream();
    source->block = malloc(BLOCK_SIZE);
    if (!source->stream || !source->block)
        return error_set(error, ERROR_FAILED, "%s: no memory to read it", source->path);
    source->in = (ZSTD_inBuffer){.src = source->block};
    return 0;
}

static int open_gzip(struct source *source, struct error *error) {
    source->gzip = gzopen(source->path, "rbe");
    if (!source->gzip)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", source->path);
    gzbuffer(source->gzip, BLOCK_SIZE);
    return 0;
}

int source_open(struct source **source, const char *path, struct error *error) {
    *source = NULL;
    struct source *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(error, ERROR_FAILED, "%s: no memory to read it", path);
    const size_t length = strlen(path);
    int result = file_join(made->path, "", path, error);
    if (result == 0)
        result = length > 4 && strcmp(path + length - 4, ".zst") == 0 ? open_zstd(made, error) : open_gzip(made, error);
    if (result == 0)
        *source = made;
    else
        source_close(made);
    return result;
}

void source_close(struct source *source) {
    if (!source)
        return;
    if (source->gzip)
        gzclose(source->gzip);
    if (source->file)
        fclose(source->file);
    ZSTD_freeDStream(source->stream);
    free(source->block);
    free(source);
}

static int read_gzip(struct source *source, void *bytes, size_t size, size_t *got, struct error *error) {
    const int read = gzread(source->gzip, bytes, size < 1 << 30 ? (unsigned)size : 1 << 30);
    /* A stream that is cut off still gives its last bytes: only gzerror knows. Its message begins with the path. */
    int code;
    const char *reason = gzerror(source->gzip, &code);
    if (code != Z_OK && code != Z_STREAM_END)
        return error_set(error, ERROR_INPUT, "%s; the file is damaged or cut off, make it again", reason);
    *got = (size_t)read;
    return 0;
}

static int read_zstd(struct source *source, void *bytes, size_t size, size_t *got, struct error *error) {
    ZSTD_outBuffer out = {.dst = bytes, .size = size};
    bool ended = false;
    while (out.pos == 0 && !ended) {
        if (source->in.pos == source->in.size) {
            source->in = (ZSTD_inBuffer){.src = source->block};
            source->in.size = fread(source->block, 1, BLOCK_SIZE, source->file);
            if (ferror(source->file))
                return error_set_errno(error, ERROR_FAILED, "%s: cannot be read", source->path);
            ended = source->in.size == 0;
        }
        /* At the end of the file the stream may still hold bytes that had no room before. */
        if (!ended || source->frame != 0)
            source->frame = ZSTD_decompressStream(source->stream, &out, &source->in);
        if (ZSTD_isError(source->frame))
            return error_set(error, ERROR_INPUT, "%s: %s; the file is damaged or cut off, make it again", source->path,
                             ZSTD_getErrorName(source->frame));
    }
    if (out.pos == 0 && source->frame != 0)
        return error_set(error, ERROR_INPUT, "%s: ends within a frame; the file is damaged or cut off, make it again",
                         source->path);
    *got = out.pos;
    return 0;
}

int source_read(struct source *source, void *bytes, size_t size, size_t *got, struct error *error) {
    *got = 0;
    return source->gzip ? read_gzip(source, bytes, size, got, error) : read_zstd(source, bytes, size, got, error);
}
