/* What every test program needs: cmocka, a fresh folder a test, and files to put there.
 *
 * One program a room; a test's name says what holds. Data that others made lie in tests/data with the script that made
 * them. Programs run from the project's root. */
#ifndef SWEEP_TESTS_TEST_H
#define SWEEP_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Setup: *state is the path of an empty folder. Teardown: removes it. */
__attribute__((unused)) static int test_folder_make(void **state) {
    char *folder = strdup("/tmp/sweep-test-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

__attribute__((unused)) static int test_folder_remove(void **state) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", (const char *)*state);
    free(*state);
    return system(command); /* NOLINT(cert-env33-c): our own path from mkdtemp */
}

__attribute__((unused)) static void test_file_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

#endif
