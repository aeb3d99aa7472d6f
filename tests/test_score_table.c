/* orchestrator/: the CSV files of `sweep transfer`. */
#include "base/file.h"
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
    struct transfer_record records[] = {{"aa", "bb", "s", 9, 1, 1, 0.5, 1, NAN, "measured"},
                                        {"bb", "aa", "s", 9, 1, 1, -3, 1, NAN, "bound"},
                                        {"cc", "aa", "s", 9, 1, 1, 0.1, 0, NAN, "predicted"},
                                        {"dd", "aa", "l", 9, 1, 1, 0.7, 1, NAN, "measured"}};
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

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_come_to_their_places),
        cmocka_unit_test(scores_of_one_size_are_taken),
        IN_FOLDER(crowds_are_refused),
    };
    return cmocka_run_group_tests_name("score table", tests, NULL, NULL);
}
