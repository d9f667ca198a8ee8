/* Numbers of 16 bits, as files have them. Sources: IEEE 754-2008, binary16; bfloat16 is the upper half of a float32. */
#ifndef NL_BASE_HALF_H
#define NL_BASE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The float32 that the bits of a float16 stand for; exact. */
static inline float nl_from_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                 : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                                : ldexpf((float)fraction, -24);
    return bits >> 15 ? -size : size;
}

/* The float32 that the bits of a bfloat16 stand for; exact. */
static inline float nl_from_bfloat(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float out;
    memcpy(&out, &wide, sizeof out);
    return out;
}

#endif
