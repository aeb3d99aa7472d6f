#include "report/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 character at text, 0: there is none (RFC 3629, table 3-7 of Unicode). */
static size_t character_size(const unsigned char *text) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, and of the second */
        size_t size;
    } forms[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
                 {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                 {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    if (text[0] >= 0x20 && text[0] < 0x7F)
        return 1;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        if (text[0] < forms[f].first || text[0] > forms[f].last || text[1] < forms[f].low || text[1] > forms[f].high)
            continue;
        for (size_t i = 2; i < forms[f].size; i++)
            if ((text[i] & 0xC0) != 0x80)
                return 0;
        return forms[f].size;
    }
    return 0;
}

/* Characters that are well-formed and still no text of one line: C1 controls, line separators, and those that turn the
 * direction of what follows. */
static bool is_control(const unsigned char *text, size_t size) {
    if (size == 2)
        return text[0] == 0xC2 && text[1] < 0xA0;
    if (size != 3 || text[0] != 0xE2)
        return size == 3 && text[0] == 0xEF && text[1] == 0xBF && text[2] >= 0xBE; /* U+FFFE, U+FFFF: not in XML */
    return (text[1] == 0x80 && text[2] >= 0xA8 && text[2] <= 0xAE) ||
           (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9);
}

void text_clean(char *text, size_t size) {
    text[size - 1] = '\0';
    for (unsigned char *c = (unsigned char *)text; *c;) {
        const size_t length = character_size(c);
        if (length > 0 && !is_control(c, length)) {
            c += length;
            continue;
        }
        memset(c, '?', length > 0 ? length : 1);
    }
}

void text_html(FILE *out, const char *text) {
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*c, out);
        }
    }
}

void text_csv(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void text_gnuplot(FILE *out, const char *text) {
    fputc('\'', out);
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            fputc('\'', out);
        fputc(*c, out);
    }
    fputc('\'', out);
}

void text_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, "%.9g", value);
}

void text_cell(FILE *out, double value) {
    fputc(',', out);
    text_number(out, value);
}

void text_magnitude(FILE *out, double value) {
    static const char *const names[] = {"", "k", "M", "G", "T", "P", "E"};
    int power = 0;
    for (; value >= 999.5 && power < 6; power++)
        value /= 1000;
    fprintf(out, "%.3g%s", value, names[power]);
}

void text_base64(FILE *out, const unsigned char *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const unsigned second = i + 1 < size ? bytes[i + 1] : 0, third = i + 2 < size ? bytes[i + 2] : 0;
        const unsigned word = (unsigned)bytes[i] << 16 | second << 8 | third;
        fputc(digits[word >> 18], out);
        fputc(digits[word >> 12 & 63], out);
        fputc(i + 1 < size ? digits[word >> 6 & 63] : '=', out);
        fputc(i + 2 < size ? digits[word & 63] : '=', out);
    }
}
