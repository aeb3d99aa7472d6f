#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_message(struct error *error, enum error_code code, const char *format, va_list arguments) {
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

int error_set(struct error *error, enum error_code code, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        set_message(error, code, format, arguments);
        va_end(arguments);
    }
    return -1;
}

int error_set_errno(struct error *error, enum error_code code, const char *format, ...) {
    const int reason = errno;
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        set_message(error, code, format, arguments);
        va_end(arguments);
        const size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(reason));
    }
    return -1;
}
