/* Formats the message of an error. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(struct nl_error *err, const char *format, va_list args)
{
    if (err)
        vsnprintf(err->text, sizeof err->text, format, args);
}

int nl_fail(struct nl_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(err, format, args);
    va_end(args);
    return NL_FAIL;
}

int nl_bad(struct nl_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(err, format, args);
    va_end(args);
    return NL_BAD;
}

int nl_fail_errno(struct nl_error *err, const char *format, ...)
{
    int saved = errno;
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(saved));
    }
    return NL_FAIL;
}

int nl_fail_in(struct nl_error *err, const char *format, ...)
{
    if (err) {
        char inner[sizeof err->text];
        memcpy(inner, err->text, sizeof inner);
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", inner);
    }
    return NL_FAIL;
}

static _Noreturn void stop(const char *file, int line, const char *what, const char *format, va_list args)
{
    fprintf(stderr, "normlab: bug at %s:%d: %s", file, line, what);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    abort();
}

void nl_bug_at(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    stop(file, line, "", format, args);
}

int nl_found_at(const char *file, int line, int index, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (index < 0)
        stop(file, line, "there is no such thing as ", format, args);
    va_end(args);
    return index;
}
