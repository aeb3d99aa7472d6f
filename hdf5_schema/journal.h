/* The journal: the truth of a study while it runs, an append-only file of checksummed records.
 *
 *   "SWEEPJNL" version
 *   record: size u32, kind u16, 0 u16, checksum64 of kind, size and payload, payload   (little-endian)
 *   ...
 *
 * A record that was appended and synced survives any crash. A torn tail (the last record incomplete) is cut and said;
 * damage before the end is refused with the offset. What a run told before a later attempt of it began is dropped on
 * reading, so no point is ever there twice. */
#ifndef SWEEP_HDF5_SCHEMA_JOURNAL_H
#define SWEEP_HDF5_SCHEMA_JOURNAL_H

#include "base/error.h"
#include "hdf5_schema/study_record.h"

#include <stdint.h>

struct journal;

/* Makes a new journal (fails when the file exists), or opens one to append to: reads all of it into *data (to be freed
 * by study_data_free), cuts a torn tail (*torn_bytes tells its size, 0: none). One writer at a time: the file is
 * locked, a second one fails with the host and process id of the first. */
int journal_create(struct journal **journal, const char *path, const struct study_record *study, struct error *error);
int journal_open(struct journal **journal, const char *path, struct study_data *data, uint64_t *torn_bytes,
                 struct error *error);

/* Reads a journal without writing to it (a torn tail is skipped and told). */
int journal_read(const char *path, struct study_data *data, uint64_t *torn_bytes, struct error *error);

/* Append. Buffered until journal_sync; an error is sticky and every later call fails with it. */
int journal_add_run(struct journal *journal, const struct run_record *run, struct error *error);
int journal_add_outcome(struct journal *journal, const struct run_outcome *outcome, struct error *error);
int journal_add_curve(struct journal *journal, const struct curve_point *points, uint32_t count, struct error *error);
int journal_add_losses(struct journal *journal, const struct loss_point *points, uint32_t count, struct error *error);
int journal_add_seen(struct journal *journal, const struct language_tokens *seen, uint32_t count, struct error *error);

/* Writes and fsyncs what was appended. */
int journal_sync(struct journal *journal, struct error *error);

/* Syncs and closes; NULL is allowed. */
int journal_close(struct journal *journal, struct error *error);

#endif
