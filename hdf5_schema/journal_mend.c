#include "base/file.h"
#include "hdf5_schema/journal.h"
#include "hdf5_schema/journal_format.h"
#include "hdf5_schema/journal_lock.h"
#include "hdf5_schema/schema.h"

#include <stdlib.h>
#include <unistd.h>

/* Where the first damaged record begins, counting those before it; size when there is none. */
static size_t find_damage(const uint8_t *bytes, size_t size, size_t *records) {
    struct record record;
    size_t offset = JOURNAL_HEADER_SIZE;
    for (*records = 0; offset < size && record_read(bytes, size, offset, &record); offset = record.end)
        ++*records;
    return offset < size && journal_synced_behind(bytes, size, offset) ? offset : size;
}

static bool ends_a_run(const struct record *record) {
    struct run_outcome outcome = {0};
    if (record->kind != RECORD_OUTCOME || record->size != schema_row_size(&schema_tables[TABLE_EXECUTION]) +
                                                              schema_row_size(&schema_tables[TABLE_OUTCOMES]))
        return false;
    const uint8_t *bytes = schema_decode(&schema_tables[TABLE_EXECUTION], record->payload, &outcome);
    schema_decode(&schema_tables[TABLE_OUTCOMES], bytes, &outcome);
    return outcome.status == RUN_DONE;
}

/* What is still whole behind the damage, found again byte by byte: it cannot be kept, as nobody knows what it followed.
 */
static void count_lost(const uint8_t *bytes, size_t size, size_t offset, struct journal_mended *mended) {
    struct record record;
    mended->lost_bytes = size - offset;
    while (++offset < size) {
        if (!record_read(bytes, size, offset, &record) || record.kind < RECORD_STUDY || record.kind > RECORD_SYNCED)
            continue;
        mended->lost_records++;
        mended->lost_runs += ends_a_run(&record);
        offset = record.end - 1;
    }
}

static int keep_beginning(const char *path, const uint8_t *bytes, size_t size, struct journal_mended *mended,
                          struct error *error) {
    struct study_data data;
    size_t intact;
    if (journal_parse(path, bytes, size, &data, &intact, NULL) == 0) {
        study_data_free(&data);
        return error_set(error, ERROR_INPUT, "%s: is not damaged; there is nothing to mend", path);
    }
    mended->kept_bytes = find_damage(bytes, size, &mended->kept_records);
    if (journal_parse(path, bytes, mended->kept_bytes, &data, &intact, error) != 0) /* nothing worth to be kept */
        return -1;
    study_data_free(&data);
    count_lost(bytes, size, mended->kept_bytes, mended);
    if (link(path, mended->damaged_path) != 0) /* fails where something has that name */
        return error_set_errno(error, ERROR_FAILED, "%s: the damaged journal cannot be kept under this name",
                               mended->damaged_path);
    return file_write(path, bytes, mended->kept_bytes, error);
}

int journal_mend(const char *path, struct journal_mended *mended, struct error *error) {
    *mended = (struct journal_mended){0};
    struct journal_lock *lock;
    char *bytes;
    size_t size;
    if (snprintf(mended->damaged_path, FILE_PATH_SIZE, "%s.damaged", path) >= FILE_PATH_SIZE)
        return error_set(error, ERROR_INPUT, "%s: the path is too long", path);
    if (!file_exists(path))
        return error_set(error, ERROR_INPUT, "%s: there is no such journal", path);
    if (journal_lock_take(&lock, path, error) != 0)
        return -1;
    int result = file_read(path, SIZE_MAX, &bytes, &size, error);
    if (result == 0) {
        result = keep_beginning(path, (const uint8_t *)bytes, size, mended, error);
        free(bytes);
    }
    journal_lock_release(lock);
    return result;
}
