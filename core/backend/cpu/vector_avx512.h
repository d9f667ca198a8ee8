/* Vectors of AVX-512, for kernels that are written once and compiled for each instruction set. `part` loads and stores touch the
 * first `count` elements only, the rest is zero. */
#ifndef NL_BACKEND_CPU_VECTOR_H
#define NL_BACKEND_CPU_VECTOR_H

#include <immintrin.h>
#include <stddef.h>

#define TARGET __attribute__((target("avx512f,fma")))
typedef __m512 vec;
enum { LANES = 16 };
#define load(from) _mm512_loadu_ps(from)
#define store(to, value) _mm512_storeu_ps(to, value)
#define load_part(from, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), from)
#define store_part(to, value, count) _mm512_mask_storeu_ps(to, (__mmask16)((1u << (count)) - 1), value)
#define broadcast(value) _mm512_set1_ps(value)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c) /* a b + c, rounded once */

#endif
