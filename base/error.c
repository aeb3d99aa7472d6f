#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_set_message(struct error *error, enum error_code code, const char *format, ...) {
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}

void error_set_message_errno(struct error *error, enum error_code code, const char *format, ...) {
    const int reason = errno;
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, format);
    error->code = reason == ENOSPC || reason == EDQUOT ? ERROR_NO_ROOM : code;
    const int written = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (written >= 0 && (size_t)written < sizeof error->message)
        snprintf(error->message + written, sizeof error->message - (size_t)written, ": %s", strerror(reason));
}
