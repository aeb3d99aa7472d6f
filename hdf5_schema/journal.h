/* The journal: the truth of a study while it runs, an append-only file of checksummed records.
 *
 *   "SWEEPJNL"  version u32  0 u32                                         little-endian, as all that follows
 *   record: checksum64 of the rest u64  size of payload u32  kind u16  0 u16  payload
 *   ...
 *
 *   study     four texts, each its size u32 and its bytes: name, file, settings, version; the first record, only once
 *   run       a row of /runs, then a row of /mixtures for each language; runs come in the order 0, 1, 2, ...
 *   outcome   a row of /execution, then status u32 and cause
 *   curves, losses, seen    rows
 *   synced    its own offset u64, written after each fsync: what stands before it is known to be on disk
 *
 * A row is the columns of a table of schema.c, one behind the other.
 *
 * A record that was appended and synced survives any crash. What a crash leaves behind the last sync, a torn record or
 * pages that never reached the disk, is a tail to be cut and said. Damage with a synced record behind it was once whole
 * on disk: it is refused with its offset, as nobody knows what else is gone; journal_mend cuts there when a user asks.
 *
 * An outcome with status RUN_RUNNING begins an attempt, or continues one: what the run told before of steps behind the
 * one that it was resumed from is dropped on reading, so no point is ever there twice. A run that was running when the
 * journal ended has lost its worker: it is read as RUN_WAITING, its attempt and what the attempt told are kept. */
#ifndef SWEEP_HDF5_SCHEMA_JOURNAL_H
#define SWEEP_HDF5_SCHEMA_JOURNAL_H

#include "base/error.h"
#include "base/file.h"
#include "hdf5_schema/study_record.h"

#include <stdbool.h>
#include <stdint.h>

enum { JOURNAL_VERSION = 3 };

#define JOURNAL_MAGIC "SWEEPJNL" /* its first 8 bytes */

struct journal;

/* Makes a new journal, the study synced (fails when the file exists), or opens one to append to: reads all of it into
 * *data (to be freed by study_data_free), cuts a torn tail (*torn_bytes tells its size, 0: none). One writer at a time:
 * the file is locked, a second one fails with the host and process id of the first. Nothing is left in *data on
 * failure. A lock of another host is first watched for JOURNAL_WATCH_SECONDS, as its owner may be gone. */
enum { JOURNAL_WATCH_SECONDS = 15 };
int journal_create(struct journal **journal, const char *path, const struct study_record *study, struct error *error);
int journal_open(struct journal **journal, const char *path, struct study_data *data, uint64_t *torn_bytes,
                 struct error *error);

/* Is there a lock of another host, which journal_open would watch? owner: "process 17 on host north". */
bool journal_locked_elsewhere(const char *path, char *owner, size_t size);

/* Whose lock is there, if any? silence: seconds since its owner counted last, by the clocks of both hosts. */
bool journal_owner(const char *path, char *owner, size_t size, double *silence);

/* Reads a journal without writing to it (a torn tail is skipped and told). */
int journal_read(const char *path, struct study_data *data, uint64_t *torn_bytes, struct error *error);

/* What journal_mend kept and lost. */
struct journal_mended {
    size_t kept_records, kept_bytes;
    size_t lost_records, lost_bytes; /* behind the damage; records that are whole in themselves */
    size_t lost_runs;                /* of these records, those that told the end of a run; it is trained again */
    char damaged_path[FILE_PATH_SIZE];
};

/* Cuts a journal that is damaged in its middle in front of the damage. The damaged file stays as <path>.damaged; fails
 * when something has that name, when the journal is sound, or when it has a writer. */
int journal_mend(const char *path, struct journal_mended *mended, struct error *error);

/* Append. Buffered until journal_sync; an error is sticky and every later call fails with it, but ERROR_NO_ROOM, which
 * only journal_sync gives, is not: what was appended waits in memory for the next sync. Runs are added in the order of
 * their numbers, and before anything that names them. */
int journal_add_run(struct journal *journal, const struct run_record *run, struct error *error);
int journal_add_outcome(struct journal *journal, const struct run_outcome *outcome, struct error *error);
int journal_add_curve(struct journal *journal, const struct curve_point *points, uint32_t count, struct error *error);
int journal_add_losses(struct journal *journal, const struct loss_point *points, uint32_t count, struct error *error);
int journal_add_seen(struct journal *journal, const struct language_tokens *seen, uint32_t count, struct error *error);

/* Writes and fsyncs what was appended. */
int journal_sync(struct journal *journal, struct error *error);

/* Syncs and closes, also when the sync fails; NULL is allowed. */
int journal_close(struct journal *journal, struct error *error);

#endif
