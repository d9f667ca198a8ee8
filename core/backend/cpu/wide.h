/* Sixteen floats in as many vectors as they take, for kernels that are written once over sixteen lanes: the includer's
 * vectors (vector_*.h) are one of AVX-512, two of AVX2 or four of plain C. The bits are the same in each. */
#ifndef NL_BACKEND_CPU_WIDE_H
#define NL_BACKEND_CPU_WIDE_H

#include <string.h>

#include "backend/cpu/lanes.h"

#ifdef NL_PLAIN_VECTORS /* forced, sanitized builds take minutes; and there is nothing to gain */
#define INLINE static inline __attribute__((unused))
#define UNROLL
#else
#define UNROLL NL_UNROLLED
#endif

enum { PARTS = NL_LANES / LANES };
typedef struct {
    vec part[PARTS];
} wide;

#define FOR_PARTS                      \
    UNROLL                             \
    for (int p = 0; p < PARTS; p++)

/* How many of `count` lanes lie in part p and after it. */
INLINE size_t wide_left(size_t count, int p)
{
    size_t before = (size_t)p * LANES;
    return count > before ? count - before : 0;
}

INLINE wide wide_set(float value)
{
    wide v;
    FOR_PARTS v.part[p] = broadcast(value);
    return v;
}

INLINE wide wide_load(const float *from)
{
    wide v;
    FOR_PARTS v.part[p] = load(from + p * LANES);
    return v;
}

INLINE void wide_store(float *to, wide v)
{
    FOR_PARTS store(to + p * LANES, v.part[p]);
}

/* The first `count` floats, then zeros; no other is touched. */
INLINE wide wide_load_part(const float *from, size_t count)
{
    wide v;
    FOR_PARTS v.part[p] = load_part(from + p * LANES, wide_left(count, p));
    return v;
}

INLINE void wide_store_part(float *to, wide v, size_t count)
{
    FOR_PARTS {
        if (wide_left(count, p) >= LANES)
            store(to + p * LANES, v.part[p]);
        else if (wide_left(count, p) > 0)
            store_part(to + p * LANES, v.part[p], wide_left(count, p));
    }
}

/* The first `count` lanes, then zeros. */
INLINE wide wide_keep(wide v, size_t count)
{
    FOR_PARTS v.part[p] = first_lanes(v.part[p], wide_left(count, p));
    return v;
}

INLINE wide wide_add(wide a, wide b)
{
    FOR_PARTS a.part[p] += b.part[p];
    return a;
}

INLINE wide wide_sub(wide a, wide b)
{
    FOR_PARTS a.part[p] -= b.part[p];
    return a;
}

INLINE wide wide_mul(wide a, wide b)
{
    FOR_PARTS a.part[p] *= b.part[p];
    return a;
}

INLINE wide wide_div(wide a, wide b)
{
    FOR_PARTS a.part[p] /= b.part[p];
    return a;
}

/* a b + c, rounded once. Where this is calls of the C library, they stand in one place only. */
#if defined(NL_PLAIN_VECTORS) && !defined(FP_FAST_FMAF)
static __attribute__((noinline))
#else
INLINE
#endif
wide wide_fused(wide a, wide b, wide c)
{
    FOR_PARTS a.part[p] = fused(a.part[p], b.part[p], c.part[p]);
    return a;
}

/* b where either is NaN. */
INLINE wide wide_larger(wide a, wide b)
{
    FOR_PARTS b.part[p] = larger(a.part[p], b.part[p]);
    return b;
}

/* NaN stays NaN. */
INLINE wide wide_relu(wide v)
{
    return wide_larger(wide_set(0.0f), v);
}

/* value where a > b, else 0. */
INLINE wide wide_where_larger(wide a, wide b, wide value)
{
    FOR_PARTS value.part[p] = where_larger(a.part[p], b.part[p], value.part[p]);
    return value;
}

/* g where v > 0, else 0. */
INLINE wide wide_where_positive(wide v, wide g)
{
    return wide_where_larger(v, wide_set(0.0f), g);
}

/* Sums the one half and the other of each 2 half lanes of a, and then of b: half as many, in their order. half: 1,
 * 2, 4 or 8. */
INLINE wide wide_fold(wide a, wide b, size_t half)
{
    const wide from[2] = {a, b};
    const int apart = (int)half / LANES; /* parts; 0: within one */
    wide sums;
    FOR_PARTS {
        if (apart > 0) {
            const vec *parts = from[p / (PARTS / 2 > 0 ? PARTS / 2 : 1)].part;
            int i = PARTS > 1 ? p % (PARTS / 2) : 0, first = i / apart * 2 * apart + i % apart;
            sums.part[p] = parts[first] + parts[first + apart];
        } else {
            int first = 2 * p, second = first + 1;
            sums.part[p] =
                add_halves(from[first / PARTS].part[first % PARTS], from[second / PARTS].part[second % PARTS], half);
        }
    }
    return sums;
}

/* The sum of all lanes: of halves, of halves of these, and so on, as wide_fold makes it. */
INLINE float wide_total(wide v)
{
    typedef float eight __attribute__((vector_size(8 * sizeof(float))));
    typedef float four __attribute__((vector_size(4 * sizeof(float))));
    typedef float two __attribute__((vector_size(2 * sizeof(float))));
    eight eights[2];
    memcpy(eights, &v, sizeof v);
    eights[0] += eights[1];
    four fours[2];
    memcpy(fours, eights, sizeof fours);
    fours[0] += fours[1];
    two twos[2];
    memcpy(twos, fours, sizeof twos);
    twos[0] += twos[1];
    return twos[0][0] + twos[0][1];
}

/* Lane i gets from[i / span]. 16 floats may be read. */
INLINE wide wide_spread(const float *from, size_t span)
{
    wide v;
    FOR_PARTS v.part[p] = span == 1       ? load(from + p * LANES)
                          : span >= LANES ? broadcast(from[(size_t)p * LANES / span])
                                          : spread(from, span, p);
    return v;
}

/* to[i] = lane i. */
INLINE void wide_put_doubles(double *to, wide v)
{
    FOR_PARTS put_doubles(to + p * LANES, v.part[p]);
}

/* to[i] += lane i. */
INLINE void wide_accumulate(double *to, wide v)
{
    FOR_PARTS accumulate_doubles(to + p * LANES, v.part[p]);
}

#endif
