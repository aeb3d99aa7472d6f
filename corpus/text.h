/* Documents out of text files, one after the other.
 *
 * .jsonl: MADLAD-400 layout, one JSON object a line, the document is the string "text".
 * .txt:   UTF-8; documents are separated by blank lines.
 * Either may be compressed: .gz or .zst behind its name.
 *
 * The text of a language lies in one file or in several: <language>.jsonl and the like, <language>-0000.jsonl and so
 * on with at least four digits, or else all text files of a folder <language>/. */
#ifndef SWEEP_CORPUS_TEXT_H
#define SWEEP_CORPUS_TEXT_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_reader;

/* Opens a file by its ending. */
int text_open(struct text_reader **reader, const char *path, struct error *error);

/* The next document: *text (zero-terminated, *size bytes, owned by the reader, valid until the next call). Returns 1
 * for a document, 0 at the end, -1 on a broken stream. Lines that are not JSON, have no "text" or are not UTF-8
 * are skipped and counted. */
int text_next(struct text_reader *reader, const char **text, size_t *size, struct error *error);

/* Broken lines skipped so far, and the number of the first of them (1-based; 0: none). */
uint64_t text_broken_lines(const struct text_reader *reader, uint64_t *first);

/* Whether a line is text: UTF-8 as the JSON reader takes it, and no zero byte. */
bool text_is_sound(const char *line, size_t size);

void text_close(struct text_reader *reader);

/* The text files of a language, in the order of their names; to be freed. */
struct text_files {
    uint32_t count;
    char (*paths)[FILE_PATH_SIZE];
};

/* Finds them in a folder. Fails when there are none, naming what was looked for, and when two differ in their endings
 * alone (en.jsonl, en.jsonl.gz), which are likely the same text. */
int text_find(struct text_files *files, const char *folder, const char *language, struct error *error);
void text_files_free(struct text_files *files);

#endif
