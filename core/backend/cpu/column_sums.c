/* Sums over rows: the gradient of a bias, and means over positions. */
#include <string.h>

#include "backend/cpu/gemm.h"

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
