#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr, "normlab: out of memory: %zu bytes asked for\n", bytes);
    exit(1);
}

void *nl_alloc(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block)
        out_of_memory(count * size);
    return block;
}

void *nl_realloc(void *old, size_t count, size_t size)
{
    void *block = realloc(old, count * size);
    if (!block)
        out_of_memory(count * size);
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

void nl_text_vadd(struct nl_text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t room = text->length + (size_t)needed + 1;
    if (room > text->capacity) {
        text->capacity = room > 2 * text->capacity ? room : 2 * text->capacity;
        text->at = nl_realloc(text->at, text->capacity, 1);
    }
    vsnprintf(text->at + text->length, (size_t)needed + 1, format, args);
    text->length += (size_t)needed;
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
    size_t room = text->length + count + 1;
    if (room > text->capacity) {
        text->capacity = room > 2 * text->capacity ? room : 2 * text->capacity;
        text->at = nl_realloc(text->at, text->capacity, 1);
    }
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

char *nl_double_text(double value, char out[32])
{
    if (isnan(value))
        return strcpy(out, "nan");
    if (isinf(value))
        return strcpy(out, value < 0 ? "-inf" : "inf");
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}

char *nl_bytes_text(double bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    snprintf(out, 32, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}
