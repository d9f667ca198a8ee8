/* Makes points of the Sobol sequence from their directions. */
#include "base/sobol.h"

#include <math.h>
#include <stdint.h>

#include "base/error.h"

enum { BITS = 32, MOST_DEGREE = 5 };

/* Joe and Kuo's table, from the second dimension on: the degree of the primitive polynomial, its inner coefficients as
 * bits, and the first direction numbers. */
static const struct polynomial {
    int degree;
    unsigned inner;
    uint32_t first[MOST_DEGREE];
} polynomials[NL_SOBOL_DIMENSIONS - 1] = {
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
};

/* direction[BITS], as fractions of 2^32. */
static void directions(int dimension, uint32_t direction[BITS])
{
    if (dimension == 0) {
        for (int bit = 0; bit < BITS; bit++)
            direction[bit] = 1u << (BITS - 1 - bit);
        return;
    }
    const struct polynomial *p = &polynomials[dimension - 1];
    for (int bit = 0; bit < BITS; bit++) {
        if (bit < p->degree) {
            direction[bit] = p->first[bit] << (BITS - 1 - bit);
            continue;
        }
        uint32_t back = direction[bit - p->degree];
        direction[bit] = back ^ (back >> p->degree);
        for (int k = 1; k < p->degree; k++)
            if (p->inner >> (p->degree - 1 - k) & 1)
                direction[bit] ^= direction[bit - k];
    }
}

void nl_sobol(int index, int count, int dimensions, double *out)
{
    NL_ASSERT(0 <= index && index < count && 1 <= dimensions && dimensions <= NL_SOBOL_DIMENSIONS);
    uint32_t gray = (uint32_t)index ^ (uint32_t)index >> 1;
    double cells = 1.0;
    while (cells < count)
        cells *= 2.0;
    for (int d = 0; d < dimensions; d++) {
        uint32_t direction[BITS], sum = 0;
        directions(d, direction);
        for (int bit = 0; bit < BITS; bit++)
            if (gray >> bit & 1)
                sum ^= direction[bit];
        out[d] = ldexp((double)sum, -BITS) + 0.5 / cells;
    }
}
