#include "orchestrator/file_kind.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0;
}

/* run-000007.safetensors, and what lies beside it: .before, .step-100 */
static bool is_checkpoint_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return strstr(slash ? slash : path, ".safetensors") != NULL;
}

int file_kind_find(const char *path, enum file_kind *kind, struct error *error) {
    char magic[8] = "";
    FILE *file = fopen(path, "rbe");
    if (!file)
        return error_set_errno(error, ERROR_INPUT, "%s: cannot be read", path);
    const bool whole = fread(magic, 1, sizeof magic, file) == sizeof magic;
    const bool failed = ferror(file) != 0; /* a folder */
    fclose(file);
    if (failed)
        return error_set(error, ERROR_INPUT, "%s: cannot be read; it is no file", path);
    if (whole && memcmp(magic, ARCHIVE_MAGIC, sizeof magic) == 0)
        *kind = FILE_KIND_ARCHIVE;
    else if (whole && memcmp(magic, JOURNAL_MAGIC, sizeof magic) == 0)
        *kind = FILE_KIND_JOURNAL;
    else if (whole && memcmp(magic, "SWEEPTOK", sizeof magic) == 0)
        *kind = FILE_KIND_SHARD;
    else if (ends_with(path, ".yaml") || ends_with(path, ".yml"))
        *kind = FILE_KIND_STUDY;
    else if (ends_with(path, ".model"))
        *kind = FILE_KIND_VOCABULARY;
    else if (is_checkpoint_name(path))
        *kind = FILE_KIND_CHECKPOINT;
    else
        *kind = FILE_KIND_UNKNOWN;
    return 0;
}
