/* Parts: the encoded documents of one text file, <language>.<name of the text file>.part, from which encode.h makes the
 * shards of a language. A part depends on its text file and the vocabulary alone, so what was encoded before an
 * interruption is used again, and the files of a language may be encoded by different processes.
 *
 *   struct part_header, then for each document struct part_document and its tokens [tokens] u16, the end piece last
 */
#ifndef SWEEP_CORPUS_PART_H
#define SWEEP_CORPUS_PART_H

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "corpus/vocabulary.h"

#include <stdint.h>
#include <stdio.h>

struct part_header {
    char magic[8];                      /* "SWEEPART" */
    char vocabulary[IDENTITY_SIZE + 7]; /* identity of the vocabulary */
    char text[IDENTITY_SIZE + 7];       /* identity of the text file */
    uint64_t size;                      /* bytes of the part */
    uint64_t document_count;
    uint64_t broken_lines; /* of the text file, which could not be read, and the number of the first; 0: none */
    uint64_t first_broken_line;
    uint64_t header_checksum; /* checksum64 of the fields above */
};

struct part_document {
    uint64_t hash; /* checksum64 of the text */
    uint64_t tokens;
    uint64_t bytes;
};

/* <folder>/<language>.<name of text_path>.part */
int part_path(char path[FILE_PATH_SIZE], const char *folder, const char *language, const char *text_path,
              struct error *error);

/* Encodes a text file into a part, whole or not at all, unless the part of that text and vocabulary is there. Memory
 * does not grow with the file, but with its longest document. */
int part_make(const char *path, const char *text_path, const struct vocabulary *vocabulary, struct part_header *header,
              struct error *error);

/* A part that is read from its begin to its end. */
struct part_reader {
    struct part_header header;
    char path[FILE_PATH_SIZE];
    FILE *file;
    uint16_t *tokens; /* of the document read last */
    size_t room;
};

int part_open(struct part_reader *part, const char *path, struct error *error);

/* Reads the next of its document_count documents. */
int part_next(struct part_reader *part, struct part_document *document, struct error *error);

/* Also for a part that is all zero. */
void part_close(struct part_reader *part);

#endif
