/* Sixteen floats in a register of AVX-512. What the operations are: wide_plain.h. */
#include <immintrin.h>

#include "backend/cpu/lanes.h"

#define TARGET __attribute__((target("avx512f,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL NL_UNROLLED

enum { MOST_VECTORS = 4 };
typedef __m512 wide;

INLINE __mmask16 wide_first(size_t count)
{
    return (__mmask16)((1u << count) - 1);
}

INLINE wide wide_set(float value)
{
    return _mm512_set1_ps(value);
}

INLINE wide wide_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

INLINE void wide_store(float *to, wide v)
{
    _mm512_storeu_ps(to, v);
}

INLINE wide wide_load_part(const float *from, size_t count)
{
    return _mm512_maskz_loadu_ps(wide_first(count), from);
}

INLINE void wide_store_part(float *to, wide v, size_t count)
{
    _mm512_mask_storeu_ps(to, wide_first(count), v);
}

INLINE wide wide_keep(wide v, size_t count)
{
    return _mm512_maskz_mov_ps(wide_first(count), v);
}

INLINE wide wide_add(wide a, wide b)
{
    return a + b;
}

INLINE wide wide_sub(wide a, wide b)
{
    return a - b;
}

INLINE wide wide_mul(wide a, wide b)
{
    return a * b;
}

INLINE wide wide_fused(wide a, wide b, wide c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE wide wide_relu(wide v)
{
    return _mm512_max_ps(_mm512_setzero_ps(), v); /* of a NaN the second */
}

INLINE wide wide_where_positive(wide v, wide g)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ), g);
}

INLINE __m512i wide_lane(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

INLINE __m128i wide_log(size_t span)
{
    return _mm_cvtsi32_si128(__builtin_ctz((unsigned)span));
}

INLINE wide wide_spread(const float *from, size_t span)
{
    if (span == NL_LANES)
        return wide_set(*from);
    /* no more than needed: it should be found in one store */
    wide values = span == 8   ? _mm512_castps128_ps512(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)from)))
                  : span == 4 ? _mm512_castps128_ps512(_mm_loadu_ps(from))
                  : span == 2 ? _mm512_castps256_ps512(_mm256_loadu_ps(from))
                              : wide_load(from);
    return _mm512_permutexvar_ps(_mm512_srl_epi32(wide_lane(), wide_log(span)), values);
}

INLINE wide wide_fold(wide a, wide b, size_t half)
{
    typedef unsigned lanes __attribute__((vector_size(sizeof(wide))));
    const lanes lane = (lanes)wide_lane(), within = lane & (unsigned)(half - 1), first = 2 * (lane - within) + within; /* 16 and up: of b */
    return _mm512_permutex2var_ps(a, (__m512i)first, b) + _mm512_permutex2var_ps(a, (__m512i)(first + (unsigned)half), b);
}

INLINE void wide_put_doubles(double *to, wide v)
{
    _mm512_storeu_pd(to, _mm512_cvtps_pd(_mm512_castps512_ps256(v)));
    _mm512_storeu_pd(to + 8, _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1))));
}

INLINE void wide_accumulate(double *to, wide v)
{
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    _mm512_storeu_pd(to, _mm512_loadu_pd(to) + _mm512_cvtps_pd(_mm512_castps512_ps256(v)));
    _mm512_storeu_pd(to + 8, _mm512_loadu_pd(to + 8) + _mm512_cvtps_pd(high));
}
