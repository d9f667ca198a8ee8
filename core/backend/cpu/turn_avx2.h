/* Four columns of eight rows, turned in registers. A row and the one four further share a register, so that what is left to do stays inside
 * its halves. */
#ifndef NL_BACKEND_CPU_TURN_AVX2_H
#define NL_BACKEND_CPU_TURN_AVX2_H

#include <immintrin.h>
#include <stddef.h>

__attribute__((target("avx2"))) static inline void nl_turn_eight(const float *from, size_t line, __m256 column[4])
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

#endif
