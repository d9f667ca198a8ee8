/* Allocates, or stops with a message; and the growable text, which all others write into. */
#include "base/memory.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL = 63 }; /* bytes of a text: it is formatted twice only if it is longer */

/* Where the thread goes on when memory is short; NULL: nowhere. */
struct rescue {
    jmp_buf place;
    locale_t locale;
    struct nl_error *err;
};
static _Thread_local struct rescue *rescue;

void nl_out_of_memory(size_t bytes)
{
    char size[64] = "";
    if (bytes)
        snprintf(size, sizeof size, ": %zu bytes asked for", bytes);
    if (rescue) {
        nl_fail(rescue->err, "out of memory%s", size);
        longjmp(rescue->place, 1);
    }
    fprintf(stderr, "normlab: out of memory%s\n", size);
    exit(1);
}

int nl_memory_rescue(int (*body)(void *context, struct nl_error *err), void *context, struct nl_error *err)
{
    struct rescue here = {.locale = uselocale((locale_t)0), .err = err}, *before = rescue;
    volatile int status = NL_FAIL; /* unless body returns */
    rescue = &here;
    if (setjmp(here.place) == 0)
        status = body(context, err);
    else
        uselocale(here.locale);
    rescue = before;
    return status;
}

void *nl_alloc(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block)
        nl_out_of_memory(count * size);
    return block;
}

void *nl_alloc_aligned(size_t alignment, size_t bytes)
{
    void *block = aligned_alloc(alignment, bytes);
    if (!block)
        nl_out_of_memory(bytes);
    return block;
}

void *nl_realloc(void *old, size_t count, size_t size)
{
    void *block = realloc(old, count * size);
    if (!block)
        nl_out_of_memory(count * size);
    return block;
}

char *nl_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(nl_alloc(bytes, 1), text, bytes);
}

char *nl_format(const char *format, ...)
{
    struct nl_text text = {0};
    va_list args;
    va_start(args, format);
    nl_text_vadd(&text, format, args);
    va_end(args);
    return text.at;
}

/* Room for so many bytes more, and the zero byte. */
static void reserve(struct nl_text *text, size_t bytes)
{
    size_t room = text->length + bytes + 1;
    if (room > text->capacity) {
        size_t capacity = room > 2 * text->capacity ? room : 2 * text->capacity;
        text->at = nl_realloc(text->at, capacity, 1);
        text->capacity = capacity;
    }
}

/* ---- a point before the decimals, whatever the locale of the program that uses the library ---- */

static locale_t plain;

static void make_plain(void)
{
    plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
}

/* For this thread, until what it returns is given back. */
static locale_t begin_plain(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_plain);
    return uselocale(plain);
}

static void end_plain(locale_t before)
{
    uselocale(before);
}

double nl_double_read(const char *text, char **end)
{
    locale_t before = begin_plain();
    double value = strtod(text, end);
    end_plain(before);
    return value;
}

void nl_text_vadd(struct nl_text *text, const char *format, va_list args)
{
    locale_t before = begin_plain();
    va_list again;
    va_copy(again, args);
    reserve(text, text->at ? 0 : USUAL);
    size_t room = text->capacity - text->length;
    size_t needed = (size_t)vsnprintf(text->at + text->length, room, format, args);
    if (needed >= room) {
        reserve(text, needed);
        vsnprintf(text->at + text->length, needed + 1, format, again);
    }
    va_end(again);
    end_plain(before);
    text->length += needed;
}

void nl_text_add(struct nl_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nl_text_vadd(text, format, args);
    va_end(args);
}

void nl_text_add_bytes(struct nl_text *text, const char *bytes, size_t count)
{
    reserve(text, count);
    if (count) /* bytes may be NULL then */
        memcpy(text->at + text->length, bytes, count);
    text->length += count;
    text->at[text->length] = '\0';
}

void nl_text_release(struct nl_text *text)
{
    free(text->at);
    *text = (struct nl_text){0};
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), of_end = strlen(end);
    return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

const char *nl_count_text(long long count, const char *noun, char out[96])
{
    bool hisses = ends_with(noun, "s") || ends_with(noun, "x") || ends_with(noun, "sh") || ends_with(noun, "ch");
    snprintf(out, 96, "%lld %s%s", count, noun, count == 1 ? "" : hisses ? "es" : "s");
    return out;
}

const char *nl_agree(double count, const char *one, const char *more)
{
    return count == 1.0 ? one : more;
}

/* Significant digits of "-1.2345000e-05". */
static int significant_digits(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text != 'e'; text++)
        if (*text >= '0' && *text <= '9') {
            digits++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    return digits - zeros;
}

char *nl_double_text(double value, char out[32])
{
    if (isnan(value))
        return strcpy(out, "nan");
    if (isinf(value))
        return strcpy(out, value < 0 ? "-inf" : "inf");
    /* A decimal of up to 15 digits that reads back as value is the beginning of its 15 digits, so that none need be
     * searched for. %g leaves out its zeros at the end; from a million on those before the point, too, if they are more
     * than six digits. */
    locale_t before = begin_plain();
    bool small = fabs(value) < 1e6;
    snprintf(out, 32, small ? "%.15g" : "%.14e", value);
    bool reads_back = strtod(out, NULL) == value;
    if (reads_back && !small) {
        int digits = significant_digits(out);
        snprintf(out, 32, "%.*g", digits < 6 ? 6 : digits, value);
    }
    if (!reads_back)
        snprintf(out, 32, "%.16g", value);
    if (!reads_back && strtod(out, NULL) != value)
        snprintf(out, 32, "%.17g", value);
    end_plain(before);
    return out;
}

char *nl_bytes_text(double bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    if (isinf(bytes))
        snprintf(out, 32, "an unknown amount");
    else
        snprintf(out, 32, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}
