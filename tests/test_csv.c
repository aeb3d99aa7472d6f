/* base/csv: tables as they are and as they are not. With the argument "fuzz SECONDS" (make fuzz) the program reads
 * mutated tables for so long; in the tests a fixed number of them. */
#include "base/csv.h"
#include "base/random.h"
#include "tests/test.h"

#include <math.h>
#include <time.h>

enum { TEXT_MAX = 4096, MUTATIONS = 200000 };

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

/* Changes a good table in up to 8 places: bytes set, removed, told again, or the end cut. */
static size_t mutate(uint64_t seed, char *text, size_t size) {
    static const char bytes[] = ",,\"\"\n\r\0.eE+-0nN\xEF\xFF ";
    const uint64_t changes = 1 + random_below(8, seed, 0, 0);
    for (uint64_t c = 1; c <= changes && size > 1; c++) {
        const size_t place = random_below(size, seed, c, 0), length = 1 + random_below(16, seed, c, 1);
        switch (random_below(4, seed, c, 2)) {
        case 0:
            text[place] = bytes[random_below(sizeof bytes, seed, c, 3)];
            break;
        case 1:
            size -= place + length < size ? length : 0;
            memmove(text + place, text + place + length, size > place ? size - place : 0);
            break;
        case 2:
            if (place + 2 * length < size && size + length < TEXT_MAX) {
                memmove(text + place + length, text + place, size - place);
                size += length;
            }
            break;
        default:
            size = random_below(64, seed, c, 4) == 0 ? place + 1 : size;
        }
    }
    return size;
}

/* Reads all of a mutated table: whatever it holds, it ends, with whole cells or an error that says so. */
static void read_mutated(uint64_t seed) {
    static const char good[] = "run,N,D,L,\"note, long\"\n2b8,2810000000,32000000000,2.722962,\"a \"\"b\"\"\"\n"
                               "2b9,2810000000,4e10,2.706547,\r\n\nx,1.5e8,1e9,nan,\"\"\n";
    char text[TEXT_MAX];
    memcpy(text, good, sizeof good - 1);
    const size_t size = mutate(seed, text, sizeof good - 1);
    struct csv csv;
    struct error error = {0};
    int status = begin(&csv, text, size, &error);
    if (status == 0) {
        double value;
        while ((status = csv_next(&csv, &error)) == 1)
            for (int c = 0; c < csv.columns; c++) {
                assert_true(strlen(csv.cells[c]) <= size);
                csv_number(&csv, c, &value, NULL);
            }
        csv_close(&csv);
    }
    if (status != 0)
        assert_true(strncmp(error.message, "t.csv:", 6) == 0);
}

static void mutated_tables_end_in_rows_or_an_error(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < MUTATIONS; seed++)
        read_mutated(seed);
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "fuzz") == 0) {
        const time_t end = time(NULL) + strtol(words[2], NULL, 10);
        uint64_t seed = MUTATIONS;
        for (; time(NULL) < end; seed++)
            read_mutated(seed);
        printf("%llu mutated tables read\n", (unsigned long long)(seed - MUTATIONS));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_found_by_the_names_of_their_columns),
        cmocka_unit_test(numbers_are_left_to_the_caller_even_where_they_are_none),
        cmocka_unit_test(faults_are_told_with_their_place),
        cmocka_unit_test(mutated_tables_end_in_rows_or_an_error),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
