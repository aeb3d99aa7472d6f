#include "orchestrator/amount.h"

#include <stdio.h>

const char *amount(double value, char text[AMOUNT_SIZE]) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    size_t p = 0;
    while (value >= 999.5 && p + 1 < sizeof prefixes / sizeof *prefixes) {
        value /= 1000;
        p++;
    }
    snprintf(text, AMOUNT_SIZE, "%.3g%s%s", value, p ? " " : "", prefixes[p]);
    return text;
}

const char *amount_seconds(double seconds, char text[AMOUNT_SIZE]) {
    const unsigned whole = seconds > 0 ? seconds < 1e8 ? (unsigned)(seconds + 0.5) : 100000000 : 0;
    if (whole >= 3600)
        snprintf(text, AMOUNT_SIZE, "%uh%02um", whole / 3600, whole / 60 % 60);
    else if (whole >= 60)
        snprintf(text, AMOUNT_SIZE, "%um%02us", whole / 60, whole % 60);
    else
        snprintf(text, AMOUNT_SIZE, "%us", whole);
    return text;
}
