/* Small allocations and growable text.
 *
 * Small allocations do not fail in a way a caller could mend: they stop the program with a message (as git's xmalloc),
 * or, in a thread that is inside of nl_memory_rescue, only what runs there. Large ones (arenas, data sets) use malloc
 * themselves and report an error.
 */
#ifndef NL_BASE_MEMORY_H
#define NL_BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

#include "base/error.h"

void *nl_alloc(size_t count, size_t size);                 /* zeroed; never NULL; free() it */
void *nl_alloc_aligned(size_t alignment, size_t bytes); /* bytes: a multiple of it; not zeroed; never NULL; free() it */
void *nl_realloc(void *old, size_t count, size_t size);    /* never NULL */
char *nl_strdup(const char *text);                         /* never NULL */
char *nl_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a new string; free() it */

/* What an allocation that fails does; for those of libraries, too, which do not say how many bytes it was: 0. */
_Noreturn void nl_out_of_memory(size_t bytes);

/* Calls body, and returns what it does. An allocation of this thread that fails inside leaves body at once: NL_FAIL.
 * What body holds then, memory too, it holds no more, but for what context leads to: that is the caller's to release.
 * So body may not allocate while it holds a lock. */
int nl_memory_rescue(int (*body)(void *context, struct nl_error *err), void *context, struct nl_error *err);

/* Makes room for one more item at the end of a growing array: items, count and capacity are the caller's. */
#define NL_GROW(items, count, capacity)                                                                  \
    do {                                                                                                 \
        if ((count) == (capacity)) {                                                                     \
            (items) = nl_realloc((items), (size_t)((capacity) ? 2 * (capacity) : 8), sizeof *(items));   \
            (capacity) = (capacity) ? 2 * (capacity) : 8; /* now that it is true */                      \
        }                                                                                                \
    } while (0)

/* Text that grows: {0} is the empty one. at is always terminated once something was added; free with
 * nl_text_release. */
struct nl_text {
    char *at;
    size_t length, capacity;
};

void nl_text_add(struct nl_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nl_text_vadd(struct nl_text *text, const char *format, va_list args);
void nl_text_add_bytes(struct nl_text *text, const char *bytes, size_t count);
void nl_text_release(struct nl_text *text);

/* "1 step", "2 steps", "0 batches": a count with its noun, which is given in the singular. For a %s of a format. */
#define NL_COUNT(count, noun) nl_count_text((long long)(count), noun, (char[96]){0})
const char *nl_count_text(long long count, const char *noun, char out[96]);
/* one where the count is 1, otherwise more: of verbs, "is" or "are". */
const char *nl_agree(double count, const char *one, const char *more);

/* strtod, but with a decimal point in every locale, as all text that is made here has it. */
double nl_double_read(const char *text, char **end);

/* The shortest decimal that reads back as the same value ("%.17g" at most); nan, inf,
 * -inf in small letters. Writes at most 32 bytes to out and returns it. */
char *nl_double_text(double value, char out[32]);

char *nl_bytes_text(double bytes, char out[32]); /* "12 MiB", "3.4 GiB"; of INFINITY, which stands for what the system
                                                    does not tell: "an unknown amount" */

#endif
