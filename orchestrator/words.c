#include "orchestrator/words.h"

#include <string.h>

size_t words_distance(const char *a, const char *b) {
    size_t row[64];
    const size_t length = strlen(b);
    if (length >= sizeof row / sizeof *row)
        return length;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            const size_t substituted = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            const size_t gap = (row[j] < diagonal ? row[j] : diagonal) + 1;
            row[j + 1] = substituted < gap ? substituted : gap;
        }
    }
    return row[length];
}
