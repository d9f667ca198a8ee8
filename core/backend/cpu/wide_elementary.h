/* exp, the logistic function and tanh of sixteen floats (wide.h). NaN stays NaN. */
#ifndef NL_BACKEND_CPU_WIDE_ELEMENTARY_H
#define NL_BACKEND_CPU_WIDE_ELEMENTARY_H

#include <limits.h>

#include "backend/cpu/wide.h"

/* exp(x) = power (1 + rest), power a power of 2, for |x| <= 87, by the polynomial of nl_exp (elementary.h). */
INLINE void wide_exp_parts(wide x, wide *power, wide *rest)
{
    typedef unsigned bits __attribute__((vector_size(sizeof(vec))));
    const wide magic =
        wide_set(12582912.0f); /* 1.5 2^23: adding it rounds to the nearest integer and leaves it in the low bits */
    wide rounded = wide_fused(x, wide_set(1.44269504f), magic), n = wide_sub(rounded, magic);
    wide r = wide_fused(n, wide_set(2.12194440e-4f), wide_fused(n, wide_set(-0.693359375f), x));
    wide sum = wide_fused(wide_set(1.9875691500e-4f), r, wide_set(1.3981999507e-3f));
    sum = wide_fused(sum, r, wide_set(8.3334519073e-3f));
    sum = wide_fused(sum, r, wide_set(4.1665795894e-2f));
    sum = wide_fused(sum, r, wide_set(1.6666665459e-1f));
    sum = wide_fused(sum, r, wide_set(5.0000001201e-1f));
    *rest = wide_fused(sum, wide_mul(r, r), r);
    FOR_PARTS power->part[p] = (vec)(((bits)rounded.part[p] + 127u) << 23);
}

/* 1 / (1 + exp(-x)) */
INLINE wide wide_sigmoid(wide x)
{
    const wide one = wide_set(1.0f), least = wide_set(-87.0f);
    wide minus = wide_larger(least, wide_sub(wide_set(0.0f), wide_larger(least, x))), power, rest;
    wide_exp_parts(minus, &power, &rest);
    return wide_div(one, wide_add(one, wide_fused(power, rest, power)));
}

/* A polynomial up to 0.625 (that of nl_tanh), then (1 - e) / (1 + e) of e = exp(-2 |x|), with the sign of x. */
INLINE wide wide_tanh(wide x)
{
    typedef int bits __attribute__((vector_size(sizeof(vec))));
    const wide one = wide_set(1.0f), square = wide_mul(x, x);
    wide small = wide_fused(wide_set(-5.70498872745e-3f), square, wide_set(2.06390887954e-2f)), minus, power, rest;
    small = wide_fused(small, square, wide_set(-5.37397155531e-2f));
    small = wide_fused(small, square, wide_set(1.33314422036e-1f));
    small = wide_fused(small, square, wide_set(-3.33332819422e-1f));
    small = wide_fused(wide_mul(small, square), x, x);
    FOR_PARTS minus.part[p] = (vec)((bits)x.part[p] | INT_MIN);
    minus = wide_larger(wide_set(-10.0f), minus);
    wide_exp_parts(wide_add(minus, minus), &power, &rest);
    wide e = wide_fused(power, rest, power), large = wide_div(wide_sub(one, e), wide_add(one, e));
    FOR_PARTS
    {
        bits is_large = minus.part[p] < broadcast(-0.625f), sign = (bits)x.part[p] & INT_MIN;
        small.part[p] = (vec)((is_large & ((bits)large.part[p] | sign)) | (~is_large & (bits)small.part[p]));
    }
    return small;
}

#endif
