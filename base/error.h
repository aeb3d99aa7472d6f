/* The one error idiom: a function that can fail returns 0 or -1 and fills a `struct error`.
 *
 *   static int shard_check(const char *path, struct error *error) {
 *       if (bad) return error_set(error, ERROR_INPUT, "%s: not a shard; make it with `sweep corpus encode`", path);
 *       return 0;
 *   }
 *
 * The message is one line without the leading "sweep: ", says what is wrong and, behind a semicolon, what would be
 * right. Callers own the struct; passing NULL is allowed where the reason is of no interest. */
#ifndef SWEEP_BASE_ERROR_H
#define SWEEP_BASE_ERROR_H

enum error_code {
    ERROR_NONE = 0,
    ERROR_FAILED = 1, /* the work failed or something is missing; exit status 1 */
    ERROR_INPUT = 2,  /* command line, study file or input is wrong; exit status 2 */
    ERROR_NO_ROOM,    /* a disk or a quota is full: the same may work later; exit status 1 */
};

struct error {
    enum error_code code;
    char message[1024];
};

/* Sets code and message (printf style, cut at the size of the buffer); is -1, so that it can be returned.
 * error_set_errno puts ": <reason of errno>" behind the message, and makes a full disk ERROR_NO_ROOM. Macros, so that
 * static analysers see that they are never 0. */
#define error_set(...)       (error_set_message(__VA_ARGS__), error_minus_one())
#define error_set_errno(...) (error_set_message_errno(__VA_ARGS__), error_minus_one())

void error_set_message(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void error_set_message_errno(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline int error_minus_one(void) {
    return -1;
}

#endif
