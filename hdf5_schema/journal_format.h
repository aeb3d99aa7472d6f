/* What the writer and the reader of a journal share; the format is described in journal.h. */
#ifndef SWEEP_HDF5_SCHEMA_JOURNAL_FORMAT_H
#define SWEEP_HDF5_SCHEMA_JOURNAL_FORMAT_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_HEADER_SIZE = 16,
    RECORD_HEADER_SIZE = 16,
    RECORD_SIZE_MAX = 1 << 24, /* of a payload */
};

enum record_kind {
    RECORD_STUDY = 1,
    RECORD_RUN,
    RECORD_OUTCOME,
    RECORD_CURVES,
    RECORD_LOSSES,
    RECORD_SEEN,
    RECORD_SYNCED,
};

/* A record in the bytes of a journal. */
struct record {
    unsigned kind;
    const uint8_t *payload;
    size_t size, end; /* bytes of the payload; offset behind the record */
};

/* The record at offset < size; false: there is none that is whole and has its checksum. */
bool record_read(const uint8_t *bytes, size_t size, size_t offset, struct record *record);

/* Fills the header of a record whose payload stands behind it already. */
void record_seal(uint8_t *record, enum record_kind kind, size_t payload_size);

/* The mark that says that all before offset is on disk. It holds its own offset, so that data of the user cannot be
 * taken for one. */
enum { MARK_SIZE = RECORD_HEADER_SIZE + 8 };
void mark_make(uint64_t offset, uint8_t mark[MARK_SIZE]);

/* Is anything behind offset known to have been synced? Then what is broken there was once whole on disk. */
bool journal_synced_behind(const uint8_t *bytes, size_t size, size_t offset);

/* Reads the size bytes of a journal into *data. *intact tells where the tail begins that a crash tore, size when there
 * is none. */
int journal_parse(const char *path, const uint8_t *bytes, size_t size, struct study_data *data, size_t *intact,
                  struct error *error);

#endif
