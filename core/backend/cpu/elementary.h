/* exp, the logistic function, tanh, erf and the normal distribution in float (log in double is base/elementary.h's).
 * Loops over them vectorize, and their bits are the same on every processor (the C library's depend on whether there is
 * FMA). Polynomials: Moshier's Cephes (expf.c); for tanh and erf the quotients of Eigen. A slope is the derivative,
 * which costs little beside the value. NaN stays NaN. */
#ifndef NL_BACKEND_CPU_ELEMENTARY_H
#define NL_BACKEND_CPU_ELEMENTARY_H

#include <stdint.h>

#include "backend/cpu/lanes.h"
#include "base/elementary.h"

/* 2^n exp(r) for |r| <= ln 2 / 2; only the lowest 8 bits of n + 127 count, which must be those of a normal float. */
NL_INLINE float nl_exp_times(float r, uint32_t n)
{
    union {
        uint32_t bits;
        float real;
    } power = {(n + 127u) << 23};
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * (r * r) + r) + 1.0f;
    return p * power.real;
}

/* exp(x) to 2 ulp; x is held within what a normal float can be: exp(-inf) is 1e-38, exp(inf) is 2e38. */
NL_INLINE float nl_exp(float x)
{
    x = x > 88.3f ? 88.3f : x;
    x = x < -87.3f ? -87.3f : x;
    /* x = n ln 2 + r. Adding 1.5 2^23 rounds to the nearest integer and leaves it in the low bits. */
    union {
        float real;
        uint32_t bits;
    } rounded = {x * 1.44269504f + 12582912.0f};
    float n = rounded.real - 12582912.0f;
    return nl_exp_times((x - n * 0.693359375f) + n * 2.12194440e-4f, rounded.bits);
}

/* x^exponent to 2 ulp for x >= 0, held between 2^-126 and 2^127; 0 where x is 0. Choices are between integers: those
 * between doubles would become branches. */
NL_INLINE float nl_pow(double x, double exponent)
{
    double log = nl_log(x) * exponent;
    union {
        double real;
        uint64_t bits;
    } rounded = {log * 1.44269504088896341 + 0x1.8p52};
    int32_t n = (int32_t)rounded.bits;
    n = n > 126 ? 126 : n;
    n = n < -126 ? -126 : n;
    union {
        float real;
        uint32_t bits;
    } power = {nl_exp_times((float)(log - (rounded.real - 0x1.8p52) * 0.693147180559945309), (uint32_t)n)};
    power.bits &= x == 0 ? 0u : ~0u;
    return power.real;
}

/* exp(x) for x <= 88 to 2 ulp, by fused multiply-adds, in less time than nl_exp, which losses keep for their bits.
 * exp(-inf) is 1e-38. */
NL_INLINE float nl_exp_fused(float x)
{
    x = x < -87.3f ? -87.3f : x;
    union {
        float real;
        uint32_t bits;
    } rounded = {__builtin_fmaf(x, 1.44269504f, 12582912.0f)}, power = {.bits = (rounded.bits + 127u) << 23};
    float n = rounded.real - 12582912.0f, r = __builtin_fmaf(n, 2.12194440e-4f, __builtin_fmaf(n, -0.693359375f, x));
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, r, 1.3981999507e-3f);
    p = __builtin_fmaf(p, r, 8.3334519073e-3f);
    p = __builtin_fmaf(p, r, 4.1665795894e-2f);
    p = __builtin_fmaf(p, r, 1.6666665459e-1f);
    p = __builtin_fmaf(p, r, 5.0000001201e-1f);
    return (__builtin_fmaf(p, r * r, r) + 1.0f) * power.real;
}

/* A function of x that says its slope, too. */
typedef float nl_with_slope(float x, float *slope);

/* The logistic function and its slope. With e = exp(-|x|) both keep their digits at either end. */
NL_INLINE float nl_sigmoid(float x, float *slope)
{
    float e = nl_exp_fused(x < 0 ? x : -x), d = 1.0f / (1.0f + e), ed = e * d;
    *slope = ed * d;
    return x < 0 ? ed : d;
}

/* tanh(x) to 5 ulp, a quotient of polynomials, which is 1 to float's last digit at 7.9; and its slope, 4 e / (1 + e)^2
 * of e = exp(-2 |x|), which keeps its digits where tanh is near one. */
NL_INLINE float nl_tanh(float x, float *slope)
{
    float e = nl_exp_fused(-2.0f * (x < 0 ? -x : x)), d = 1.0f / (1.0f + e);
    *slope = 4.0f * (e * d) * d;
    x = x > 7.90531111f ? 7.90531111f : x;
    x = x < -7.90531111f ? -7.90531111f : x;
    float z = x * x;
    float p = -2.76076847742355e-16f;
    p = __builtin_fmaf(p, z, 2.00018790482477e-13f);
    p = __builtin_fmaf(p, z, -8.60467152213735e-11f);
    p = __builtin_fmaf(p, z, 5.12229709037114e-08f);
    p = __builtin_fmaf(p, z, 1.48572235717979e-05f);
    p = __builtin_fmaf(p, z, 6.37261928875436e-04f);
    p = __builtin_fmaf(p, z, 4.89352455891786e-03f);
    float q = 1.19825839466702e-06f;
    q = __builtin_fmaf(q, z, 1.18534705686654e-04f);
    q = __builtin_fmaf(q, z, 2.26843463243900e-03f);
    q = __builtin_fmaf(q, z, 4.89352518554385e-03f);
    return x * p / q;
}

/* The distribution function of the standard normal, to 3e-7 of its smaller tail, and its density, likewise. With t = 1
 * / (1 + 0.3 |x|) the tail is the exponential of -x^2 / 2 times a polynomial in t, fitted so that its largest relative
 * error, 1.2e-7, is least. */
NL_INLINE float nl_normal_cdf(float x, float *density)
{
    float size = x < 0 ? -x : x, t = 1.0f / __builtin_fmaf(0.3f, size, 1.0f), e = nl_exp_fused(-0.5f * (x * x));
    float p = 3.608884003e-02f;
    p = __builtin_fmaf(p, t, -1.589337384e-01f);
    p = __builtin_fmaf(p, t, 2.093464099e-01f);
    p = __builtin_fmaf(p, t, -5.645011982e-02f);
    p = __builtin_fmaf(p, t, 1.300326343e-01f);
    p = __builtin_fmaf(p, t, 9.946505787e-02f);
    p = __builtin_fmaf(p, t, 1.208263158e-01f);
    p = __builtin_fmaf(p, t, 1.196245408e-01f);
    float tail = p * t * e;
    *density = 0.39894228f * e;
    return x < 0 ? tail : 1.0f - tail;
}

/* erf(x) to 4 ulp, a quotient of polynomials, which is 1 to float's last digit at 4; and its slope. */
NL_INLINE float nl_erf(float x, float *slope)
{
    *slope = 1.12837917f * nl_exp_fused(-x * x);
    x = x > 4.0f ? 4.0f : x;
    x = x < -4.0f ? -4.0f : x;
    float z = x * x;
    float p = -2.72614225801306e-10f;
    p = __builtin_fmaf(p, z, 2.77068142495902e-8f);
    p = __builtin_fmaf(p, z, -2.10102402082508e-6f);
    p = __builtin_fmaf(p, z, -5.69250639462346e-5f);
    p = __builtin_fmaf(p, z, -7.34990630326855e-4f);
    p = __builtin_fmaf(p, z, -2.95459980854025e-3f);
    p = __builtin_fmaf(p, z, -1.60960333262415e-2f);
    float q = -1.45660718464996e-5f;
    q = __builtin_fmaf(q, z, -2.13374055278905e-4f);
    q = __builtin_fmaf(q, z, -1.68282697438203e-3f);
    q = __builtin_fmaf(q, z, -7.37332916720468e-3f);
    q = __builtin_fmaf(q, z, -1.42647390514189e-2f);
    return x * p / q;
}

#endif
