/* Vectors of AVX-512, for kernels that are written once and compiled for each instruction set. `part` loads and stores touch the
 * first `count` elements only, the rest is zero. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#define TARGET __attribute__((target("avx512f,fma")))
typedef __m512 vec;
typedef int places __attribute__((vector_size(sizeof(vec))));
enum { LANES = 16 };
#define load(from) _mm512_loadu_ps(from)
#define store(to, value) _mm512_storeu_ps(to, value)
#define load_part(from, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), from)
#define store_part(to, value, count) _mm512_mask_storeu_ps(to, (__mmask16)((1u << (count)) - 1), value)
#define broadcast(value) _mm512_set1_ps(value)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c) /* a b + c, rounded once */
#define positive(a) _mm512_max_ps(_mm512_setzero_ps(), a) /* NaN stays NaN */
#define where_positive(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ), b) /* else 0 */
#define pick(a, at) _mm512_permutexvar_ps((__m512i)(at), a) /* lane i: lane at[i] of a */

/* Of sixteen lanes the sums of those a quarter apart, halves first: (0 + 8) + (4 + 12) and so on. */
TARGET static inline void store_quarter(float *to, const vec *sixteen)
{
    __m256 half = _mm512_castps512_ps256(*sixteen) + _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(*sixteen), 1));
    _mm_storeu_ps(to, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

/* column[i] = column i of LANES rows. Rows 4 apart share a register; the quarters come by twos, since two inserts into halves of one are
 * faster than three into quarters. */
TARGET static inline __m256 two_quarters(const float *from, size_t line)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + 4 * line), 1);
}

TARGET static inline void turn(const float *from, size_t line, vec column[4])
{
    __m512d pair[4];
    __m512 row[4];
    for (size_t r = 0; r < 4; r++, from += line)
        row[r] = _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(two_quarters(from, line))),
                                                     _mm256_castps_pd(two_quarters(from + 8 * line, line)), 1));
    pair[0] = _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1]));
    pair[1] = _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1]));
    pair[2] = _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3]));
    pair[3] = _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3]));
    column[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair[0], pair[2]));
    column[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair[0], pair[2]));
    column[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair[1], pair[3]));
    column[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair[1], pair[3]));
}

#endif
