/* Matrices, rows one after the other: transposed ones, and sums over rows. */
#include <string.h>

#include "backend/cpu/gemm.h"

/* ---- transposes: by squares of eight where there is AVX2 ---- */

static void plain(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            to[c * to_line + r] = from[r * from_line + c];
}

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"

enum { SQUARE = 8 };

/* Four columns of eight rows. */
INLINE void half_square(const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    __m256 column[4];
    transpose_four(from, from_line, column);
    for (size_t i = 0; i < 4; i++)
        _mm256_storeu_ps(to + i * to_line, column[i]);
}

/* At least SQUARE rows and columns: the last squares overlap with those before. Two squares lie one below the other, so that whole cache lines are written. */
TARGET static void squares(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    for (size_t first = 0; first < rows; first += 2 * SQUARE)
        for (size_t column = 0; column < columns; column += SQUARE)
            for (size_t row = first; row < rows && row < first + 2 * SQUARE; row += SQUARE) {
                size_t r = row + SQUARE <= rows ? row : rows - SQUARE, c = column + SQUARE <= columns ? column : columns - SQUARE;
                half_square(from + r * from_line + c, from_line, to + c * to_line + r, to_line);
                half_square(from + r * from_line + c + 4, from_line, to + (c + 4) * to_line + r, to_line);
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

/* ---- sums over rows: the gradient of a bias, and means over positions ---- */

void nl_cpu_column_sums(size_t rows, size_t columns, const float *x, double *totals, float *out)
{
    static const float one = 1.0f;
    if (rows == 1 && !totals) {
        memcpy(out, x, columns * sizeof *out);
        return;
    }
    const struct nl_gemm_width *width = nl_gemm_tiles()->width;
    for (size_t c = 0, wide; c < columns; c += wide) {
        while (columns - c < width->fewest)
            width++;
        wide = columns - c < width->columns ? columns - c : width->columns;
        nl_gemm_tile *tile = width->across[NL_GEMM_TILES - 1]; /* of one row */
        if (rows <= NL_BLOCK_ROWS && !totals) {
            tile(&(struct nl_gemm_block){.terms = rows, .b_step = columns, .columns = wide}, &one, x + c, NULL, out + c);
            continue;
        }
        double own[NL_GEMM_WIDEST] = {0}, *total = totals ? totals + c : own;
        for (size_t row = 0; row < rows; row += NL_BLOCK_ROWS) {
            float sum[NL_GEMM_WIDEST];
            struct nl_gemm_block block = {.terms = rows - row < NL_BLOCK_ROWS ? rows - row : (size_t)NL_BLOCK_ROWS, .b_step = columns, .columns = wide};
            tile(&block, &one, x + row * columns + c, NULL, sum);
            for (size_t i = 0; i < wide; i++)
                total[i] += (double)sum[i];
        }
        for (size_t i = 0; i < wide; i++)
            out[c + i] = (float)total[i];
    }
}
