/* Text files of a test: plain, gzip'd, or compressed by zstd. path receives where they are. */
#ifndef SWEEP_TESTS_TEXT_FILES_H
#define SWEEP_TESTS_TEXT_FILES_H

#include "base/file.h"
#include "tests/test.h"

#include <zlib.h>
#include <zstd.h>

__attribute__((unused)) static void write_text(const char *folder, const char *name, const void *bytes, size_t size,
                                               char *path) {
    assert_int_equal(file_join(path, folder, name, NULL), 0);
    assert_int_equal(file_write(path, bytes, size, NULL), 0);
}

__attribute__((unused)) static void write_gzip(const char *folder, const char *name, const char *bytes, size_t size,
                                               char *path) {
    assert_int_equal(file_join(path, folder, name, NULL), 0);
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

/* Two frames, as files have that were put together of two; with checksums, as the program zstd writes them. */
__attribute__((unused)) static void write_zstd(const char *folder, const char *name, const char *bytes, size_t size,
                                               char *path) {
    const size_t half = size / 2, room = ZSTD_compressBound(size) + 64;
    char *packed = malloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_true(packed && context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    const size_t first = ZSTD_compress2(context, packed, room, bytes, half);
    assert_false(ZSTD_isError(first));
    const size_t second = ZSTD_compress2(context, packed + first, room - first, bytes + half, size - half);
    assert_false(ZSTD_isError(second));
    write_text(folder, name, packed, first + second, path);
    ZSTD_freeCCtx(context);
    free(packed);
}

#endif
