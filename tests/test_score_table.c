/* orchestrator/: the CSV files of `sweep transfer`, whole and damaged in every way that a seeded mutation finds. */
#include "base/file.h"
#include "base/random.h"
#include "orchestrator/score_table.h"
#include "tests/test.h"

#include <math.h>
#include <stdbool.h>

static const char *const MATRIX = "tests/data/transfer/bts.csv";
static const char *const LANGUAGES = "tests/data/transfer/languages.csv";

static void cells_come_to_their_places(void **state) {
    (void)state;
    struct score_table table;
    struct language_groups groups;
    struct error error = {0};
    assert_int_equal(score_table_read(&table, MATRIX, &error), 0);
    assert_int_equal(table.count, 4);
    assert_int_equal(table.bounds, 1);
    const double expected[] = {NAN, 0.5, 0.1, -0.2, 0.3, NAN, NAN, -0.4, NAN, 0.1, NAN, 0, -0.6, NAN, 0.2, NAN};
    for (int i = 0; i < 16; i++)
        assert_true(isnan(expected[i]) ? isnan(table.scores[i]) : table.scores[i] == expected[i]);
    assert_int_equal(language_groups_read(&groups, &table, LANGUAGES, &error), 0);
    const int families[] = {0, 0, 2, 2}, scripts[] = {0, 0, 0, 3};
    for (int i = 0; i < 4; i++)
        assert_true(groups.families[i] == families[i] && groups.scripts[i] == scripts[i]);
    assert_int_equal(groups.unknown_count, 0);
    score_table_free(&table);
}

static void scores_of_one_size_are_taken(void **state) {
    (void)state;
    struct transfer_record records[] = {{"aa", "bb", "s", 9, 1, 1, 0.5, "measured"},
                                        {"bb", "aa", "s", 9, 1, 1, -3, "bound"},
                                        {"cc", "aa", "s", 9, 1, 1, 0.1, "predicted"},
                                        {"dd", "aa", "l", 9, 1, 1, 0.7, "measured"}};
    const struct study_data data = {.transfer_count = 4, .transfer = records};
    struct score_table table;
    assert_int_equal(score_table_take(&table, &data, "s", NULL), 0);
    assert_true(table.count == 3 && table.bounds == 1 && table.predicted == 1);
    for (size_t i = 0; i < 9; i++) /* target bb, source aa */
        assert_true(i == 3 ? table.scores[i] == 0.5 : isnan(table.scores[i]));
    score_table_free(&table);
}

/* Most languages that there may be, and one more. */
static void crowds_are_refused(void **state) {
    char path[FILE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/crowd.csv", (const char *)*state);
    for (int extra = 0; extra < 2; extra++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs("x", file);
        for (int i = 0; i < LANGUAGES_MAX + extra; i++)
            fprintf(file, ",l%d", i);
        assert_int_equal(fclose(file), 0);
        struct score_table table;
        struct error error = {0};
        assert_int_equal(score_table_read(&table, path, &error), -extra);
        if (extra)
            assert_non_null(strstr(error.message, "more than 512 languages"));
        else
            score_table_free(&table);
    }
}

/* Changes, takes away or doubles a few bytes; key and counter choose which. */
static size_t mutate(char *bytes, size_t size, uint64_t mutant) {
    static const char alphabet[] = ",,,\n\r \t<-+.0123456789eanx\"\\\0\377";
    const uint64_t changes = 1 + random_below(4, 1, mutant, 0);
    for (uint64_t c = 1; c <= changes && size > 0; c++) {
        const size_t at = random_below(size, 2, mutant, c);
        switch (random_below(3, 3, mutant, c)) {
        case 0:
            bytes[at] = alphabet[random_below(sizeof alphabet - 1, 4, mutant, c)];
            break;
        case 1:
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size--;
            break;
        default: {
            const size_t length = random_below(size - at, 5, mutant, c);
            memmove(bytes + at + length, bytes + at, size - at);
            size += length;
        }
        }
    }
    return size;
}

static void damaged_files_end_in_an_answer(void **state) {
    char path[FILE_PATH_SIZE], *matrix, *languages, *mutant;
    size_t matrix_size, languages_size;
    snprintf(path, sizeof path, "%s/mutant.csv", (const char *)*state);
    assert_int_equal(file_read(MATRIX, 1 << 20, &matrix, &matrix_size, NULL), 0);
    assert_int_equal(file_read(LANGUAGES, 1 << 20, &languages, &languages_size, NULL), 0);
    mutant = malloc(32 * (matrix_size + languages_size));
    assert_non_null(mutant);
    size_t refused = 0;
    for (uint64_t number = 0; number < 4000; number++) {
        struct score_table table;
        struct language_groups groups;
        struct error error = {0};
        const bool of_matrix = number % 2;
        const size_t size = of_matrix ? matrix_size : languages_size;
        memcpy(mutant, of_matrix ? matrix : languages, size);
        test_file_write(path, mutant, mutate(mutant, size, number));
        int result = score_table_read(&table, of_matrix ? path : MATRIX, &error);
        if (result == 0) {
            result = language_groups_read(&groups, &table, of_matrix ? LANGUAGES : path, &error);
            for (size_t i = 0; i < table.count * table.count; i++)
                assert_true(isnan(table.scores[i]) || isfinite(table.scores[i]));
            score_table_free(&table);
        }
        if (result != 0) {
            refused++;
            assert_int_equal(error.code, ERROR_INPUT);
            assert_non_null(strstr(error.message, "mutant.csv"));
            assert_null(strchr(error.message, '\n'));
        }
    }
    assert_true(refused > 500 && refused < 3500);
    free(mutant);
    free(matrix);
    free(languages);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_come_to_their_places),
        cmocka_unit_test(scores_of_one_size_are_taken),
        IN_FOLDER(crowds_are_refused),
        IN_FOLDER(damaged_files_end_in_an_answer),
    };
    return cmocka_run_group_tests_name("score table", tests, NULL, NULL);
}
