/* Matrices, rows one after the other: transposed ones, and sums over rows. */
#include <string.h>

#include "backend/cpu/gemm.h"

/* ---- transposes: by squares of eight where there is AVX2 ---- */

static void plain(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to,
                  size_t to_line)
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

/* At least SQUARE rows and columns: the last squares overlap with those before. Two squares lie one below the other, so
 * that whole cache lines are written. */
TARGET static void squares(size_t rows, size_t columns, const float *restrict from, size_t from_line,
                           float *restrict to, size_t to_line)
{
    for (size_t first = 0; first < rows; first += 2 * SQUARE)
        for (size_t column = 0; column < columns; column += SQUARE)
            for (size_t row = first; row < rows && row < first + 2 * SQUARE; row += SQUARE) {
                size_t r = row + SQUARE <= rows ? row : rows - SQUARE,
                       c = column + SQUARE <= columns ? column : columns - SQUARE;
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

enum {
    GROUP = 8 * NL_GEMM_WIDEST
}; /* columns at a time: most matrices are read in the order of memory, to which the caches are used */

/* sum = those of a few columns over NL_BLOCK_ROWS rows at most. */
static void sum_block(size_t rows, size_t columns, size_t line, const float *x, float *sum)
{
    static const float one = 1.0f;
    const struct nl_gemm_width *width = nl_gemm_tiles()->width;
    for (size_t c = 0, wide; c < columns; c += wide) {
        while (columns - c < width->fewest)
            width++;
        wide = columns - c < width->columns ? columns - c : width->columns;
        nl_gemm_tile *of_one_row = width->across[NL_GEMM_TILES - 1];
        of_one_row(&(struct nl_gemm_block){.terms = rows, .b_step = line, .columns = wide}, &one, x + c, NULL, sum + c);
    }
}

/* total: where there is one, it goes on from there. */
static void sum_blocks(size_t rows, size_t columns, size_t line, const float *x, double *total, float *out)
{
    double own[GROUP] = {0}, *all = total ? total : own;
    for (size_t row = 0; row < rows; row += NL_BLOCK_ROWS) {
        float sum[GROUP];
        sum_block(rows - row < NL_BLOCK_ROWS ? rows - row : (size_t)NL_BLOCK_ROWS, columns, line, x + row * line, sum);
        for (size_t i = 0; i < columns; i++)
            all[i] += (double)sum[i];
    }
    for (size_t i = 0; i < columns; i++)
        out[i] = (float)all[i];
}

void nl_cpu_column_sums(size_t rows, size_t columns, const float *x, double *totals, float *out)
{
    if (rows == 1 && !totals) {
        memcpy(out, x, columns * sizeof *out);
        return;
    }
    for (size_t first = 0; first < columns; first += GROUP) {
        size_t count = columns - first < GROUP ? columns - first : GROUP;
        if (rows <= NL_BLOCK_ROWS && !totals)
            sum_block(rows, count, columns, x + first, out + first);
        else
            sum_blocks(rows, count, columns, x + first, totals ? totals + first : NULL, out + first);
    }
}
