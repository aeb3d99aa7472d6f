/* Documents out of text files, one after the other.
 *
 * .jsonl and .jsonl.gz: MADLAD-400 layout, one JSON object a line, the document is the string "text".
 * .txt and .txt.gz: UTF-8; documents are separated by blank lines. */
#ifndef SWEEP_CORPUS_TEXT_H
#define SWEEP_CORPUS_TEXT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct text_reader;

/* Opens a file by its ending. */
int text_open(struct text_reader **reader, const char *path, struct error *error);

/* The next document: *text (zero-terminated, *size bytes, owned by the reader, valid until the next call). Returns 1
 * for a document, 0 at the end, -1 on a broken gzip stream. Lines that are not JSON, have no "text" or are not UTF-8
 * are skipped and counted. */
int text_next(struct text_reader *reader, const char **text, size_t *size, struct error *error);

/* Broken lines skipped so far, and the number of the first of them (1-based; 0: none). */
uint64_t text_broken_lines(const struct text_reader *reader, uint64_t *first);

void text_close(struct text_reader *reader);

/* Finds the text file of a language in a folder: <language>.jsonl, .jsonl.gz, .txt or .txt.gz, in this order. path has
 * FILE_PATH_SIZE bytes. Fails, naming what was looked for, when there is none. */
int text_find(char *path, const char *folder, const char *language, struct error *error);

#endif
