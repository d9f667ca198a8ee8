/* The greatest common divisor (Euclid's Elements, VII, 2); that of a and 0 is a. */
#ifndef NL_BASE_DIVISOR_H
#define NL_BASE_DIVISOR_H

#include <stddef.h>

static inline size_t nl_greatest_divisor(size_t a, size_t b)
{
    return b ? nl_greatest_divisor(b, a % b) : a;
}

#endif
