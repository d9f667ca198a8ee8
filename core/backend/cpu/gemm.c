/* Matrix products, and the bias that goes with them. */
#include <cblas.h>
#include <string.h>

#include "backend/cpu/gemm.h"

#ifdef NL_X86
#include <xmmintrin.h>
#endif

static void set_rows(size_t rows, size_t columns, const float *b, float *y)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * columns, b, columns * sizeof *y);
}

static void openblas(const struct nl_cpu_gemm *p)
{
    bool turn_a = p->transposed == NL_TRANSPOSED_A, turn_b = p->transposed == NL_TRANSPOSED_B;
    if (p->start)
        set_rows(p->m, p->n, p->start, p->c);
    cblas_sgemm(CblasRowMajor, turn_a ? CblasTrans : CblasNoTrans, turn_b ? CblasTrans : CblasNoTrans, (blasint)p->m, (blasint)p->n,
                (blasint)p->k, 1.0f, p->a, (blasint)(turn_a ? p->m : p->k), p->b, (blasint)(turn_b ? p->k : p->n),
                p->add || p->start ? 1.0f : 0.0f, p->c, (blasint)p->n);
}

void nl_cpu_gemm(enum nl_gemm gemm, const struct nl_cpu_gemm *product)
{
    if (gemm == NL_GEMM_OWN)
        nl_gemm_own(product);
    else
        openblas(product);
}

/* to[c][r] = w[r][c] for a square of four, rows of `w` and `to` `from_line` and `to_line` long. */
static void transpose_square(const float *restrict w, size_t from_line, float *restrict to, size_t to_line)
{
#ifdef NL_X86
    __m128 row0 = _mm_loadu_ps(w), row1 = _mm_loadu_ps(w + from_line);
    __m128 row2 = _mm_loadu_ps(w + 2 * from_line), row3 = _mm_loadu_ps(w + 3 * from_line);
    _MM_TRANSPOSE4_PS(row0, row1, row2, row3);
    _mm_storeu_ps(to, row0);
    _mm_storeu_ps(to + to_line, row1);
    _mm_storeu_ps(to + 2 * to_line, row2);
    _mm_storeu_ps(to + 3 * to_line, row3);
#else
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 4; c++)
            to[c * to_line + r] = w[r * from_line + c];
#endif
}

void nl_cpu_transpose(size_t rows, size_t columns, const float *restrict from, size_t from_line, float *restrict to, size_t to_line)
{
    size_t r0 = 0;
    for (; r0 + 4 <= rows; r0 += 4) {
        size_t c = 0;
        for (; c + 4 <= columns; c += 4)
            transpose_square(from + r0 * from_line + c, from_line, to + c * to_line + r0, to_line);
        for (; c < columns; c++)
            for (size_t r = r0; r < r0 + 4; r++)
                to[c * to_line + r] = from[r * from_line + c];
    }
    for (; r0 < rows; r0++)
        for (size_t c = 0; c < columns; c++)
            to[c * to_line + r0] = from[r0 * from_line + c];
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
