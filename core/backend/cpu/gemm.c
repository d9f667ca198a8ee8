/* Matrix products, and the bias that goes with them. */
#include <cblas.h>
#include <string.h>

#include "backend/cpu/cpu.h"

void nl_cpu_gemm(enum nl_cpu_transposed transposed, size_t m, size_t n, size_t k, const float *a, const float *b, float *c,
                 bool add)
{
    bool turn_a = transposed == NL_TRANSPOSED_A, turn_b = transposed == NL_TRANSPOSED_B;
    cblas_sgemm(CblasRowMajor, turn_a ? CblasTrans : CblasNoTrans, turn_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
                (blasint)k, 1.0f, a, (blasint)(turn_a ? m : k), b, (blasint)(turn_b ? k : n), add ? 1.0f : 0.0f, c, (blasint)n);
}

void nl_cpu_set_rows(size_t rows, size_t columns, const float *b, float *y)
{
    if (!b) {
        memset(y, 0, rows * columns * sizeof *y);
        return;
    }
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * columns, b, columns * sizeof *y);
}

size_t nl_cpu_column_sums_room(size_t columns)
{
    return columns * (sizeof(double) + sizeof(float));
}

NL_CLONES
void nl_cpu_column_sums(size_t rows, size_t columns, const float *x, float *out, void *room)
{
    double *restrict total = room;                       /* (columns) */
    float *restrict block = (float *)(total + columns);  /* (columns) */
    memset(total, 0, columns * sizeof *total);
    for (size_t first = 0; first < rows; first += NL_BLOCK_ROWS) {
        size_t end = first + NL_BLOCK_ROWS < rows ? first + NL_BLOCK_ROWS : rows;
        memset(block, 0, columns * sizeof *block);
        for (size_t row = first; row < end; row++)
            for (size_t c = 0; c < columns; c++)
                block[c] += x[row * columns + c];
        for (size_t c = 0; c < columns; c++)
            total[c] += block[c];
    }
    for (size_t c = 0; c < columns; c++)
        out[c] = (float)total[c];
}
