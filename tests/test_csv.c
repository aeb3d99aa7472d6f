/* base/csv: tables as they are and as they are not. */
#include "base/csv.h"
#include "tests/test.h"

#include <math.h>

/* Opens a text as a table. */
static int begin(struct csv *csv, const char *text, size_t size, struct error *error) {
    FILE *file = fmemopen((void *)text, size, "r");
    assert_non_null(file);
    const int status = csv_begin(csv, file, "t.csv", error);
    if (status != 0)
        fclose(file);
    return status;
}

static void refuse(const char *text, const char *reason) {
    struct csv csv;
    struct error error = {0};
    int status = begin(&csv, text, strlen(text), &error);
    if (status == 0) {
        double value;
        while ((status = csv_next(&csv, &error)) == 1 && (status = csv_number(&csv, 0, &value, &error)) == 0)
            ;
        csv_close(&csv);
    }
    assert_int_equal(status, -1);
    assert_int_equal(error.code, ERROR_INPUT);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

static void cells_are_found_by_the_names_of_their_columns(void **state) {
    (void)state;
    const char *text = "\xEF\xBB\xBFN,\"loss, \"\"L\"\"\",note\r\n\r\n1e9,2.5,\"a, \"\"b\"\"\"\r\n 7 ,,\n";
    struct csv csv;
    double value;
    assert_int_equal(begin(&csv, text, strlen(text), NULL), 0);
    assert_int_equal(csv.columns, 3);
    assert_int_equal(csv_column(&csv, "N"), 0);
    assert_int_equal(csv_column(&csv, "loss, \"L\""), 1);
    assert_int_equal(csv_column(&csv, "D"), -1);
    assert_int_equal(csv_next(&csv, NULL), 1);
    assert_int_equal(csv.line_number, 3);
    assert_int_equal(csv_number(&csv, 0, &value, NULL), 0);
    assert_true(value == 1e9);
    assert_string_equal(csv.cells[2], "a, \"b\"");
    assert_int_equal(csv_next(&csv, NULL), 1);
    assert_int_equal(csv_number(&csv, 0, &value, NULL), 0);
    assert_true(value == 7);
    assert_int_equal(csv_number(&csv, 1, &value, NULL), -1);
    assert_int_equal(csv_next(&csv, NULL), 0);
    csv_close(&csv);
}

static void numbers_are_left_to_the_caller_even_where_they_are_none(void **state) {
    (void)state;
    const char *text = "L\nnan\n-inf\n0x10\n";
    struct csv csv;
    double value;
    assert_int_equal(begin(&csv, text, strlen(text), NULL), 0);
    csv_next(&csv, NULL);
    assert_true(csv_number(&csv, 0, &value, NULL) == 0 && isnan(value));
    csv_next(&csv, NULL);
    assert_true(csv_number(&csv, 0, &value, NULL) == 0 && isinf(value));
    csv_close(&csv);
}

static void faults_are_told_with_their_place(void **state) {
    (void)state;
    refuse("\n\n", "t.csv: empty");
    refuse("N,D\n1,2\n1\n", "t.csv:3: 1 cells; the first line names 2");
    refuse("N,D\n1,2,3\n", "t.csv:2: 3 cells");
    refuse("N,D\n1,\"2\n", "t.csv:2:2: a quote without an end");
    refuse("N,D\n1,\"2\"3\n", "t.csv:2:2: a quote without an end");
    refuse("N,D\n1x,2\n", "t.csv:2:1: N is '1x'; it must be a number");
    refuse("N,D\n,2\n", "t.csv:2:1: N is ''");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_found_by_the_names_of_their_columns),
        cmocka_unit_test(numbers_are_left_to_the_caller_even_where_they_are_none),
        cmocka_unit_test(faults_are_told_with_their_place),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
