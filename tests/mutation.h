/* Inputs damaged at random, and what their readers must do with them: fail with one line that names the file, or read
 * them right; never crash, hang, ask for memory that a damaged size claims, or change the file.
 *
 * Mutant n of a kind is a pure function of n. Readers run in children, a batch of mutants each, so that one that dies
 * is told with the number of its mutant. */
#ifndef SWEEP_TESTS_MUTATION_H
#define SWEEP_TESTS_MUTATION_H

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "tests/test.h"

#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOURCES_MAX = 4, BATCH = 250, HANG_SECONDS = 60 };

/* Right inputs, from which mutants are made. */
struct source {
    char *bytes;
    size_t size;
};

struct kind {
    const char *name, *file; /* file: how a mutant is called in its folder */
    /* Makes source number in the folder as path; false: there is no such. */
    bool (*make)(const char *folder, int number, const char *path);
    /* Reads a mutant. What it gives out is used, so that the sanitizers see it; wrong() when it cannot be. */
    int (*read)(const char *path, const struct source *source, struct error *error);
    /* Makes checksums good again, so that every other mutant comes further; NULL: there are none, or only one. */
    void (*seal)(char *bytes, size_t size);
    size_t (*range)(const char *bytes); /* bytes at the beginning that are changed; NULL: all */
    unsigned times;                     /* so many times as many mutants as are asked for */
};

/* What a child tells, in shared memory. */
struct report {
    uint64_t mutant;
    size_t read, refused;
    char wrong[1200];
};
static struct report *report;

/* Ends the child: the mutant was not dealt with as it should. */
static void wrong(const char *what) {
    snprintf(report->wrong, sizeof report->wrong, "%s", what);
    _exit(1);
}

/* ---- mutants ---- */

/* A number in digits in place of the one at or behind a place. */
static size_t change_number(char *bytes, size_t size, size_t room, size_t place, uint64_t choice) {
    static const char *const extremes[] = {
        "0",
        "-1",
        "1",
        "255",
        "65535",
        "65536",
        "2147483647",
        "4294967296",
        "9007199254740993",
        "1e15",
        "1e-300",
        "1e99999999",
        "0x7fffffff",
        "1000000000",
        "nan",
        "18446744073709551616",
    };
    while (place < size && !isdigit((unsigned char)bytes[place]))
        place++;
    size_t end = place;
    while (end < size && isdigit((unsigned char)bytes[end]))
        end++;
    const char *number = extremes[choice % (sizeof extremes / sizeof *extremes)];
    const size_t length = strlen(number);
    if (place == size || size - (end - place) + length > room)
        return size;
    memmove(bytes + place + length, bytes + end, size - end);
    memcpy(bytes + place, number, length);
    return size - (end - place) + length;
}

/* A binary number in place of what stands there. */
static void change_integer(char *bytes, size_t size, size_t place, uint64_t choice) {
    static const uint64_t extremes[] = {0,         1,          2,          0xff,           0x100,         0xffff,
                                        0x10000,   INT32_MAX,  1u << 31,   UINT32_MAX,     1ull << 32,    1ull << 53,
                                        INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 8};
    const size_t width = (size_t)1 << choice % 4;
    const uint64_t value = extremes[choice / 4 % (sizeof extremes / sizeof *extremes)];
    if (place + width <= size)
        memcpy(bytes + place, &value, width);
}

/* One change at a place below range; returns the new size, at most room. */
static size_t change(char *bytes, size_t size, size_t room, size_t range, uint64_t mutant, uint64_t number) {
    static const char alphabet[] = "{}[]:,-&*!|>'\"#%@`?~ \n\r\t0159eE.+nax\xc3\xff\\\0";
    const size_t place = random_below(range, mutant, number, 0), other = random_below(range, mutant, number, 1);
    const uint64_t choice = random_u64(mutant, number, 2);
    size_t length = 1 + random_below(number % 2 ? 16 : size, mutant, number, 3);
    switch (random_below(16, mutant, number, 4)) {
    case 0: /* cut */
        return place;
    case 1:
    case 2: /* a piece taken out */
        length = length < size - place ? length : size - place;
        memmove(bytes + place, bytes + place + length, size - place - length);
        return size - length;
    case 3:
    case 4: /* a piece told twice */
        length = length < size - place ? length : size - place;
        length = length < room - size ? length : room - size;
        memmove(bytes + place + length, bytes + place, size - place);
        return size + length;
    case 5: /* two pieces swapped */
        length = place + length <= size && other + length <= size ? length : 1;
        for (size_t i = 0; i < length; i++) {
            const char byte = bytes[place + i];
            bytes[place + i] = bytes[other + i];
            bytes[other + i] = byte;
        }
        return size;
    case 6:
    case 7:
        return change_number(bytes, size, room, place, choice);
    case 8:
    case 9:
        change_integer(bytes, size, place, choice);
        return size;
    case 10:
    case 11:
        bytes[place] = (char)choice;
        return size;
    case 12:
    case 13:
        bytes[place] = alphabet[choice % (sizeof alphabet - 1)];
        return size;
    default:
        bytes[place] ^= (char)(1 << choice % 8);
        return size;
    }
}

/* Makes a mutant of a source in bytes [room]; returns its size. */
static size_t mutate(const struct kind *kind, const struct source *source, uint64_t mutant, char *bytes, size_t room) {
    const uint64_t changes = 1 + random_below(6, mutant, 0, 0);
    size_t size = source->size;
    memcpy(bytes, source->bytes, size);
    for (uint64_t c = 1; c <= changes && size > 0; c++) {
        const size_t range = kind->range ? kind->range(source->bytes) : size;
        size = change(bytes, size, room, range < size ? range : size, mutant, c);
    }
    if (kind->seal && mutant % 2)
        kind->seal(bytes, size);
    return size;
}

/* ---- children ---- */

static void read_mutant(const struct kind *kind, const struct source *source, const char *path, uint64_t mutant) {
    const size_t room = 2 * source->size;
    char *bytes = malloc(room + 64), *after;
    struct error error = {0};
    if (!bytes)
        wrong("no memory for a mutant");
    const size_t size = mutate(kind, source, mutant, bytes, room);
    unlink(path); /* some file systems flush a file that is cut and written anew */
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        wrong("the mutant cannot be written");
    alarm(HANG_SECONDS);
    const int result = kind->read(path, source, &error);
    alarm(0);
    size_t size_after;
    if (file_read(path, SIZE_MAX, &after, &size_after, NULL) != 0 || size_after != size ||
        memcmp(after, bytes, size) != 0)
        wrong("the file was changed");
    free(after);
    free(bytes);
    result == 0 ? report->read++ : report->refused++;
    if (result == 0)
        return;
    /* ERROR_FAILED would be what the machine lacks: memory that a damaged size claims */
    if (error.code != ERROR_INPUT || !strstr(error.message, path) || strchr(error.message, '\n'))
        wrong(error.message[0] ? error.message : "an error without a message");
}

/* Reads mutants first to end - 1 in a child, which must end well. */
static void read_batch(const struct kind *kind, const struct source *sources, int source_count, const char *folder,
                       uint64_t first, uint64_t end) {
    char path[FILE_PATH_SIZE], said[FILE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, kind->file);
    snprintf(said, sizeof said, "%s/said", folder);
    fflush(NULL); /* or the child would write it again */
    report->wrong[0] = '\0';
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
        for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
            signal(faults[f], SIG_DFL);  /* cmocka would go on with the next test */
        if (!freopen(said, "w", stderr)) /* libraries complain there */
            wrong("no file for standard error");
        for (report->mutant = first; report->mutant < end; report->mutant++)
            read_mutant(kind, &sources[report->mutant % (uint64_t)source_count], path, report->mutant);
        exit(0); /* not _exit: the sanitizers look for leaks */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status == 0)
        return;
    char *words = NULL;
    size_t size;
    (void)file_read(said, SIZE_MAX, &words, &size, NULL);
    fail_msg("%s %llu: %s %d, %s\n%.4000s", kind->name, (unsigned long long)report->mutant,
             WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             report->wrong[0] ? report->wrong : "no word", words ? words : "");
}

/* Reads so many mutants of a kind; returns how many were refused. */
static size_t read_mutants(const struct kind *kind, uint64_t count) {
    char folder[] = "/tmp/sweep-test-XXXXXX", path[FILE_PATH_SIZE];
    void *state = folder;
    static struct source sources[SOURCES_MAX]; /* static, so that what a failed test leaves is no leak of the next */
    int source_count = 0;
    assert_non_null(mkdtemp(folder));
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(report != MAP_FAILED);
    *report = (struct report){0};
    snprintf(path, sizeof path, "%s/%s", folder, kind->file);
    for (; source_count < SOURCES_MAX && kind->make(folder, source_count, path); source_count++) {
        struct source *source = &sources[source_count];
        struct error error = {0};
        free(source->bytes);
        assert_int_equal(file_read(path, SIZE_MAX, &source->bytes, &source->size, NULL), 0);
        if (kind->read(path, source, &error) != 0)
            fail_msg("%s: %s", kind->name, error.message);
    }
    for (uint64_t first = 0; first < count; first += BATCH)
        read_batch(kind, sources, source_count, folder, first, first + BATCH < count ? first + BATCH : count);
    const size_t refused = report->refused;
    assert_int_equal(report->read + refused, count);
    munmap(report, sizeof *report);
    state = strdup(folder);
    assert_int_equal(test_folder_remove(&state), 0);
    return refused;
}

#endif
