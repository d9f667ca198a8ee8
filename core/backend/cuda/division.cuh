/* Divisions of numbers below 2^31 by one that the launch knows: a multiplication and a shift. The device's own division
 * takes some twenty instructions.
 *
 * With l = ceil(log2 d), m = floor(2^(31 + l) / d) + 1 and n < 2^31, floor(n / d) is floor(n m / 2^(31 + l)), and m has
 * 32 bits (Granlund and Montgomery 1994, theorem 4.2). */
#ifndef NL_BACKEND_CUDA_DIVISION_CUH
#define NL_BACKEND_CUDA_DIVISION_CUH

#include "backend/cuda/cuda.h"

struct nl_divisor {
    unsigned by, multiplier, shift; /* shift: l */
};

/* by: from 1 to 2^31 - 1 */
static inline struct nl_divisor nl_divisor_of(int by)
{
    struct nl_divisor d = {(unsigned)by, 0, 0};
    while (1u << d.shift < d.by)
        d.shift++;
    d.multiplier = (unsigned)(((uint64_t)1 << (31 + d.shift)) / d.by + 1);
    return d;
}

struct nl_division {
    unsigned quotient, rest;
};

static __device__ inline struct nl_division nl_divide(unsigned n, const struct nl_divisor &d)
{
    unsigned quotient = (unsigned)((uint64_t)(2 * n) * d.multiplier >> 32) >> d.shift;
    return {quotient, n - quotient * d.by};
}

#endif
