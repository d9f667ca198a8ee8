/* Vectors of AVX-512, for kernels that are written once and compiled for each instruction set. `part` loads and stores
 * touch the first `count` elements only, the rest is zero. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#define TARGET __attribute__((target("avx512f,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))
typedef __m512 vec;
typedef int places __attribute__((vector_size(sizeof(vec))));
enum { LANES = 16 };
#define load(from) _mm512_loadu_ps(from)
#define store(to, value) _mm512_storeu_ps(to, value)
#define load_part(from, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), from)
#define store_part(to, value, count) _mm512_mask_storeu_ps(to, (__mmask16)((1u << (count)) - 1), value)
#define broadcast(value) _mm512_set1_ps(value)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c) /* a b + c, rounded once */
#define larger(a, b) _mm512_max_ps(a, b) /* b where either is NaN */
#define where_larger(a, b, value) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), value) /* else 0 */
#define pick(a, at) _mm512_permutexvar_ps((__m512i)(at), a) /* lane i: lane at[i] of a */
#define first_lanes(a, count) _mm512_maskz_mov_ps((__mmask16)((1u << (count)) - 1), a) /* the first lanes, then zeros */

/* Stores the sums of those of sixteen lanes that are a quarter apart, halves first: (0 + 8) + (4 + 12) and so on. */
INLINE void store_quarter(float *to, const vec *sixteen)
{
    __m256 half =
        _mm512_castps512_ps256(*sixteen) + _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(*sixteen), 1));
    _mm_storeu_ps(to, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

/* column[i] = column i of LANES rows. Rows 4 apart share a register. Quarters of it are joined in pairs: inserting two
 * halves is faster than inserting three quarters. */
INLINE __m256 two_quarters(const float *from, size_t line)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + 4 * line), 1);
}

INLINE void transpose_four(const float *from, size_t line, vec column[4])
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

/* Sums the one half and the other of each 2 half lanes of a, and then of b. half: less than LANES. */
INLINE vec add_halves(vec a, vec b, size_t half)
{
    typedef unsigned lanes __attribute__((vector_size(sizeof(vec))));
    const lanes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const lanes within = lane & (unsigned)(half - 1), first = 2 * (lane - within) + within; /* 16 and up: of b */
    return _mm512_permutex2var_ps(a, (__m512i)first, b) +
           _mm512_permutex2var_ps(a, (__m512i)(first + (unsigned)half), b);
}

/* Lane i gets from[(part LANES + i) / span]. span: less than LANES, a power of two. No more is read than needed: it
 * should be found in one store. */
INLINE vec spread(const float *from, size_t span, int part)
{
    vec values = span == 8   ? _mm512_castps128_ps512(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)from)))
                 : span == 4 ? _mm512_castps128_ps512(_mm_loadu_ps(from))
                             : _mm512_castps256_ps512(_mm256_loadu_ps(from));
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    (void)part; /* there is one */
    return _mm512_permutexvar_ps(_mm512_srl_epi32(lane, _mm_cvtsi32_si128(__builtin_ctz((unsigned)span))), values);
}

/* Half of the lanes in double. */
INLINE __m512d doubles(vec v, int half)
{
    return _mm512_cvtps_pd(half == 0 ? _mm512_castps512_ps256(v)
                                     : _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}

INLINE void put_doubles(double *to, vec v)
{
    _mm512_storeu_pd(to, doubles(v, 0));
    _mm512_storeu_pd(to + 8, doubles(v, 1));
}

INLINE void accumulate_doubles(double *to, vec v)
{
    _mm512_storeu_pd(to, _mm512_loadu_pd(to) + doubles(v, 0));
    _mm512_storeu_pd(to + 8, _mm512_loadu_pd(to + 8) + doubles(v, 1));
}

#endif
