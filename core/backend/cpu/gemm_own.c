/* Our own matrix product: blocks of rows and terms, strips of columns, tiles.
 *
 *     for each block of rows, for each block of terms, for each strip of columns: b's strip (packed where that pays), then
 *     tiles down the rows
 */
#include "backend/cpu/gemm.h"

enum {
    BLOCK_ROWS = 192,     /* of a: with its terms they fit the second-level cache */
    WIDEST = 64,
    VECTOR = 16,
    FEW_ROWS = 4, /* for them b is turned in registers, or it costs as much as the product */
};

const struct nl_gemm_isa *nl_gemm_tiles(void)
{
#ifdef NL_X86
    if (nl_cpu_isa() == NL_ISA_AVX512)
        return &nl_gemm_avx512;
    if (nl_cpu_isa() == NL_ISA_AVX2)
        return &nl_gemm_avx2;
#endif
    return &nl_gemm_plain;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The tiles of one strip, down `rows` rows. */
static void strip(const struct nl_gemm_width *width, const struct nl_gemm_block *block, size_t rows, const float *a, const float *b,
                  const float *start, float *c)
{
    nl_gemm_tile *const *tile = block->sgd ? width->step : block->turned ? width->turned : block->a_step == 1 ? width->along : width->across;
    for (size_t row = 0, t = 0; row < rows; row += width->rows[t]) {
        while (row + width->rows[t] > rows)
            t++;
        tile[t](block, a + row * block->a_row, b, start, c + row * block->c_step);
    }
}

static size_t widest(void)
{
    return nl_gemm_tiles()->width[0].columns;
}

static const float *turn(const struct nl_cpu_gemm *g, size_t k, size_t terms, size_t column, size_t columns, float *room)
{
    nl_cpu_transpose(columns, terms, g->b + column * g->k + k, g->k, room, columns);
    return room;
}

/* The last terms of a block reach back to a whole four of them. */
static bool turns_in_registers(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_TRANSPOSED_B && g->m <= FEW_ROWS && g->n % widest() == 0 && (g->k - 1) % NL_GEMM_TERMS + 1 >= NL_GEMM_TURNED;
}

static void product(const struct nl_cpu_gemm *g, bool steps)
{
    bool turned = turns_in_registers(g);
    float *room = g->transposed == NL_TRANSPOSED_B && !turned ? nl_cpu_product_scratch(NL_GEMM_TERMS * WIDEST * sizeof *room) : NULL;
    bool across = g->transposed == NL_TRANSPOSED_A;
    struct nl_gemm_block block = {.a_row = across ? 1 : g->k, .a_step = across ? g->m : 1, .c_step = g->n, .turned = turned, .origin = g->c};
    for (size_t row = 0; row < g->m; row += BLOCK_ROWS) {
        size_t rows = smaller(g->m - row, BLOCK_ROWS);
        for (size_t k = 0; k < g->k; k += NL_GEMM_TERMS) {
            const float *a = g->a + row * block.a_row + k * block.a_step;
            block.terms = smaller(g->k - k, NL_GEMM_TERMS);
            block.add = g->add || k > 0;
            block.sgd = steps && k + block.terms == g->k ? g->sgd : NULL;
            const struct nl_gemm_width *width = nl_gemm_tiles()->width;
            for (size_t column = 0; column < g->n; column += block.columns) {
                size_t left = g->n - column;
                while (left < width->fewest)
                    width++;
                block.columns = smaller(left, width->columns);
                const float *b = g->b + k * g->n + column;
                block.b_step = g->n;
                if (turned) {
                    b = g->b + column * g->k + k;
                    block.b_step = g->k;
                } else if (room) {
                    b = turn(g, k, block.terms, column, block.columns, room);
                    block.b_step = block.columns;
                }
                strip(width, &block, rows, a, b, g->start && k == 0 ? g->start + column : NULL, g->c + row * g->n + column);
            }
        }
    }
}

static size_t padded(size_t count)
{
    return (count + VECTOR - 1) / VECTOR * VECTOR;
}

/* Whether a gradient has so few columns (those of a head's 10 classes) that vectors along its rows do less in vain. Factors may be exchanged:
 * the bits are the same. */
static bool is_narrow(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_TRANSPOSED_A && !g->start && !g->add && g->k >= VECTOR && 4 * padded(g->m) * g->n <= 3 * padded(g->n) * g->m;
}

void nl_gemm_own(const struct nl_cpu_gemm *g)
{
    /* Rows that are not a whole number of the widest tiles overlap the vectors of the next ones: a load right behind a store waits. */
    bool steps = g->sgd && g->n % widest() == 0;
    if (is_narrow(g)) {
        float *turned = nl_cpu_product_scratch(g->n * g->m * sizeof *turned); /* (n, m) */
        product(&(struct nl_cpu_gemm){NL_TRANSPOSED_A, g->n, g->m, g->k, .a = g->b, .b = g->a, .c = turned}, false);
        nl_cpu_transpose(g->n, g->m, turned, g->m, g->c, g->n);
    } else {
        product(g, steps);
    }
    if (g->sgd && !steps)
        nl_cpu_sgd_step(g->sgd, g->m * g->n, g->c);
}
