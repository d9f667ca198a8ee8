/* Transposed matrices, by squares of eight where there is AVX. Only copies: no bits to agree on. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"

static void plain(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            to[c * to_line + r] = from[r * from_line + c];
}

#ifdef NL_X86
#include <immintrin.h>

enum { SIDE = 8 };
#define TARGET __attribute__((target("avx2")))

/* Elements 0..3 of two rows, side by side. */
TARGET static inline __m256 halves(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

/* Four columns of eight rows. */
TARGET static inline void half_square(const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    __m256 row04 = halves(from, from + 4 * from_line), row15 = halves(from + from_line, from + 5 * from_line);
    __m256 row26 = halves(from + 2 * from_line, from + 6 * from_line), row37 = halves(from + 3 * from_line, from + 7 * from_line);
    __m256 low01 = _mm256_unpacklo_ps(row04, row15), high01 = _mm256_unpackhi_ps(row04, row15);
    __m256 low23 = _mm256_unpacklo_ps(row26, row37), high23 = _mm256_unpackhi_ps(row26, row37);
    _mm256_storeu_ps(to, _mm256_shuffle_ps(low01, low23, 0x44));
    _mm256_storeu_ps(to + to_line, _mm256_shuffle_ps(low01, low23, 0xee));
    _mm256_storeu_ps(to + 2 * to_line, _mm256_shuffle_ps(high01, high23, 0x44));
    _mm256_storeu_ps(to + 3 * to_line, _mm256_shuffle_ps(high01, high23, 0xee));
}

/* At least SIDE rows and columns: the last squares reach back over what is done already. */
TARGET static void squares(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    for (size_t row = 0; row < rows; row += SIDE) {
        size_t r = row + SIDE <= rows ? row : rows - SIDE;
        for (size_t column = 0; column < columns; column += SIDE) {
            size_t c = column + SIDE <= columns ? column : columns - SIDE;
            half_square(from + r * from_line + c, from_line, to + c * to_line + r, to_line);
            half_square(from + r * from_line + c + 4, from_line, to + (c + 4) * to_line + r, to_line);
        }
    }
}
#endif

void nl_cpu_transpose(size_t rows, size_t columns, const float *from, size_t from_line, float *to, size_t to_line)
{
#ifdef NL_X86
    if (nl_cpu_isa() >= NL_ISA_AVX2 && rows >= SIDE && columns >= SIDE) {
        squares(rows, columns, from, from_line, to, to_line);
        return;
    }
#endif
    plain(rows, columns, from, from_line, to, to_line);
}
