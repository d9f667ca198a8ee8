/* Logarithm, exponential and cosine in double, written so that loops over them vectorize, and with the same bits on
 * every processor (the C library's depend on whether there is FMA). Polynomials: Sun's fdlibm (e_log.c, e_exp.c,
 * k_cos.c, k_sin.c). */
#ifndef NL_BASE_ELEMENTARY_H
#define NL_BASE_ELEMENTARY_H

#include <stdint.h>

/* log(x) to 1 ulp for finite normal x > 0. NaN stays NaN. */
static inline __attribute__((always_inline)) double nl_log(double x)
{
    const uint64_t one = (uint64_t)0x3ff00000 << 32, root_half = (uint64_t)0x3fe6a09e << 32;
    /* x = 2^n m with m in [sqrt(1/2), sqrt(2)); an integer in the low bits of 2^52 is that much more. */
    union {
        double real;
        uint64_t bits;
    } m = {x}, n;
    m.bits += one - root_half;
    n.bits = (uint64_t)0x43300000 << 32 | m.bits >> 52;
    n.real -= 0x1p52 + 1023.0;
    m.bits = (m.bits & 0x000fffffffffffff) + root_half;
    double f = m.real - 1.0, s = f / (2.0 + f), z = s * s, w = z * z, half = 0.5 * f * f;
    double odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double even = z * (6.666666666666735130e-01 +
                       w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    double log = n.real * 6.93147180369123816490e-01 -
                 ((half - (s * (half + (odd + even)) + n.real * 1.90821492927058770002e-10)) - f);
    return log + (x - x); /* NaN stays NaN */
}

/* exp(x) to 1 ulp for x <= 0, and 0 for x < -708, where it is no normal number. NaN stays NaN. */
static inline __attribute__((always_inline)) double nl_exp_below(double x)
{
    /* x is n ln 2 and the rest. Adding 1.5 2^52 rounds to the nearest integer and leaves it in the low bits. */
    double normal = x < -708.0 ? -708.0 : x;
    union {
        double real;
        uint64_t bits;
    } n = {1.44269504088896338700 * normal + 0x1.8p52}, power;
    double whole = n.real - 0x1.8p52, high = normal - whole * 6.93147180369123816490e-01,
           low = whole * 1.90821492927058770002e-10, r = high - low, z = r * r;
    double c = r - z * (1.66666666666666019037e-01 +
                        z * (-2.77777777770155933842e-03 +
                             z * (6.61375632143793436117e-05 +
                                  z * (-1.65339022054652515390e-06 + z * 4.13813679705723846039e-08))));
    power.bits = (n.bits + 1023) << 52;
    double result = (1.0 - ((low - r * c / (2.0 - c)) - high)) * power.real;
    return x < -708.0 ? 0.0 : result + (x - x); /* NaN stays NaN */
}

/* cos(2 pi x) to 1 ulp for x in [0, 1]. */
static inline __attribute__((always_inline)) double nl_cos_of_turns(double x)
{
    /* x is q quarters of a turn and r radians, at most pi/4 of them. Adding 1.5 2^52 rounds to the nearest integer and
     * leaves it in the low bits. */
    union {
        double real;
        uint64_t bits;
    } quarters = {4.0 * x + 0x1.8p52}, result;
    double r = (x - 0.25 * (quarters.real - 0x1.8p52)) * 6.283185307179586477, z = r * r;
    double cosine =
        1.0 - (0.5 * z - z * z *
                             (4.16666666666666019037e-02 +
                              z * (-1.38888888888741095749e-03 +
                                   z * (2.48015872894767294178e-05 +
                                        z * (-2.75573143513906633035e-07 +
                                             z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))))));
    double sine = r + z * r *
                          (-1.66666666666666324348e-01 +
                           z * (8.33333333332248946124e-03 +
                                z * (-1.98412698298579493134e-04 +
                                     z * (2.75573137070700676789e-06 +
                                          z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
    result.real = quarters.bits & 1 ? sine : cosine;
    result.bits ^= ((quarters.bits + 1) & 2) << 62; /* the second and the third quarter are negative */
    return result.real;
}

#endif
