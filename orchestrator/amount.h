/* Numbers as people read them. */
#ifndef SWEEP_ORCHESTRATOR_AMOUNT_H
#define SWEEP_ORCHESTRATOR_AMOUNT_H

enum { AMOUNT_SIZE = 16 };

/* "1.02 M": three digits and a prefix, so that a unit may follow. Returns text. */
const char *amount(double value, char text[AMOUNT_SIZE]);

/* "2h03m", "4m10s", "12s". Returns text. */
const char *amount_seconds(double seconds, char text[AMOUNT_SIZE]);

#endif
