/* Vectors of AVX2 with FMA: see vector_avx512.h. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/turn_avx2.h"

#define TARGET __attribute__((target("avx2,fma")))
#define ALWAYS TARGET __attribute__((always_inline))
typedef __m256 vec;
typedef int places __attribute__((vector_size(sizeof(vec))));
enum { LANES = 8 };
#define load(from) _mm256_loadu_ps(from)
#define store(to, value) _mm256_storeu_ps(to, value)
#define load_part(from, count) _mm256_maskload_ps(from, mask_of(count))
#define store_part(to, value, count) _mm256_maskstore_ps(to, mask_of(count), value)
#define broadcast(value) _mm256_set1_ps(value)
#define fused(a, b, c) _mm256_fmadd_ps(a, b, c)
#define positive(a) _mm256_max_ps(_mm256_setzero_ps(), a)
#define where_positive(a, b) _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ), b)
#define pick(a, at) _mm256_permutevar8x32_ps(a, (__m256i)(at))
#define first_lanes(a, count) _mm256_and_ps(a, _mm256_castsi256_ps(mask_of(count)))

ALWAYS static inline __m256i mask_of(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

ALWAYS static inline void store_quarter(float *to, const vec sixteen[2])
{
    __m256 half = sixteen[0] + sixteen[1];
    _mm_storeu_ps(to, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

#define turn(from, line, column) nl_turn_eight(from, line, column)

ALWAYS static inline vec even_pairs(vec v)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), _MM_SHUFFLE(3, 1, 2, 0)));
}

ALWAYS static inline vec add_halves(vec a, vec b, size_t half)
{
    if (half == 4)
        return _mm256_permute2f128_ps(a, b, 0x20) + _mm256_permute2f128_ps(a, b, 0x31);
    if (half == 2)
        return even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0)) + _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2)));
    return even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)) + _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

ALWAYS static inline vec spread(const float *from, size_t span, int part)
{
    __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(part * LANES));
    return _mm256_permutevar8x32_ps(load(from), _mm256_srl_epi32(lane, _mm_cvtsi32_si128(__builtin_ctz((unsigned)span))));
}

ALWAYS static inline __m256d doubles(vec v, int half)
{
    return _mm256_cvtps_pd(half == 0 ? _mm256_castps256_ps128(v) : _mm256_extractf128_ps(v, 1));
}

ALWAYS static inline void put_doubles(double *to, vec v)
{
    _mm256_storeu_pd(to, doubles(v, 0));
    _mm256_storeu_pd(to + 4, doubles(v, 1));
}

ALWAYS static inline void accumulate_doubles(double *to, vec v)
{
    _mm256_storeu_pd(to, _mm256_loadu_pd(to) + doubles(v, 0));
    _mm256_storeu_pd(to + 4, _mm256_loadu_pd(to + 4) + doubles(v, 1));
}

#endif
