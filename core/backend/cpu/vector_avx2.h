/* Vectors of AVX2 with FMA: see vector_avx512.h. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))
typedef __m256 vec;
typedef int places __attribute__((vector_size(sizeof(vec))));
enum { LANES = 8 };
#define load(from) _mm256_loadu_ps(from)
#define store(to, value) _mm256_storeu_ps(to, value)
#define load_part(from, count) _mm256_maskload_ps(from, mask_of(count))
#define store_part(to, value, count) _mm256_maskstore_ps(to, mask_of(count), value)
#define broadcast(value) _mm256_set1_ps(value)
#define fused(a, b, c) _mm256_fmadd_ps(a, b, c)
#define larger(a, b) _mm256_max_ps(a, b)
#define where_larger(a, b, value) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), value)
#define pick(a, at) _mm256_permutevar8x32_ps(a, (__m256i)(at))
#define first_lanes(a, count) _mm256_and_ps(a, _mm256_castsi256_ps(mask_of(count)))

INLINE __m256i mask_of(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE void store_quarter(float *to, const vec sixteen[2])
{
    __m256 half = sixteen[0] + sixteen[1];
    _mm_storeu_ps(to, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

/* column[i] = column i of LANES rows. A row and the one four further share a register, so that shuffles stay inside its
 * halves. */
INLINE void transpose_four(const float *from, size_t line, __m256 column[4])
{
    __m256 row[4];
    for (size_t r = 0; r < 4; r++, from += line)
        row[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + 4 * line), 1);
    __m256 low01 = _mm256_unpacklo_ps(row[0], row[1]), high01 = _mm256_unpackhi_ps(row[0], row[1]);
    __m256 low23 = _mm256_unpacklo_ps(row[2], row[3]), high23 = _mm256_unpackhi_ps(row[2], row[3]);
    column[0] = _mm256_shuffle_ps(low01, low23, 0x44);
    column[1] = _mm256_shuffle_ps(low01, low23, 0xee);
    column[2] = _mm256_shuffle_ps(high01, high23, 0x44);
    column[3] = _mm256_shuffle_ps(high01, high23, 0xee);
}

INLINE vec even_pairs(vec v)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), _MM_SHUFFLE(3, 1, 2, 0)));
}

INLINE vec add_halves(vec a, vec b, size_t half)
{
    if (half == 4)
        return _mm256_permute2f128_ps(a, b, 0x20) + _mm256_permute2f128_ps(a, b, 0x31);
    if (half == 2)
        return even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0)) +
                          _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2)));
    return even_pairs(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)) +
                      _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

INLINE vec spread(const float *from, size_t span, int part)
{
    __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(part * LANES));
    return _mm256_permutevar8x32_ps(load(from),
                                    _mm256_srl_epi32(lane, _mm_cvtsi32_si128(__builtin_ctz((unsigned)span))));
}

INLINE __m256d doubles(vec v, int half)
{
    return _mm256_cvtps_pd(half == 0 ? _mm256_castps256_ps128(v) : _mm256_extractf128_ps(v, 1));
}

INLINE void put_doubles(double *to, vec v)
{
    _mm256_storeu_pd(to, doubles(v, 0));
    _mm256_storeu_pd(to + 4, doubles(v, 1));
}

INLINE void accumulate_doubles(double *to, vec v)
{
    _mm256_storeu_pd(to, _mm256_loadu_pd(to) + doubles(v, 0));
    _mm256_storeu_pd(to + 4, _mm256_loadu_pd(to + 4) + doubles(v, 1));
}

#endif
