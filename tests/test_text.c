/* corpus/text.h: documents out of text files, and the files of a language. */
#include "base/random.h"
#include "corpus/text.h"
#include "tests/text_files.h"

#include <stdbool.h>

static struct error error;

/* Reads a file that holds exactly these documents and this many broken lines. */
static void assert_documents(const char *path, const char *const *documents, uint64_t broken, uint64_t first_broken) {
    struct text_reader *reader;
    const char *text;
    size_t size;
    assert_int_equal(text_open(&reader, path, &error), 0);
    for (; *documents; documents++) {
        assert_int_equal(text_next(reader, &text, &size, &error), 1);
        assert_string_equal(text, *documents);
        assert_int_equal(size, strlen(*documents));
    }
    assert_int_equal(text_next(reader, &text, &size, &error), 0);
    assert_int_equal(text_next(reader, &text, &size, &error), 0);
    uint64_t first;
    assert_int_equal(text_broken_lines(reader, &first), broken);
    assert_int_equal(first, first_broken);
    text_close(reader);
}

static void json_lines_give_documents_and_broken_lines_are_counted(void **state) {
    static const char lines[] = "\xEF\xBB\xBF{\"text\": \"one\"}\r\n"
                                "\n"
                                "{\"text\": \"broken\n"
                                "{\"other\": 1}\n"
                                "{\"text\": 7}\n"
                                "[\"text\"]\n"
                                "{\"text\": \"not \xFF UTF-8\"}\n"
                                "{\"text\": \"\"}\n"
                                "{\"id\": 3, \"text\": \"zw\\u00f6lf\\nlines\"}";
    static const char *const documents[] = {"one", "zw\xC3\xB6lf\nlines", NULL};
    char path[FILE_PATH_SIZE];
    write_text(*state, "a.jsonl", lines, sizeof lines - 1, path);
    assert_documents(path, documents, 5, 3);
    write_gzip(*state, "b.jsonl.gz", lines, sizeof lines - 1, path);
    assert_documents(path, documents, 5, 3);
    write_zstd(*state, "c.jsonl.zst", lines, sizeof lines - 1, path);
    assert_documents(path, documents, 5, 3);
}

static void plain_text_is_cut_at_blank_lines(void **state) {
    static const char lines[] =
        "\xEF\xBB\xBF\r\n \t\r\none\r\ntwo\r\n\r\n\r\nthree\n\xC3(\nstill three\nze\0ro\n\nfour";
    static const char *const documents[] = {"one\ntwo", "three\nstill three", "four", NULL};
    char path[FILE_PATH_SIZE];
    write_text(*state, "a.txt", lines, sizeof lines - 1, path);
    assert_documents(path, documents, 2, 8);
    write_gzip(*state, "b.txt.gz", lines, sizeof lines - 1, path);
    assert_documents(path, documents, 2, 8);
    static const char *const nothing[] = {NULL};
    write_text(*state, "empty.txt", "", 0, path);
    assert_documents(path, nothing, 0, 0);
}

static void very_long_lines_are_read(void **state) {
    enum { LETTERS = 3000000 };
    char *text = malloc(LETTERS + 1), *line = malloc(LETTERS + 64), path[FILE_PATH_SIZE];
    assert_true(text && line);
    memset(text, 'x', LETTERS);
    text[LETTERS] = '\0';
    const char *documents[] = {text, "short", NULL};
    const int size = snprintf(line, LETTERS + 64, "{\"text\": \"%s\"}\n{\"text\": \"short\"}\n", text);
    write_gzip(*state, "long.jsonl.gz", line, (size_t)size, path);
    assert_documents(path, documents, 0, 0);
    write_zstd(*state, "long.jsonl.zst", line, (size_t)size, path);
    assert_documents(path, documents, 0, 0);
    free(text);
    free(line);
}

static void damaged_compression_is_an_error_that_names_the_file(void **state) {
    static void (*const writers[])(const char *, const char *, const char *, size_t, char *) = {write_gzip, write_zstd};
    static const char *const names[] = {"part.jsonl.gz", "part.jsonl.zst"};
    char path[FILE_PATH_SIZE], *lines = malloc(70000), *bytes;
    size_t size;
    assert_non_null(lines);
    for (uint64_t i = 0; i < 1000; i++) /* not compressible to a few bytes */
        snprintf(lines + 33 * i, 34, "{\"text\": \"%020llu\"}\n", (unsigned long long)random_u64(1, 0, i));
    for (int trial = 0; trial < 4; trial++) {
        const char *name = names[trial / 2];
        const bool cut_off = trial % 2 == 0; /* or one byte wrong */
        writers[trial / 2](*state, name, lines, 33 * 1000, path);
        assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &error), 0);
        if (!cut_off)
            bytes[size / 4] ^= 0x5A;
        write_text(*state, name, bytes, cut_off ? size - 100 : size, path);
        struct text_reader *reader;
        const char *text;
        size_t text_size;
        int status;
        assert_int_equal(text_open(&reader, path, &error), 0);
        while ((status = text_next(reader, &text, &text_size, &error)) == 1)
            continue;
        assert_int_equal(status, -1);
        assert_non_null(strstr(error.message, name));
        assert_non_null(strstr(error.message, "damaged or cut off"));
        text_close(reader);
        free(bytes);
    }
    free(lines);
}

static void assert_found(const char *folder, const char *language, const char *const *names) {
    struct text_files files;
    assert_int_equal(text_find(&files, folder, language, &error), 0);
    uint32_t f = 0;
    for (; names[f]; f++) {
        assert_true(f < files.count);
        assert_string_equal(files.paths[f] + strlen(folder) + 1, names[f]);
    }
    assert_int_equal(files.count, f);
    text_files_free(&files);
}

static void texts_are_found_by_language_and_ending(void **state) {
    char path[FILE_PATH_SIZE];
    struct text_files files;
    struct text_reader *reader;
    assert_int_equal(text_find(&files, *state, "en", &error), -1);
    assert_non_null(strstr(error.message, "en.jsonl"));
    /* A folder of its own, as MADLAD-400 has them; what is not text by its name does not count. */
    assert_int_equal(file_join(path, *state, "en", &error), 0);
    assert_int_equal(file_make_folder(path, &error), 0);
    assert_int_equal(text_find(&files, *state, "en", &error), -1);
    write_text(*state, "en/en_clean_0001.jsonl.gz", "x", 1, path);
    write_text(*state, "en/en_clean_0000.jsonl.gz", "x", 1, path);
    write_text(*state, "en/README.md", "x", 1, path);
    assert_found(*state, "en", (const char *const[]){"en/en_clean_0000.jsonl.gz", "en/en_clean_0001.jsonl.gz", NULL});
    /* Files in the folder of all languages go before it; those of longer codes are of other languages. */
    write_text(*state, "en.txt.gz", "x", 1, path);
    write_text(*state, "en-scot.txt", "x", 1, path);
    write_text(*state, "en-150.txt", "x", 1, path);
    write_text(*state, "en.txt.bz2", "x", 1, path);
    assert_found(*state, "en", (const char *const[]){"en.txt.gz", NULL});
    write_text(*state, "en-0002.jsonl.zst", "x", 1, path);
    write_text(*state, "en-0001.jsonl", "x", 1, path);
    assert_found(*state, "en", (const char *const[]){"en-0001.jsonl", "en-0002.jsonl.zst", "en.txt.gz", NULL});
    assert_found(*state, "en-150", (const char *const[]){"en-150.txt", NULL});
    write_text(*state, "en.jsonl", "x", 1, path);
    assert_int_equal(text_find(&files, *state, "en", &error), -1);
    assert_non_null(strstr(error.message, "the same text twice"));
    assert_int_equal(text_open(&reader, "text.pdf", &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_int_equal(text_open(&reader, "/nowhere/en.txt", &error), -1);
    assert_non_null(strstr(error.message, "/nowhere/en.txt"));
    assert_int_equal(text_open(&reader, "/nowhere/en.txt.zst", &error), -1);
    assert_non_null(strstr(error.message, "/nowhere/en.txt.zst"));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(json_lines_give_documents_and_broken_lines_are_counted),
        IN_FOLDER(plain_text_is_cut_at_blank_lines),
        IN_FOLDER(very_long_lines_are_read),
        IN_FOLDER(damaged_compression_is_an_error_that_names_the_file),
        IN_FOLDER(texts_are_found_by_language_and_ending),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
