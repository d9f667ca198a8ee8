/* Our own matrix product: blocks of rows and terms, strips of columns, tiles.
 *
 *     b packed where that pays; for each block of rows, for each block of terms, for each strip of columns: tiles down
 * the rows
 */
#include "backend/cpu/gemm.h"

#include <string.h>

#include "base/team.h"

enum {
    BLOCK_ROWS = 192,     /* of a: with its terms they fit the second-level cache */
    STRIPE = 24,          /* of c's rows, for one of a team: whole tiles of every height */
    PACKED_ROWS = 256,    /* so many make up for packing b */
    LINE = 16,            /* floats of a cache line */
    ASKED_TERMS = 64,     /* of a transposed a, fewer of which the caches have still */
    ASKED_RESULT = 1 << 16, /* floats of a result, fewer of which the second-level cache has */
    FEW_ROWS = 16, SOME_ROWS = 32, FEW_TERMS = 32, /* of a product whose second factor is transposed in registers */
};

const struct nl_gemm_isa *nl_gemm_tiles(void)
{
#ifdef NL_X86
    static const struct nl_gemm_isa *const tiles[] = {&nl_gemm_plain, &nl_gemm_avx2, &nl_gemm_avx512};
    return tiles[nl_cpu_isa()];
#else
    return &nl_gemm_plain;
#endif
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The tiles of one strip, down `rows` rows. */
static void strip(const struct nl_gemm_width *width, const struct nl_gemm_block *block, size_t rows, const float *a,
                  const float *b, const float *start, float *c)
{
    nl_gemm_tile *const *tile = block->a_step == 1 ? width->along : width->across;
    for (size_t row = 0, t = 0; row < rows; row += width->rows[t]) {
        while (row + width->rows[t] > rows)
            t++;
        tile[t](block, a + row * block->a_row, b, start, c + row * block->c_step);
    }
}

/* Strips, widest first, with the tiles of each, of a block with all its columns, which becomes that of the last strip.
 * b: its first term; or, packed with so many terms in all, of which the block's begin with term k. */
static void strips(struct nl_gemm_block *block, size_t rows, const float *a, const float *b, size_t packed_terms,
                   size_t k, const float *start, float *c)
{
    const struct nl_gemm_width *width = nl_gemm_tiles()->width;
    for (size_t column = 0, columns = block->columns; column < columns; column += block->columns) {
        size_t rest = columns - column;
        while (rest < width->fewest)
            width++;
        block->columns = smaller(rest, width->columns);
        const float *of_strip = b + column;
        if (packed_terms) {
            block->b_step = block->columns;
            of_strip = b + column * packed_terms + k * block->columns;
        }
        strip(width, block, rows, a, of_strip, start ? start + column : NULL, c + column);
    }
}

void nl_gemm_parts(const struct nl_gemm_parts *p)
{
    struct nl_gemm_block block = {.a_row = p->a_row, .a_step = p->a_step, .b_step = p->b_step, .c_step = p->c_step};
    for (size_t k = 0; k < p->k; k += NL_GEMM_TERMS) {
        block.terms = smaller(p->k - k, NL_GEMM_TERMS);
        block.add = p->add || k > 0;
        block.columns = p->n;
        strips(&block, p->m, p->a + k * p->a_step, p->b + k * p->b_step, 0, 0, NULL, p->c);
    }
}

/* Strip after strip, each with all terms. */
void nl_cpu_gemm_pack(enum nl_cpu_transposed transposed, size_t n, size_t k, const float *b, float *to)
{
    const struct nl_gemm_width *width = nl_gemm_tiles()->width;
    for (size_t column = 0, columns; column < n; column += columns, to += columns * k) {
        while (n - column < width->fewest)
            width++;
        columns = smaller(n - column, width->columns);
        if (transposed == NL_TRANSPOSED_B)
            nl_cpu_transpose(columns, k, b + column * k, k, to, columns);
        for (size_t term = 0; transposed == NL_PLAIN && term < k; term++)
            memcpy(to + term * columns, b + term * n + column, columns * sizeof *to);
    }
}

/* Whether tiles transpose b in registers. That is hidden behind sums of many terms. Many rows, and with few terms some,
 * are better off with a b that was transposed once. Longer rows than a block do not go either: sixteen of them would
 * share one set of the first-level cache. */
static bool transposes_in_registers(const struct nl_cpu_gemm *g)
{
    size_t most_rows = g->k < FEW_TERMS || nl_gemm_tiles()->loads ? FEW_ROWS : SOME_ROWS;
    return g->transposed == NL_TRANSPOSED_B && g->m <= most_rows && g->k <= NL_GEMM_TERMS &&
           g->n % NL_GEMM_VECTOR == 0 && g->k >= NL_GEMM_SQUARE;
}

struct rows {
    const struct nl_cpu_gemm *g;
    bool steps;
};

/* Asks for what tiles are about to take in another order than that of memory, in which it comes several times as
 * fast. */
static void ask_for(const float *from, size_t rows, size_t columns, size_t line)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column += LINE)
            __builtin_prefetch(from + row * line + column, 0, 2);
}

/* Stripes [first, end) of c's rows. */
static void on_stripes(void *context, size_t first, size_t end, int thread)
{
    const struct nl_cpu_gemm *g = ((const struct rows *)context)->g;
    const struct nl_gemm_isa *isa = nl_gemm_tiles();
    bool in_registers = transposes_in_registers(g), across = g->transposed == NL_TRANSPOSED_A,
         packed = g->transposed == NL_PACKED, steps = ((const struct rows *)context)->steps;
    struct nl_gemm_block block = {.a_row = across ? 1 : g->k,
                                  .a_step = across ? g->m : 1,
                                  .c_step = g->n,
                                  .origin = g->c,
                                  .sgd = g->sgd,
                                  .masks = g->masks};
    size_t last = smaller(end * STRIPE, g->m);
    (void)thread;
    for (size_t row = first * STRIPE; row < last; row += BLOCK_ROWS) {
        size_t rows = smaller(last - row, BLOCK_ROWS);
        for (size_t k = 0; k < g->k; k += NL_GEMM_TERMS) {
            const float *a = g->a + row * block.a_row + k * block.a_step, *b = packed ? g->b : g->b + k * g->n;
            const float *start = k == 0 ? g->start : NULL;
            float *c = g->c + row * g->n;
            block.terms = smaller(g->k - k, NL_GEMM_TERMS);
            block.add = g->add || k > 0;
            bool complete = k + block.terms == g->k;
            block.relu = complete && g->relu;
            block.mask = complete ? g->mask : NULL;
            block.asks = g->m * g->n >= ASKED_RESULT;
            block.columns = g->n;
            block.b_step = in_registers ? g->k : g->n;
            block.dx = g->dx ? g->dx + row : NULL;
            if (across && block.terms >= ASKED_TERMS)
                ask_for(a, block.terms, rows, g->m);
            if (steps)
                isa->step(&block, row * g->n, rows, a, g->b);
            else if (in_registers)
                isa->transposed_b(&block, rows, a, g->b, start, c); /* all terms are in one block */
            else
                strips(&block, rows, a, b, packed ? g->k : 0, k, start, c);
        }
        if (g->finish)
            g->finish(rows * g->n, g->c + row * g->n, g->other ? g->other + row * g->n : NULL);
    }
}

/* A team shares a product that takes one thread several microseconds. No sum changes. */
static void share(const struct nl_cpu_gemm *g, bool steps)
{
    size_t stripes = (g->m + STRIPE - 1) / STRIPE;
    struct rows all = {g, steps};
    if (stripes < 2)
        on_stripes(&all, 0, stripes, 0);
    else
        nl_parallel_for(stripes, nl_cpu_grain(2.0 * STRIPE * (double)g->n * (double)g->k), on_stripes, &all);
}

/* Whether b is packed first. A b given transposed must be turned one way or the other. */
static bool packs(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_TRANSPOSED_B ? !transposes_in_registers(g)
                                            : g->transposed == NL_PLAIN && g->m >= PACKED_ROWS && g->n > NL_GEMM_WIDEST;
}

static void product(const struct nl_cpu_gemm *g, bool steps)
{
    if (steps || !packs(g)) {
        share(g, steps);
        return;
    }
    float *b = nl_cpu_product_scratch(g->k * g->n * sizeof *b);
    nl_cpu_gemm_pack(g->transposed, g->n, g->k, g->b, b);
    struct nl_cpu_gemm packed = *g;
    packed.transposed = NL_PACKED;
    packed.b = b;
    share(&packed, false);
}

/* Small products of one or two samples: setting up stripes and blocks would take a tenth of their time. */
static bool is_quick(const struct nl_cpu_gemm *g, size_t samples)
{
    return samples <= NL_GEMM_SMALL && nl_cpu_is_short(2.0 * (double)g->m * (double)g->n * (double)g->k);
}

static void quick_step(const struct nl_cpu_gemm *g)
{
    const struct nl_gemm_block block = {.terms = g->k,
                                        .a_row = 1,
                                        .a_step = g->m,
                                        .b_step = g->n,
                                        .c_step = g->n,
                                        .columns = g->n,
                                        .sgd = g->sgd,
                                        .dx = g->dx,
                                        .masks = g->masks};
    nl_gemm_tiles()->step(&block, 0, g->m, g->a, g->b);
}

static void quick_product(const struct nl_cpu_gemm *g)
{
    struct nl_gemm_block block = {.terms = g->k,
                                  .a_row = g->k,
                                  .a_step = 1,
                                  .b_step = g->n,
                                  .c_step = g->n,
                                  .columns = g->n,
                                  .add = g->add,
                                  .relu = g->relu};
    strips(&block, g->m, g->a, g->b, g->transposed == NL_PACKED ? g->k : 0, 0, g->start, g->c);
}

static size_t padded(size_t count)
{
    return (count + NL_GEMM_VECTOR - 1) / NL_GEMM_VECTOR * NL_GEMM_VECTOR;
}

/* Whether a gradient has so few columns (a head's 10 classes, say) that vectors down its columns waste fewer lanes.
 * Then the factors are exchanged: the bits stay. */
static bool is_narrow(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_TRANSPOSED_A && !g->start && !g->add && g->k >= NL_GEMM_VECTOR &&
           4 * padded(g->m) * g->n <= 3 * padded(g->n) * g->m;
}

/* With few terms an exchange does not pay: the weights step as they are. */
static bool steps_narrow(const struct nl_cpu_gemm *g)
{
    return g->sgd && g->n < NL_GEMM_VECTOR && g->m % NL_GEMM_VECTOR == 0 && g->k <= NL_GEMM_SMALL;
}

/* Whether a plain product is computed as c' = b' a'. The last rows, fewer than a vector, follow as they are. */
static bool is_slim(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_PLAIN && g->n < NL_GEMM_VECTOR && g->m >= 2 * NL_GEMM_VECTOR && g->k >= FEW_TERMS &&
           g->k <= NL_GEMM_TERMS && !g->add && !g->relu && !g->finish && !nl_gemm_tiles()->loads;
}

static void slim(const struct nl_cpu_gemm *g)
{
    size_t rows = g->m / NL_GEMM_VECTOR * NL_GEMM_VECTOR;
    float *b = nl_cpu_product_scratch((g->k + rows) * g->n * sizeof *b), *c = b + g->k * g->n; /* (n, k), (n, rows) */
    nl_cpu_transpose(g->k, g->n, g->b, g->n, b, g->k);
    const struct nl_gemm_block block = {
        .terms = g->k, .a_row = g->k, .a_step = 1, .b_step = g->k, .c_step = rows, .columns = rows, .down = true};
    nl_gemm_tiles()->transposed_b(&block, g->n, b, g->a, g->start, c);
    nl_cpu_transpose(g->n, rows, c, rows, g->c, g->n);
    if (rows < g->m)
        product(&(struct nl_cpu_gemm){NL_PLAIN, g->m - rows, g->n, g->k, .a = g->a + rows * g->k, .b = g->b,
                                      .start = g->start, .c = g->c + rows * g->n},
                false);
}

bool nl_gemm_own_yields_dx(const struct nl_cpu_gemm *g)
{
    return g->transposed == NL_TRANSPOSED_A && g->sgd && g->k <= NL_GEMM_SMALL && g->n % NL_GEMM_VECTOR == 0;
}

void nl_gemm_own(const struct nl_cpu_gemm *g)
{
    /* Rows that are no whole vectors overlap those of the next ones: a load right behind a store waits. */
    bool narrow = steps_narrow(g), steps = narrow || (g->sgd && g->n % NL_GEMM_VECTOR == 0 && g->k <= NL_GEMM_TERMS);
    if (narrow || (steps && is_quick(g, g->k))) {
        quick_step(g);
    } else if ((g->transposed == NL_PLAIN || g->transposed == NL_PACKED) && g->k <= NL_GEMM_TERMS && !g->finish &&
               is_quick(g, g->m)) {
        quick_product(g);
    } else if (is_slim(g)) {
        slim(g);
    } else if (is_narrow(g)) {
        float *gradient = nl_cpu_product_scratch(g->n * g->m * sizeof *gradient); /* (n, m) */
        product(&(struct nl_cpu_gemm){NL_TRANSPOSED_A, g->n, g->m, g->k, .a = g->b, .b = g->a, .c = gradient}, false);
        nl_cpu_transpose(g->n, g->m, gradient, g->m, g->c, g->n);
    } else {
        product(g, steps);
    }
    if (g->sgd && !steps)
        nl_cpu_sgd_step(g->sgd, g->m * g->n, g->c);
}
