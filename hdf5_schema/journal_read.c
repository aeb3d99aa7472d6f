#include "base/file.h"
#include "hdf5_schema/journal.h"
#include "hdf5_schema/journal_format.h"
#include "hdf5_schema/schema.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A run began, or went on from a step, when so many rows of each thing had been told. */
struct run_begin {
    uint32_t run;
    uint64_t step;
    size_t curves, losses, seen;
};

struct reader {
    const char *path;
    const uint8_t *bytes;
    size_t size;
    struct study_data *data;
    struct run_begin *begins; /* [begin_count] */
    size_t begin_count;
    uint64_t *kept_steps; /* [run_count] */
    struct error *error;
};

void record_seal(uint8_t *record, enum record_kind kind, size_t payload_size) {
    schema_put(record + 8, payload_size, 4);
    schema_put(record + 12, kind, 2);
    schema_put(record + 14, 0, 2);
    schema_put(record, checksum64(record + 8, RECORD_HEADER_SIZE - 8 + payload_size), 8);
}

bool record_read(const uint8_t *bytes, size_t size, size_t offset, struct record *record) {
    if (size - offset < RECORD_HEADER_SIZE)
        return false;
    const uint8_t *header = bytes + offset;
    const size_t payload = (size_t)schema_get(header + 8, 4);
    if (payload > RECORD_SIZE_MAX || payload > size - offset - RECORD_HEADER_SIZE)
        return false;
    if (schema_get(header, 8) != checksum64(header + 8, RECORD_HEADER_SIZE - 8 + payload))
        return false;
    *record = (struct record){(unsigned)schema_get(header + 12, 4), header + RECORD_HEADER_SIZE, payload,
                              offset + RECORD_HEADER_SIZE + payload};
    return true;
}

void mark_make(uint64_t offset, uint8_t mark[MARK_SIZE]) {
    schema_put(mark + RECORD_HEADER_SIZE, offset, 8);
    record_seal(mark, RECORD_SYNCED, 8);
}

bool journal_synced_behind(const uint8_t *bytes, size_t size, size_t offset) {
    uint8_t wanted[MARK_SIZE];
    for (size_t at = offset + 1; at + sizeof wanted <= size; at++) {
        if (bytes[at + 8] != 8 || bytes[at + 12] != RECORD_SYNCED) /* its size and kind */
            continue;
        mark_make(at, wanted);
        if (memcmp(wanted, bytes + at, sizeof wanted) == 0)
            return true;
    }
    return false;
}

static int damaged(const struct reader *reader, size_t offset) {
    if (offset == JOURNAL_HEADER_SIZE)
        return error_set(reader->error, ERROR_INPUT,
                         "%s: damaged at byte %zu, before anything that could be kept; restore it from a copy",
                         reader->path, offset);
    return error_set(reader->error, ERROR_INPUT,
                     "%s: damaged at byte %zu; `sweep archive mend %s` keeps what stands before", reader->path, offset,
                     reader->path);
}

static int impossible(const struct reader *reader, const struct record *record, const char *what) {
    return error_set(reader->error, ERROR_INPUT, "%s: the record at byte %zu has %s; sweep never writes that",
                     reader->path, (size_t)(record->payload - reader->bytes) - RECORD_HEADER_SIZE, what);
}

static const struct table *rows_of(unsigned kind) {
    return &schema_tables[kind == RECORD_CURVES ? TABLE_CURVES : kind == RECORD_LOSSES ? TABLE_LOSSES : TABLE_TOKENS];
}

/* First pass: where the intact part ends, and how many rows it holds of everything. */
static int count_records(const struct reader *reader, struct study_data *counts, size_t *outcomes, size_t *intact) {
    size_t offset = JOURNAL_HEADER_SIZE;
    struct record record;
    for (; offset < reader->size && record_read(reader->bytes, reader->size, offset, &record); offset = record.end) {
        size_t *count = NULL;
        if ((record.kind == RECORD_STUDY) != (offset == JOURNAL_HEADER_SIZE))
            return impossible(reader, &record, "no study at the beginning, or a second one");
        switch (record.kind) {
        case RECORD_STUDY:
        case RECORD_SYNCED:
            break;
        case RECORD_OUTCOME:
            ++*outcomes;
            break;
        case RECORD_RUN:
            counts->run_count++;
            break;
        case RECORD_CURVES:
            count = &counts->curve_count;
            break;
        case RECORD_LOSSES:
            count = &counts->loss_count;
            break;
        case RECORD_SEEN:
            count = &counts->seen_count;
            break;
        default:
            return impossible(reader, &record, "an unknown kind");
        }
        if (count) {
            const size_t row_size = schema_row_size(rows_of(record.kind));
            if (record.size % row_size != 0)
                return impossible(reader, &record, "a size that is no number of rows");
            *count += record.size / row_size;
        }
    }
    /* The study was written whole before the journal had its name: no crash can have torn it. */
    if (offset == JOURNAL_HEADER_SIZE ||
        (offset < reader->size && journal_synced_behind(reader->bytes, reader->size, offset)))
        return damaged(reader, offset);
    *intact = offset;
    return 0;
}

static int allocate(struct reader *reader, const struct study_data *counts, size_t outcomes) {
    struct study_data *data = reader->data;
    data->runs = calloc(counts->run_count + 1, sizeof *data->runs);
    data->outcomes = calloc(counts->run_count + 1, sizeof *data->outcomes);
    data->curves = calloc(counts->curve_count + 1, sizeof *data->curves);
    data->losses = calloc(counts->loss_count + 1, sizeof *data->losses);
    data->seen = calloc(counts->seen_count + 1, sizeof *data->seen);
    reader->begins = calloc(outcomes + 1, sizeof *reader->begins);
    reader->kept_steps = calloc(counts->run_count + 1, sizeof *reader->kept_steps);
    if (!data->runs || !data->outcomes || !data->curves || !data->losses || !data->seen || !reader->begins ||
        !reader->kept_steps)
        return error_set(reader->error, ERROR_FAILED, "%s: no memory for what it holds", reader->path);
    return 0;
}

static int take_study(struct reader *reader, const struct record *record) {
    struct study_record *study = &reader->data->study;
    char **texts[] = {&study->name, &study->file, &study->settings, &study->version};
    size_t at = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t size = record->size - at >= 4 ? (size_t)schema_get(record->payload + at, 4) : SIZE_MAX;
        if (record->size - at < 4 || size > record->size - at - 4 || memchr(record->payload + at + 4, '\0', size))
            return impossible(reader, record, "a broken text");
        *texts[i] = strndup((const char *)record->payload + at + 4, size);
        if (!*texts[i])
            return error_set(reader->error, ERROR_FAILED, "%s: no memory", reader->path);
        at += 4 + size;
    }
    return at == record->size ? 0 : impossible(reader, record, "something behind its texts");
}

static int take_row(const struct reader *reader, const struct record *record, enum table_number number,
                    const uint8_t **bytes, void *row) {
    *bytes = schema_decode(&schema_tables[number], *bytes, row);
    return schema_impossible(&schema_tables[number], row) ? impossible(reader, record, "an impossible value") : 0;
}

static int take_run(struct reader *reader, const struct record *record) {
    struct study_data *data = reader->data;
    const size_t run_size = schema_row_size(&schema_tables[TABLE_RUNS]);
    const size_t language_size = schema_row_size(&schema_tables[TABLE_MIXTURES]);
    const size_t count = record->size < run_size ? 0 : (record->size - run_size) / language_size;
    if (count < 1 || count > LANGUAGES_MAX || record->size != run_size + count * language_size)
        return impossible(reader, record, "a mixture without languages or with too many");
    struct run_record *run = &data->runs[data->run_count];
    const uint8_t *bytes = record->payload;
    if (take_row(reader, record, TABLE_RUNS, &bytes, run) != 0)
        return -1;
    if (run->run != data->run_count)
        return impossible(reader, record, "a run out of order");
    data->outcomes[data->run_count].run = run->run;
    data->run_count++;
    run->languages = calloc(count, sizeof *run->languages);
    if (!run->languages)
        return error_set(reader->error, ERROR_FAILED, "%s: no memory", reader->path);
    run->language_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (take_row(reader, record, TABLE_MIXTURES, &bytes, &run->languages[i]) != 0)
            return -1;
    return 0;
}

static int take_outcome(struct reader *reader, const struct record *record) {
    struct study_data *data = reader->data;
    const size_t size =
        schema_row_size(&schema_tables[TABLE_EXECUTION]) + schema_row_size(&schema_tables[TABLE_OUTCOMES]);
    if (record->size != size)
        return impossible(reader, record, "a wrong size");
    struct run_outcome outcome = {0};
    const uint8_t *bytes = record->payload;
    if (take_row(reader, record, TABLE_EXECUTION, &bytes, &outcome) != 0 ||
        take_row(reader, record, TABLE_OUTCOMES, &bytes, &outcome) != 0)
        return -1;
    if (outcome.run >= data->run_count)
        return impossible(reader, record, "a run that is not planned");
    data->outcomes[outcome.run] = outcome;
    if (outcome.status == RUN_RUNNING)
        reader->begins[reader->begin_count++] =
            (struct run_begin){outcome.run, outcome.resumed, data->curve_count, data->loss_count, data->seen_count};
    return 0;
}

/* Rows of curves, losses or seen tokens; each begins with the number of its run. */
static int take_rows(struct reader *reader, const struct record *record, enum table_number number, void *rows,
                     size_t *count) {
    const uint8_t *bytes = record->payload;
    while (bytes < record->payload + record->size) {
        uint8_t *row = (uint8_t *)rows + *count * schema_tables[number].struct_size;
        uint32_t run;
        if (take_row(reader, record, number, &bytes, row) != 0)
            return -1;
        memcpy(&run, row, sizeof run);
        if (run >= reader->data->run_count)
            return impossible(reader, record, "a run that is not planned");
        ++*count;
    }
    return 0;
}

static int take_record(struct reader *reader, const struct record *record) {
    struct study_data *data = reader->data;
    switch (record->kind) {
    case RECORD_STUDY:
        return take_study(reader, record);
    case RECORD_RUN:
        return take_run(reader, record);
    case RECORD_OUTCOME:
        return take_outcome(reader, record);
    case RECORD_CURVES:
        return take_rows(reader, record, TABLE_CURVES, data->curves, &data->curve_count);
    case RECORD_LOSSES:
        return take_rows(reader, record, TABLE_LOSSES, data->losses, &data->loss_count);
    case RECORD_SEEN:
        return take_rows(reader, record, TABLE_TOKENS, data->seen, &data->seen_count);
    default:
        return 0;
    }
}

static uint64_t curve_step(const void *row) {
    return ((const struct curve_point *)row)->step;
}
static uint64_t loss_step(const void *row) {
    return ((const struct loss_point *)row)->step;
}
/* Told behind the last step. */
static uint64_t seen_step(const void *row) {
    (void)row;
    return UINT64_MAX;
}

/* Drops of rows, each beginning with the number of its run, those that a later begin of their run takes back: all that
 * are behind its step, and all if it is the first. told: where a begin counts such rows. Goes from the last to the
 * first. Returns how many are left. */
static size_t keep_rows(const struct reader *reader, void *rows, size_t count, size_t row_size, size_t told,
                        uint64_t (*step_of)(const void *row)) {
    uint8_t *bytes = rows, *first = bytes + count * row_size; /* of those kept, which gather at the end */
    size_t begin = reader->begin_count;
    for (size_t run = 0; run < reader->data->run_count; run++)
        reader->kept_steps[run] = UINT64_MAX;
    for (size_t i = count; i-- > 0;) {
        for (; begin > 0; begin--) {
            const struct run_begin *later = &reader->begins[begin - 1];
            size_t before;
            memcpy(&before, (const uint8_t *)later + told, sizeof before);
            if (before <= i)
                break;
            if (later->step < reader->kept_steps[later->run])
                reader->kept_steps[later->run] = later->step;
        }
        uint32_t run;
        memcpy(&run, bytes + i * row_size, sizeof run);
        const uint64_t kept_steps = reader->kept_steps[run];
        if (kept_steps > 0 && step_of(bytes + i * row_size) <= kept_steps) {
            first -= row_size;
            memmove(first, bytes + i * row_size, row_size);
        }
    }
    const size_t kept = (size_t)(bytes + count * row_size - first) / row_size;
    memmove(bytes, first, kept * row_size);
    return kept;
}

/* Drops what was taken back, and puts runs whose worker is gone back into the queue. */
static void keep_latest(struct reader *reader) {
    struct study_data *data = reader->data;
    data->curve_count = keep_rows(reader, data->curves, data->curve_count, sizeof *data->curves,
                                  offsetof(struct run_begin, curves), curve_step);
    data->loss_count = keep_rows(reader, data->losses, data->loss_count, sizeof *data->losses,
                                 offsetof(struct run_begin, losses), loss_step);
    data->seen_count = keep_rows(reader, data->seen, data->seen_count, sizeof *data->seen,
                                 offsetof(struct run_begin, seen), seen_step);
    for (size_t i = 0; i < data->run_count; i++)
        if (data->outcomes[i].status == RUN_RUNNING)
            data->outcomes[i].status = RUN_WAITING;
}

int journal_parse(const char *path, const uint8_t *bytes, size_t size, struct study_data *data, size_t *intact,
                  struct error *error) {
    *data = (struct study_data){0};
    if (size < JOURNAL_HEADER_SIZE || memcmp(bytes, JOURNAL_MAGIC, 8) != 0)
        return error_set(error, ERROR_INPUT, "%s: not a journal of sweep", path);
    if (schema_get(bytes + 8, 8) != JOURNAL_VERSION)
        return error_set(error, ERROR_INPUT, "%s: a journal of version %llu; this sweep reads version %d", path,
                         (unsigned long long)schema_get(bytes + 8, 8), JOURNAL_VERSION);
    struct reader reader = {.path = path, .bytes = bytes, .size = size, .data = data, .error = error};
    struct study_data counts = {0};
    size_t outcomes = 0;
    int result = count_records(&reader, &counts, &outcomes, intact);
    if (result == 0)
        result = allocate(&reader, &counts, outcomes);
    struct record record;
    for (size_t offset = JOURNAL_HEADER_SIZE; result == 0 && offset < *intact; offset = record.end) {
        (void)record_read(bytes, size, offset, &record); /* the first pass found it whole */
        result = take_record(&reader, &record);
    }
    if (result == 0) {
        keep_latest(&reader);
        study_data_sort(data);
    } else {
        study_data_free(data);
    }
    free(reader.begins);
    free(reader.kept_steps);
    return result;
}

int journal_read(const char *path, struct study_data *data, uint64_t *torn_bytes, struct error *error) {
    *data = (struct study_data){0};
    *torn_bytes = 0;
    char *bytes;
    size_t size, intact = 0;
    if (file_read(path, SIZE_MAX, &bytes, &size, error) != 0)
        return -1;
    const int result = journal_parse(path, (const uint8_t *)bytes, size, data, &intact, error);
    if (result == 0)
        *torn_bytes = size - intact;
    free(bytes);
    return result;
}
