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
#include "backend/cpu/turn_avx2.h"

enum { SQUARE = 8 };
#define TARGET __attribute__((target("avx2")))

/* Four columns of eight rows. */
TARGET static inline void half_square(const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    __m256 column[4];
    nl_turn_eight(from, from_line, column);
    for (size_t i = 0; i < 4; i++)
        _mm256_storeu_ps(to + i * to_line, column[i]);
}

/* At least SQUARE rows and columns: the last squares reach back over what is done already. */
TARGET static void squares(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    for (size_t row = 0; row < rows; row += SQUARE) {
        size_t r = row + SQUARE <= rows ? row : rows - SQUARE;
        for (size_t column = 0; column < columns; column += SQUARE) {
            size_t c = column + SQUARE <= columns ? column : columns - SQUARE;
            half_square(from + r * from_line + c, from_line, to + c * to_line + r, to_line);
            half_square(from + r * from_line + c + 4, from_line, to + (c + 4) * to_line + r, to_line);
        }
    }
}
#endif

void nl_cpu_transpose(size_t rows, size_t columns, const float *from, size_t from_line, float *to, size_t to_line)
{
#ifdef NL_X86
    if (nl_cpu_isa() >= NL_ISA_AVX2 && rows >= SQUARE && columns >= SQUARE) {
        squares(rows, columns, from, from_line, to, to_line);
        return;
    }
#endif
    plain(rows, columns, from, from_line, to, to_line);
}
