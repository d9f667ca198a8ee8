/* Sixteen floats in plain C, and what the operations of wide_avx2.h and wide_avx512.h are: the same bits in each. */
#include <math.h>
#include <string.h>

#include "backend/cpu/lanes.h"

#define TARGET
#define INLINE static inline __attribute__((unused)) /* as the compiler likes: forced, sanitized builds take minutes */
#define FOR_LANES for (size_t i = 0; i < NL_LANES; i++)

#define UNROLL /* sixteen floats are no register: there is nothing to gain */
enum { MOST_VECTORS = 1 }; /* that the registers hold beside each other in a tile of columns */
typedef struct {
    float lane[NL_LANES];
} wide;

INLINE wide wide_set(float value)
{
    wide v;
    FOR_LANES v.lane[i] = value;
    return v;
}

INLINE wide wide_load(const float *from)
{
    wide v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void wide_store(float *to, wide v)
{
    memcpy(to, &v, sizeof v);
}

/* The first `count` floats, then zeros; no other is touched. */
INLINE wide wide_load_part(const float *from, size_t count)
{
    wide v = {{0}};
    for (size_t i = 0; i < count; i++)
        v.lane[i] = from[i];
    return v;
}

INLINE void wide_store_part(float *to, wide v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = v.lane[i];
}

/* v in the first `count` lanes, else 0. */
INLINE wide wide_keep(wide v, size_t count)
{
    FOR_LANES v.lane[i] = i < count ? v.lane[i] : 0.0f;
    return v;
}

INLINE wide wide_add(wide a, wide b)
{
    FOR_LANES a.lane[i] += b.lane[i];
    return a;
}

INLINE wide wide_sub(wide a, wide b)
{
    FOR_LANES a.lane[i] -= b.lane[i];
    return a;
}

INLINE wide wide_mul(wide a, wide b)
{
    FOR_LANES a.lane[i] *= b.lane[i];
    return a;
}

/* a b + c, rounded once. A processor without the instruction takes the C library's function, slowly: the bits come first. Its sixteen
 * calls stand in one place only. */
#ifdef FP_FAST_FMAF
INLINE
#else
static __attribute__((noinline))
#endif
wide wide_fused(wide a, wide b, wide c)
{
    FOR_LANES a.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
    return a;
}

/* NaN stays NaN. */
INLINE wide wide_relu(wide v)
{
    FOR_LANES v.lane[i] = v.lane[i] < 0 ? 0.0f : v.lane[i];
    return v;
}

/* g where v > 0, else 0. */
INLINE wide wide_where_positive(wide v, wide g)
{
    FOR_LANES g.lane[i] = v.lane[i] > 0 ? g.lane[i] : 0.0f;
    return g;
}

/* Of each 2 half lanes of a, and then of b, the sums of one half and the other: half as many, in their order. half: 1, 2, 4 or 8. */
INLINE wide wide_fold(wide a, wide b, size_t half)
{
    wide sums;
    for (size_t i = 0; i < NL_LANES / 2; i++) {
        size_t first = i / half * 2 * half + i % half;
        sums.lane[i] = a.lane[first] + a.lane[first + half];
        sums.lane[NL_LANES / 2 + i] = b.lane[first] + b.lane[first + half];
    }
    return sums;
}

/* Lane i gets from[i / span]. 16 floats may be read. */
INLINE wide wide_spread(const float *from, size_t span)
{
    wide v;
    FOR_LANES v.lane[i] = from[i / span];
    return v;
}

/* to[i] = lane i. */
INLINE void wide_put_doubles(double *to, wide v)
{
    FOR_LANES to[i] = (double)v.lane[i];
}

/* to[i] += lane i. */
INLINE void wide_accumulate(double *to, wide v)
{
    FOR_LANES to[i] += (double)v.lane[i];
}
