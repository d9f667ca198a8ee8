/* Vectors of AVX-512, for kernels that are written once and compiled for each instruction set. `part` loads and stores touch the
 * first `count` elements only, the rest is zero. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/turn_avx2.h"

#define TARGET __attribute__((target("avx512f,fma")))
typedef __m512 vec;
enum { LANES = 16 };
#define load(from) _mm512_loadu_ps(from)
#define store(to, value) _mm512_storeu_ps(to, value)
#define load_part(from, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), from)
#define store_part(to, value, count) _mm512_mask_storeu_ps(to, (__mmask16)((1u << (count)) - 1), value)
#define broadcast(value) _mm512_set1_ps(value)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c) /* a b + c, rounded once */

/* column[i] = column i of LANES rows */
TARGET static inline void turn(const float *from, size_t line, vec column[4])
{
    __m256 low[4], high[4];
    nl_turn_eight(from, line, low); /* a register of 16 would take twice as long to load by quarters */
    nl_turn_eight(from + 8 * line, line, high);
    for (size_t i = 0; i < 4; i++)
        column[i] = _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_castps_pd(low[i])), _mm256_castps_pd(high[i]), 1));
}

#endif
