/* Text of strangers on its way into HTML, CSV and gnuplot. */
#ifndef SWEEP_REPORT_TEXT_H
#define SWEEP_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Makes one line of UTF-8 in place: every byte that is neither part of a well-formed character nor printable becomes
 * '?'. size: of the array, whose last byte becomes zero. */
void text_clean(char *text, size_t size);

/* Writes text as the content or the quoted attribute of an HTML element. */
void text_html(FILE *out, const char *text);

/* Writes a cell: in quotes when it holds a comma or a quote. */
void text_csv(FILE *out, const char *text);

/* Writes a gnuplot string in single quotes, in which gnuplot expands nothing. */
void text_gnuplot(FILE *out, const char *text);

/* Writes a number as a cell, empty when it is not finite; text_cell puts a comma before it. */
void text_number(FILE *out, double value);
void text_cell(FILE *out, double value);

/* Writes a number >= 0 as a person reads it: 8.39M. */
void text_magnitude(FILE *out, double value);

/* Writes bytes in base64. */
void text_base64(FILE *out, const unsigned char *bytes, size_t size);

#endif
