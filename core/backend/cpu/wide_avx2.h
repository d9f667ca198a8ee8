/* Sixteen floats in two registers of AVX2. What the operations are: wide_plain.h. */
#include <immintrin.h>

#include "backend/cpu/lanes.h"

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL NL_UNROLLED

enum { MOST_VECTORS = 1 };
typedef struct {
    __m256 low, high;
} wide;

/* All bits set in the first `count` lanes of eight. */
INLINE __m256i wide_first(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE size_t wide_rest(size_t count)
{
    return count > 8 ? count - 8 : 0;
}

INLINE wide wide_set(float value)
{
    return (wide){_mm256_set1_ps(value), _mm256_set1_ps(value)};
}

INLINE wide wide_load(const float *from)
{
    return (wide){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

INLINE void wide_store(float *to, wide v)
{
    _mm256_storeu_ps(to, v.low);
    _mm256_storeu_ps(to + 8, v.high);
}

INLINE wide wide_load_part(const float *from, size_t count)
{
    return (wide){_mm256_maskload_ps(from, wide_first(count)), _mm256_maskload_ps(from + 8, wide_first(wide_rest(count)))};
}

INLINE void wide_store_part(float *to, wide v, size_t count)
{
    _mm256_maskstore_ps(to, wide_first(count), v.low);
    _mm256_maskstore_ps(to + 8, wide_first(wide_rest(count)), v.high);
}

INLINE wide wide_keep(wide v, size_t count)
{
    return (wide){_mm256_and_ps(v.low, _mm256_castsi256_ps(wide_first(count))),
                  _mm256_and_ps(v.high, _mm256_castsi256_ps(wide_first(wide_rest(count))))};
}

INLINE wide wide_add(wide a, wide b)
{
    return (wide){a.low + b.low, a.high + b.high};
}

INLINE wide wide_sub(wide a, wide b)
{
    return (wide){a.low - b.low, a.high - b.high};
}

INLINE wide wide_mul(wide a, wide b)
{
    return (wide){a.low * b.low, a.high * b.high};
}

INLINE wide wide_fused(wide a, wide b, wide c)
{
    return (wide){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

INLINE wide wide_relu(wide v)
{
    return (wide){_mm256_max_ps(_mm256_setzero_ps(), v.low), _mm256_max_ps(_mm256_setzero_ps(), v.high)}; /* of a NaN the second */
}

INLINE wide wide_where_positive(wide v, wide g)
{
    return (wide){_mm256_and_ps(_mm256_cmp_ps(v.low, _mm256_setzero_ps(), _CMP_GT_OQ), g.low),
                  _mm256_and_ps(_mm256_cmp_ps(v.high, _mm256_setzero_ps(), _CMP_GT_OQ), g.high)};
}

INLINE __m256 wide_even_pairs(__m256 v)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), _MM_SHUFFLE(3, 1, 2, 0)));
}

INLINE __m256 wide_fold_eights(__m256 a, __m256 b, size_t half)
{
    if (half == 4)
        return _mm256_permute2f128_ps(a, b, 0x20) + _mm256_permute2f128_ps(a, b, 0x31);
    if (half == 2)
        return wide_even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0)) + _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2)));
    return wide_even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)) + _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

INLINE wide wide_fold(wide a, wide b, size_t half)
{
    if (half == 8)
        return (wide){a.low + a.high, b.low + b.high};
    return (wide){wide_fold_eights(a.low, a.high, half), wide_fold_eights(b.low, b.high, half)};
}

INLINE wide wide_spread(const float *from, size_t span)
{
    if (span == NL_LANES)
        return wide_set(*from);
    if (span == 8)
        return (wide){_mm256_set1_ps(from[0]), _mm256_set1_ps(from[1])};
    if (span == 1)
        return wide_load(from);
    __m128i log = _mm_cvtsi32_si128(__builtin_ctz((unsigned)span));
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 values = _mm256_loadu_ps(from);
    return (wide){_mm256_permutevar8x32_ps(values, _mm256_srl_epi32(lane, log)),
                  _mm256_permutevar8x32_ps(values, _mm256_srl_epi32(_mm256_add_epi32(lane, _mm256_set1_epi32(8)), log))};
}

INLINE __m256d wide_doubles(wide v, int quarter)
{
    __m256 half = quarter < 2 ? v.low : v.high;
    return _mm256_cvtps_pd(quarter % 2 ? _mm256_extractf128_ps(half, 1) : _mm256_castps256_ps128(half));
}

INLINE void wide_put_doubles(double *to, wide v)
{
    for (int i = 0; i < 4; i++)
        _mm256_storeu_pd(to + 4 * i, wide_doubles(v, i));
}

INLINE void wide_accumulate(double *to, wide v)
{
    for (int i = 0; i < 4; i++)
        _mm256_storeu_pd(to + 4 * i, _mm256_loadu_pd(to + 4 * i) + wide_doubles(v, i));
}
