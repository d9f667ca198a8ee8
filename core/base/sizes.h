/* Sizes that a file can name, which may be too large for any machine: a product or a sum that does not fit its type is
 * the largest number of the type. What comes out is compared with a limit, or asked of memory, and refused there. */
#ifndef NL_BASE_SIZES_H
#define NL_BASE_SIZES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t nl_size_times(size_t a, size_t b)
{
    size_t out;
    return __builtin_mul_overflow(a, b, &out) ? SIZE_MAX : out;
}

static inline size_t nl_size_plus(size_t a, size_t b)
{
    size_t out;
    return __builtin_add_overflow(a, b, &out) ? SIZE_MAX : out;
}

/* The next multiple of `to`, or the largest one. */
static inline size_t nl_size_up(size_t at, size_t to)
{
    return nl_size_plus(at, to - 1) / to * to;
}

/* a and b are not negative. */
static inline int nl_int_times(int a, int b)
{
    int out;
    return __builtin_mul_overflow(a, b, &out) ? INT_MAX : out;
}

#endif
