#include "hdf5_schema/journal.h"
#include "base/file.h"
#include "hdf5_schema/journal_format.h"
#include "hdf5_schema/journal_lock.h"
#include "hdf5_schema/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_FULL = 1 << 20 }; /* bytes after which the buffer is written even without a sync */

struct journal {
    int descriptor;
    char path[FILE_PATH_SIZE];
    struct journal_lock *lock;
    struct error failure; /* the first; sticky, unless a disk was full */
    uint8_t *buffer;      /* appended since the last sync */
    size_t used, room;
    size_t in_file;   /* bytes of the buffer that the file has */
    uint64_t written; /* bytes in the file */
    uint64_t synced;  /* those of them up to the last synced mark */
    uint32_t run_count;
};

static int tell_failure(struct journal *journal, struct error *error) {
    if (error)
        *error = journal->failure;
    if (journal->failure.code == ERROR_NO_ROOM) /* nothing is lost: the buffer goes on where it was */
        journal->failure.code = ERROR_NONE;
    return -1;
}

static int write_buffer(struct journal *journal) {
    while (journal->in_file < journal->used) {
        const ssize_t size =
            write(journal->descriptor, journal->buffer + journal->in_file, journal->used - journal->in_file);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_set_errno(&journal->failure, ERROR_FAILED, "%s: cannot be written", journal->path);
        journal->in_file += (size_t)size;
        journal->written += (uint64_t)size;
    }
    return 0;
}

/* size free bytes behind what is buffered; NULL with the failure set when there is no memory. */
static uint8_t *reserve(struct journal *journal, size_t size) {
    if (journal->used + size > journal->room) {
        const size_t room = 2 * (journal->used + size);
        uint8_t *larger = realloc(journal->buffer, room);
        if (!larger) {
            error_set(&journal->failure, ERROR_FAILED, "%s: no memory for %zu bytes", journal->path, room);
            return NULL;
        }
        journal->buffer = larger;
        journal->room = room;
    }
    return journal->buffer + journal->used;
}

/* Where the payload of a new record goes; NULL with the failure set. */
static uint8_t *record_begin(struct journal *journal, size_t payload_size) {
    if (payload_size > RECORD_SIZE_MAX) {
        error_set(&journal->failure, ERROR_FAILED, "%s: a record of %zu bytes; at most %d are allowed", journal->path,
                  payload_size, RECORD_SIZE_MAX);
        return NULL;
    }
    if (journal->used - journal->in_file >= BUFFER_FULL && write_buffer(journal) != 0) {
        if (journal->failure.code != ERROR_NO_ROOM)
            return NULL;
        journal->failure.code = ERROR_NONE; /* the next sync tells */
    }
    uint8_t *record = reserve(journal, RECORD_HEADER_SIZE + payload_size);
    return record ? record + RECORD_HEADER_SIZE : NULL;
}

static void record_end(struct journal *journal, enum record_kind kind, size_t payload_size) {
    record_seal(journal->buffer + journal->used, kind, payload_size);
    journal->used += RECORD_HEADER_SIZE + payload_size;
}

/* Encodes a row at bytes, but none that a reader would refuse. Returns its end, NULL with the failure set. */
static uint8_t *encode(struct journal *journal, enum table_number number, const void *row, uint8_t *bytes) {
    const struct column *column = schema_impossible(&schema_tables[number], row);
    if (!column)
        return schema_encode(&schema_tables[number], row, bytes);
    error_set(&journal->failure, ERROR_FAILED, "%s: impossible value for %s/%s", journal->path,
              schema_tables[number].group, column->name);
    return NULL;
}

static uint8_t *unknown_run(struct journal *journal, uint32_t run) {
    error_set(&journal->failure, ERROR_FAILED, "%s: run %u is told of, but %u runs are planned", journal->path, run,
              journal->run_count);
    return NULL;
}

int journal_add_run(struct journal *journal, const struct run_record *run, struct error *error) {
    if (journal->failure.code != ERROR_NONE)
        return tell_failure(journal, error);
    if (run->run != journal->run_count || run->language_count < 1 || run->language_count > LANGUAGES_MAX) {
        error_set(&journal->failure, ERROR_FAILED, "%s: run %u with %u languages cannot stand behind %u runs",
                  journal->path, run->run, run->language_count, journal->run_count);
        return tell_failure(journal, error);
    }
    const size_t size = schema_row_size(&schema_tables[TABLE_RUNS]) +
                        run->language_count * schema_row_size(&schema_tables[TABLE_MIXTURES]);
    uint8_t *bytes = record_begin(journal, size);
    if (bytes)
        bytes = encode(journal, TABLE_RUNS, run, bytes);
    for (uint32_t i = 0; bytes && i < run->language_count; i++) {
        struct language_tokens language = run->languages[i];
        language.run = run->run;
        bytes = encode(journal, TABLE_MIXTURES, &language, bytes);
    }
    if (!bytes)
        return tell_failure(journal, error);
    record_end(journal, RECORD_RUN, size);
    journal->run_count++;
    return 0;
}

int journal_add_outcome(struct journal *journal, const struct run_outcome *outcome, struct error *error) {
    if (journal->failure.code != ERROR_NONE)
        return tell_failure(journal, error);
    const size_t size =
        schema_row_size(&schema_tables[TABLE_EXECUTION]) + schema_row_size(&schema_tables[TABLE_OUTCOMES]);
    uint8_t *bytes =
        outcome->run < journal->run_count ? record_begin(journal, size) : unknown_run(journal, outcome->run);
    if (bytes)
        bytes = encode(journal, TABLE_EXECUTION, outcome, bytes);
    if (bytes)
        bytes = encode(journal, TABLE_OUTCOMES, outcome, bytes);
    if (!bytes)
        return tell_failure(journal, error);
    record_end(journal, RECORD_OUTCOME, size);
    return 0;
}

/* Rows of curves, losses or seen tokens, as few records as their greatest size allows; each row begins with the number
 * of its run. */
static int add_rows(struct journal *journal, enum record_kind kind, enum table_number number, const void *rows,
                    uint32_t count, struct error *error) {
    if (journal->failure.code != ERROR_NONE)
        return tell_failure(journal, error);
    const struct table *table = &schema_tables[number];
    const size_t row_size = schema_row_size(table), most = RECORD_SIZE_MAX / row_size;
    const uint8_t *row = rows;
    for (size_t left = count; left > 0;) {
        const size_t now = left < most ? left : most;
        uint8_t *bytes = record_begin(journal, now * row_size);
        for (size_t i = 0; bytes && i < now; i++, row += table->struct_size) {
            uint32_t run;
            memcpy(&run, row, sizeof run);
            bytes = run < journal->run_count ? encode(journal, number, row, bytes) : unknown_run(journal, run);
        }
        if (!bytes)
            return tell_failure(journal, error);
        record_end(journal, kind, now * row_size);
        left -= now;
    }
    return 0;
}

int journal_add_curve(struct journal *journal, const struct curve_point *points, uint32_t count, struct error *error) {
    return add_rows(journal, RECORD_CURVES, TABLE_CURVES, points, count, error);
}

int journal_add_losses(struct journal *journal, const struct loss_point *points, uint32_t count, struct error *error) {
    return add_rows(journal, RECORD_LOSSES, TABLE_LOSSES, points, count, error);
}

int journal_add_seen(struct journal *journal, const struct language_tokens *seen, uint32_t count, struct error *error) {
    return add_rows(journal, RECORD_SEEN, TABLE_TOKENS, seen, count, error);
}

/* The mark goes into the file behind what is on disk by now; it needs no sync itself: without it, a crash finds a
 * longer tail. */
static int write_synced_mark(struct journal *journal) {
    uint8_t *mark = reserve(journal, MARK_SIZE);
    if (!mark)
        return -1;
    mark_make(journal->written, mark);
    journal->used += MARK_SIZE;
    if (write_buffer(journal) != 0)
        return -1;
    journal->synced = journal->written;
    return 0;
}

/* After a sync that failed nobody knows which pages reached the disk: all since the last good one are written again. */
static void take_back(struct journal *journal) {
    const uint64_t kept = journal->written - journal->in_file;
    if (ftruncate(journal->descriptor, (off_t)kept) != 0) {
        journal->failure.code = ERROR_FAILED;
        return;
    }
    journal->written = kept;
    journal->in_file = 0;
}

int journal_sync(struct journal *journal, struct error *error) {
    if (journal->failure.code != ERROR_NONE)
        return tell_failure(journal, error);
    if (journal->in_file == journal->used && journal->written == journal->synced)
        return 0;
    if (journal_lock_check(journal->lock, &journal->failure) != 0)
        return tell_failure(journal, error);
    if (write_buffer(journal) != 0)
        return tell_failure(journal, error);
    if (fdatasync(journal->descriptor) != 0) {
        error_set_errno(&journal->failure, ERROR_FAILED, "%s: cannot be synced", journal->path);
        take_back(journal);
        return tell_failure(journal, error);
    }
    journal->used = journal->in_file = 0;
    return write_synced_mark(journal) == 0 ? 0 : tell_failure(journal, error);
}

static void journal_free(struct journal *journal) {
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    journal_lock_release(journal->lock);
    free(journal->buffer);
    free(journal);
}

int journal_close(struct journal *journal, struct error *error) {
    if (!journal)
        return 0;
    const int result = journal_sync(journal, error);
    journal_free(journal);
    return result;
}

/* A journal that has its lock, but not yet its file. */
static struct journal *journal_begin(const char *path, struct error *error) {
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal) {
        error_set(error, ERROR_FAILED, "%s: no memory for the journal", path);
        return NULL;
    }
    journal->descriptor = -1;
    snprintf(journal->path, sizeof journal->path, "%s", path);
    if (journal_lock_take(&journal->lock, path, error) != 0) {
        free(journal);
        return NULL;
    }
    return journal;
}

/* A journal that ends in a mark was closed in peace: nothing of it waits for a sync. */
static bool ends_in_mark(const struct journal *journal) {
    uint8_t mark[MARK_SIZE], end[MARK_SIZE];
    if (journal->written < MARK_SIZE)
        return false;
    const uint64_t offset = journal->written - MARK_SIZE;
    mark_make(offset, mark);
    return pread(journal->descriptor, end, MARK_SIZE, (off_t)offset) == MARK_SIZE && memcmp(mark, end, MARK_SIZE) == 0;
}

static int open_file(struct journal *journal, uint64_t size, struct error *error) {
    journal->descriptor = open(journal->path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (journal->descriptor < 0)
        return error_set_errno(error, ERROR_FAILED, "%s: cannot be opened to append to", journal->path);
    journal->written = size;
    journal->synced = ends_in_mark(journal) ? size : 0;
    return 0;
}

/* Header and study get their name together, so that there is no journal without its study. */
static int write_beginning(struct journal *journal, const struct study_record *study, struct error *error) {
    const char *texts[] = {study->name, study->file, study->settings, study->version};
    size_t size = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        size += 4 + strlen(texts[i]);
    uint8_t *bytes = reserve(journal, JOURNAL_HEADER_SIZE);
    if (bytes) {
        memcpy(bytes, JOURNAL_MAGIC, sizeof JOURNAL_MAGIC); /* its zero byte goes under the version */
        schema_put(bytes + 8, JOURNAL_VERSION, 8);
        journal->used = JOURNAL_HEADER_SIZE;
        bytes = record_begin(journal, size);
    }
    if (!bytes)
        return tell_failure(journal, error);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t length = strlen(texts[i]);
        schema_put(bytes, length, 4);
        memcpy(bytes + 4, texts[i], length);
        bytes += 4 + length;
    }
    record_end(journal, RECORD_STUDY, size);
    const uint64_t written = journal->used;
    journal->used = 0;
    if (file_write(journal->path, journal->buffer, written, error) != 0 || open_file(journal, written, error) != 0)
        return -1;
    return write_synced_mark(journal) == 0 ? 0 : tell_failure(journal, error);
}

int journal_create(struct journal **journal, const char *path, const struct study_record *study, struct error *error) {
    *journal = NULL;
    struct journal *made = journal_begin(path, error);
    if (!made)
        return -1;
    const int result = file_exists(path) ? error_set(error, ERROR_FAILED, "%s: is there already", path)
                                         : write_beginning(made, study, error);
    if (result == 0)
        *journal = made;
    else
        journal_free(made);
    return result;
}

int journal_open(struct journal **journal, const char *path, struct study_data *data, uint64_t *torn_bytes,
                 struct error *error) {
    *journal = NULL;
    *data = (struct study_data){0};
    *torn_bytes = 0;
    if (!file_exists(path)) /* a lock beside nothing would only confuse */
        return error_set(error, ERROR_INPUT, "%s: there is no such journal", path);
    struct journal *opened = journal_begin(path, error);
    if (!opened)
        return -1;
    struct stat status;
    int result = journal_read(path, data, torn_bytes, error);
    if (result == 0 && stat(path, &status) != 0)
        result = error_set_errno(error, ERROR_FAILED, "%s: cannot be read", path);
    if (result == 0)
        result = open_file(opened, (uint64_t)status.st_size - *torn_bytes, error);
    if (result == 0 && *torn_bytes > 0 && ftruncate(opened->descriptor, (off_t)opened->written) != 0)
        result = error_set_errno(error, ERROR_FAILED, "%s: its torn tail cannot be cut", path);
    if (result == 0) {
        opened->run_count = (uint32_t)data->run_count;
        *journal = opened;
    } else {
        study_data_free(data);
        journal_free(opened);
    }
    return result;
}
