/* base/: errors, random numbers, checksums, files. */
#include "base/checksum.h"
#include "base/file.h"
#include "base/random.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void philox_gives_published_vectors(void **state) {
    (void)state; /* known answers of the Random123 distribution, kat_vectors: philox 4x32 10 */
    struct random_block block = random_philox(0, 0, 0);
    assert_int_equal(block.word[0], 0x6627e8d5);
    assert_int_equal(block.word[1], 0xe169c58d);
    assert_int_equal(block.word[2], 0xbc57ac4c);
    assert_int_equal(block.word[3], 0x9b00dbd8);
    block = random_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX);
    assert_int_equal(block.word[0], 0x408f276d);
    assert_int_equal(block.word[1], 0x41c83b0e);
    assert_int_equal(block.word[2], 0xa20bc7c6);
    assert_int_equal(block.word[3], 0x6d5451fd);
}

static void permutation_hits_every_place_once(void **state) {
    (void)state;
    const uint64_t counts[] = {1, 2, 3, 4, 5, 16, 17, 1000, 65537};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char *hit = calloc(counts[i], 1);
        assert_non_null(hit);
        for (uint64_t j = 0; j < counts[i]; j++) {
            const uint64_t place = random_permute(j, counts[i], 7);
            assert_true(place < counts[i]);
            assert_int_equal(hit[place]++, 0);
        }
        free(hit);
    }
}

static void permutations_of_two_keys_differ(void **state) {
    (void)state;
    int same = 0;
    for (uint64_t i = 0; i < 1000; i++)
        same += random_permute(i, 1000, 1) == random_permute(i, 1000, 2);
    assert_true(same < 20); /* one is expected */
}

static void uniform_and_normal_have_their_moments(void **state) {
    (void)state;
    double mean = 0, normal_mean = 0, normal_square = 0;
    const int count = 100000;
    for (int i = 0; i < count; i++) {
        const double u = random_uniform(3, 0, (uint64_t)i), n = random_normal(3, 1, (uint64_t)i);
        assert_true(u >= 0 && u < 1);
        mean += u / count;
        normal_mean += n / count;
        normal_square += n * n / count;
    }
    assert_true(fabs(mean - 0.5) < 0.005);
    assert_true(fabs(normal_mean) < 0.015);
    assert_true(fabs(normal_square - 1) < 0.02);
}

static void checksums_are_those_of_xxh3(void **state) {
    (void)state; /* printed by xxhsum -H3 and xxhsum -H128 */
    assert_true(checksum64("", 0) == 0x2d06800538d394c2ULL);
    char identity[IDENTITY_SIZE];
    checksum_identity("", 0, identity);
    assert_string_equal(identity, "99aa06d3014798d86001c324468d497f");

    /* In blocks of any size they are the same. */
    char bytes[5000], whole[IDENTITY_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * i % 251);
    checksum_identity(bytes, sizeof bytes, whole);
    for (size_t block = 1; block <= sizeof bytes; block = 7 * block + 1) {
        struct checksum *sum = checksum_begin(), *sum128 = checksum_begin();
        assert_true(sum && sum128);
        for (size_t begin = 0; begin < sizeof bytes; begin += block) {
            const size_t left = sizeof bytes - begin;
            checksum_add(sum, bytes + begin, left < block ? left : block);
            checksum_add(sum128, bytes + begin, left < block ? left : block);
        }
        assert_true(checksum_end(sum) == checksum64(bytes, sizeof bytes));
        checksum_end_identity(sum128, identity);
        assert_string_equal(identity, whole);
    }
}

static void written_file_reads_back_and_replaces(void **state) {
    const char *folder = *state;
    char path[FILE_PATH_SIZE];
    struct error error = {0};
    assert_int_equal(file_join(path, folder, "a/b", &error), 0);
    assert_int_equal(file_make_folder(path, &error), 0);
    assert_int_equal(file_make_folder(path, &error), 0);
    assert_int_equal(file_join(path, folder, "a/b/file", &error), 0);
    char *bytes;
    size_t size;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_write(path, i ? "new" : "older", i ? 3 : 5, &error), 0);
        assert_int_equal(file_read(path, 100, &bytes, &size, &error), 0);
        assert_int_equal(size, i ? 3 : 5);
        assert_string_equal(bytes, i ? "new" : "older");
        free(bytes);
    }
    assert_int_equal(file_read(path, 2, &bytes, &size, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
}

static void missing_file_is_named(void **state) {
    (void)state;
    struct error error = {0};
    char *bytes;
    size_t size;
    assert_int_equal(file_read("/nowhere/at/all", 10, &bytes, &size, &error), -1);
    assert_string_equal(error.message, "/nowhere/at/all: cannot be read: No such file or directory");
    assert_int_equal(file_write("/nowhere/at/all", "x", 1, &error), -1);
    assert_int_equal(error.code, ERROR_FAILED);
}

static void temporaries_are_new_files_made_with_the_umask(void **state) {
    char path[256], others[256], planted[320], temporary[FILE_TEMPORARY_SIZE], *bytes;
    struct error error = {0};
    struct stat status;
    size_t size;
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    snprintf(others, sizeof others, "%s/others", (const char *)*state);
    test_file_write(others, "theirs", 6);
    snprintf(planted, sizeof planted, "%s.%ld.0.tmp", path, (long)getpid());
    assert_int_equal(symlink(others, planted), 0);
    const mode_t before = umask(027);
    FILE *file = file_begin(path, temporary, &error);
    umask(before);
    assert_non_null(file);
    assert_string_not_equal(temporary, planted);
    assert_int_equal(fstat(fileno(file), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_true(fputs("ours", file) >= 0);
    assert_int_equal(file_end(file, true, temporary, path, &error), 0);
    assert_int_equal(file_read(others, 10, &bytes, &size, &error), 0);
    assert_string_equal(bytes, "theirs");
    free(bytes);
    assert_null(file_begin("/nowhere/a", temporary, &error));
    assert_string_equal(temporary, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_published_vectors),
        cmocka_unit_test(permutation_hits_every_place_once),
        cmocka_unit_test(permutations_of_two_keys_differ),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(checksums_are_those_of_xxh3),
        cmocka_unit_test_setup_teardown(written_file_reads_back_and_replaces, test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(temporaries_are_new_files_made_with_the_umask, test_folder_make,
                                        test_folder_remove),
        cmocka_unit_test(missing_file_is_named),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
