/* The tiles of matrix products, for the vectors of the includer (vector_*.h). Sums are held in registers, so every
 * bound of a loop over them is a constant: `tile` is inlined into one instance a tile, and unrolled. */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/lanes.h"

#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL NL_UNROLLED

enum { MOST_ROWS = 8, MOST_VECTORS = 4, WIDE = 4 };

/* Vector v of a tile's columns; the last of a part is `last` columns. */
INLINE vec load_columns(const float *from, int v, int vectors, bool part, size_t last)
{
    return part && v == vectors - 1 ? load_part(from + v * LANES, last) : load(from + v * LANES);
}

INLINE void store_columns(float *to, vec value, int v, int vectors, bool part, size_t last)
{
    if (part && v == vectors - 1)
        store_part(to + v * LANES, value, last);
    else
        store(to + v * LANES, value);
}

/* Four terms of a b whose rows run along the terms: they are transposed in registers. The first `skip` of them are in
 * the sums already. */
INLINE void add_four(int rows, int vectors, size_t skip, const float *const row[MOST_ROWS], size_t k, const float *b,
                     size_t b_step, vec sum[MOST_ROWS][MOST_VECTORS])
{
    UNROLL
    for (int v = 0; v < vectors; v++, b += LANES * b_step) {
        vec weight[NL_GEMM_SQUARE];
        __asm__(""
                : "+r"(b)); /* keeps the compiler from computing the address of each row beforehand, for which there are
                               no registers */
        transpose_four(b, b_step, weight);
        UNROLL
        for (int i = 0; i < NL_GEMM_SQUARE; i++) {
            if ((size_t)i < skip)
                continue;
            UNROLL
            for (int t = 0; t < rows; t++)
                sum[t][v] = fused(broadcast(row[t][k + (size_t)i]), weight[i], sum[t][v]);
        }
    }
}

enum layout { ALONG, ACROSS, ALONG_TRANSPOSED };

/* All terms, of a whose rows run along them or across. */
INLINE void add_each(int rows, int vectors, bool part, bool along, const struct nl_gemm_block *block, const float *a,
                     const float *b, const float *const row[MOST_ROWS], vec sum[MOST_ROWS][MOST_VECTORS])
{
    size_t last = block->columns - (size_t)(vectors - 1) * LANES, a_step = along ? 1 : block->a_step,
           b_step = block->b_step;
    NL_UNROLLED_TWICE
    for (size_t k = 0; k < block->terms; k++, a += a_step, b += b_step) {
        vec weight[MOST_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            weight[v] = load_columns(b, v, vectors, part, last);
        UNROLL
        for (int t = 0; t < rows; t++) {
            vec value = broadcast(along ? row[t][k] : a[t]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[t][v] = fused(value, weight[v], sum[t][v]);
        }
    }
}

INLINE void add_terms(int rows, int vectors, bool part, enum layout layout, const struct nl_gemm_block *block,
                      const float *a, const float *b, vec sum[MOST_ROWS][MOST_VECTORS])
{
    size_t terms = block->terms, b_step = block->b_step, done = 0;
    const float *row[MOST_ROWS];
    UNROLL
    for (int t = 0; t < rows; t++)
        row[t] = a + (size_t)t * (layout == ACROSS ? 1 : block->a_row);
    for (; layout == ALONG_TRANSPOSED && done + NL_GEMM_SQUARE <= terms; done += NL_GEMM_SQUARE)
        add_four(rows, vectors, 0, row, done, b + done, b_step, sum);
    if (layout == ALONG_TRANSPOSED && done < terms) /* the last four overlap with those before */
        add_four(rows, vectors, NL_GEMM_SQUARE - (terms - done), row, terms - NL_GEMM_SQUARE,
                 b + terms - NL_GEMM_SQUARE, b_step, sum);
    if (layout != ALONG_TRANSPOSED)
        add_each(rows, vectors, part, layout == ALONG, block, a, b, row, sum);
}

/* The rows below, which the next tile stores. */
INLINE void ask_for_next(int rows, int vectors, const float *c, size_t c_step)
{
    UNROLL
    for (int t = rows; t < 2 * rows; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(c + (size_t)t * c_step + v * LANES, 1);
    }
}

INLINE void tile(int rows, int vectors, bool part, enum layout layout, const struct nl_gemm_block *block,
                 const float *a, const float *b, const float *start, float *c)
{
    size_t last = block->columns - (size_t)(vectors - 1) * LANES, c_step = block->c_step;
    bool add = block->add, relu = layout == ALONG && block->relu;
    const float *mask = layout == ACROSS || !block->mask ? NULL : block->mask + (c - block->origin);
    vec sum[MOST_ROWS][MOST_VECTORS];
    if (layout == ALONG && block->asks)
        ask_for_next(rows, vectors, c, c_step);
    UNROLL
    for (int t = 0; t < rows; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            if (!start)
                sum[t][v] = broadcast(0.0f);
            else if (layout == ALONG_TRANSPOSED && block->down)
                sum[t][v] = broadcast(start[t]);
            else
                sum[t][v] = load_columns(start, v, vectors, part, last);
    }
    add_terms(rows, vectors, part, layout, block, a, b, sum);
    UNROLL
    for (int t = 0; t < rows; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = c + (size_t)t * c_step;
            if (add)
                sum[t][v] += load_columns(to, v, vectors, part, last);
            if (relu)
                sum[t][v] = larger(broadcast(0.0f), sum[t][v]);
            if (mask)
                sum[t][v] = where_larger(load_columns(mask + (size_t)t * c_step, v, vectors, part, last),
                                         broadcast(0.0f), sum[t][v]);
            store_columns(to, sum[t][v], v, vectors, part, last);
        }
    }
}

#define TILE_NAME(layout, rows, vectors, part) tile_##layout##_##rows##x##vectors##_##part
#define TILE_OF(layout, rows, vectors, part)                                                                           \
    TARGET static void TILE_NAME(layout, rows, vectors, part)(const struct nl_gemm_block *block, const float *a,       \
                                                              const float *b, const float *start, float *c)            \
    {                                                                                                                  \
        tile(rows, vectors, part, layout, block, a, b, start, c);                                                      \
    }
#define TILE(rows, vectors, part) TILE_OF(ALONG, rows, vectors, part) TILE_OF(ACROSS, rows, vectors, part)

/* Rows of the table: tiles of r0 > r1 > r2 > r3 rows. */
#define TILES_OF(layout, vectors, part, r0, r1, r2, r3)                                                                \
    {                                                                                                                  \
        TILE_NAME(layout, r0, vectors, part), TILE_NAME(layout, r1, vectors, part),                                    \
            TILE_NAME(layout, r2, vectors, part), TILE_NAME(layout, r3, vectors, part)                                 \
    }
#define WIDTH(vectors, least, part, r0, r1, r2, r3)                                                                    \
    {                                                                                                                  \
        .columns = (vectors)*LANES, .fewest = least, .rows = {r0, r1, r2, r3},                                         \
        .along = TILES_OF(ALONG, vectors, part, r0, r1, r2, r3),                                                       \
        .across = TILES_OF(ACROSS, vectors, part, r0, r1, r2, r3),                                                     \
    }

/* Makes the compiler advance a pointer from row to row. It would compute the address of each row beforehand, and run
 * out of registers. */
#define ADVANCE(pointer, by)              \
    do {                                  \
        (pointer) += (by);                \
        __asm__("" : "+r"(pointer));      \
    } while (0)

/* Which kind of SGD it is: constants wherever they are used. */
struct sgd_kind {
    bool decays, moves, nesterov;
};

/* The step of one vector of w and of its momentum. `down` is their gradient. The arithmetic is that of
 * nl_cpu_sgd_step. */
INLINE void descend(struct sgd_kind kind, vec lr, vec decay, vec momentum, vec weight, float *w, float *buffer,
                    vec down)
{
    if (kind.decays)
        down += decay * weight;
    if (kind.moves) {
        vec moving = momentum * load(buffer) + down;
        store(buffer, moving);
        if (kind.nesterov)
            down += momentum * moving;
        else
            down = moving;
    }
    store(w, weight - lr * down);
}

/* Many terms: a gradient takes longer to sum than to apply, so tiles have several rows. */
INLINE void step_rows(int rows, struct sgd_kind kind, const struct nl_gemm_block *block, const struct nl_cpu_sgd *sgd,
                      size_t place, const float *a, const float *b)
{
    enum { VECTORS = NL_GEMM_VECTOR / LANES };
    const vec lr = broadcast(sgd->lr), decay = broadcast(sgd->decay), momentum = broadcast(sgd->momentum);
    for (size_t column = 0; column < block->columns; column += NL_GEMM_VECTOR) {
        vec gradient[MOST_ROWS][MOST_VECTORS];
        UNROLL
        for (int t = 0; t < rows; t++) {
            UNROLL
            for (int v = 0; v < VECTORS; v++)
                gradient[t][v] = broadcast(0.0f);
        }
        add_terms(rows, VECTORS, false, ACROSS, block, a, b + column, gradient);
        float *w = sgd->w + place + column, *buffer = kind.moves ? sgd->buffer + place + column : NULL;
        UNROLL
        for (int t = 0; t < rows; t++) {
            UNROLL
            for (int v = 0; v < VECTORS; v++)
                descend(kind, lr, decay, momentum, load(w + v * LANES), w + v * LANES,
                        kind.moves ? buffer + v * LANES : NULL, gradient[t][v]);
            ADVANCE(w, block->c_step);
            if (kind.moves)
                ADVANCE(buffer, block->c_step);
        }
    }
}

/* b w' of a few rows of w: sums in NL_GEMM_VECTOR lanes while columns are added, and in a quarter as many lanes after
 * the last column. */
struct lane_sums {
    float lane[NL_GEMM_SMALL][NL_GEMM_VECTOR][NL_GEMM_VECTOR]; /* (terms, rows, lanes) */
    float quarter[NL_GEMM_SMALL][NL_GEMM_VECTOR][NL_GEMM_SQUARE]; /* (terms, rows, lanes / 4) */
};

/* Few terms: a gradient takes less time to sum than its weight and momentum take to store. So this goes along the rows,
 * in the order of memory, with b in registers. Where there are `sums`, there are NL_GEMM_VECTOR rows at most, and their
 * products with b are added to the sums. */
INLINE void step_along(int terms, int vectors, struct sgd_kind kind, const struct nl_gemm_block *block,
                       const struct nl_cpu_sgd *sgd, size_t place, size_t rows, const float *a, const float *b,
                       struct lane_sums *sums, bool begins, bool ends)
{
    enum { VECTORS = NL_GEMM_VECTOR / LANES };
    const vec lr = broadcast(sgd->lr), decay = broadcast(sgd->decay), momentum = broadcast(sgd->momentum);
    float *w = sgd->w + place, *buffer = kind.moves ? sgd->buffer + place : NULL;
    vec factor[NL_GEMM_SMALL][MOST_VECTORS];
    UNROLL
    for (int k = 0; k < terms; k++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            factor[k][v] = load(b + (size_t)k * block->b_step + v * LANES);
    }
    for (size_t row = 0; row < rows; row++) {
        vec value[NL_GEMM_SMALL], sum[NL_GEMM_SMALL][VECTORS];
        UNROLL
        for (int k = 0; k < terms; k++) {
            value[k] = broadcast(a[(size_t)k * block->a_step + row]);
            UNROLL
            for (int v = 0; sums && v < VECTORS; v++)
                sum[k][v] = begins ? broadcast(0.0f) : load(sums->lane[k][row] + v * LANES);
        }
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec gradient = broadcast(0.0f), weight = load(w + v * LANES);
            UNROLL
            for (int k = 0; k < terms; k++) {
                gradient = fused(value[k], factor[k][v], gradient);
                if (sums)
                    sum[k][v % VECTORS] = fused(weight, factor[k][v], sum[k][v % VECTORS]);
            }
            descend(kind, lr, decay, momentum, weight, w + v * LANES, kind.moves ? buffer + v * LANES : NULL, gradient);
        }
        UNROLL
        for (int k = 0; sums && k < terms; k++) {
            if (ends)
                store_quarter(sums->quarter[k][row], sum[k]);
            UNROLL
            for (int v = 0; !ends && v < VECTORS; v++)
                store(sums->lane[k][row] + v * LANES, sum[k][v]);
        }
        w += block->c_step;
        buffer = kind.moves ? buffer + block->c_step : NULL;
    }
}

/* Adds the lanes of each row, and stores the sums. */
INLINE void add_lanes(float (*quarter)[NL_GEMM_SQUARE], size_t rows, const float *mask, float *to)
{
    for (size_t row = 0; row < rows; row += LANES) {
        size_t count = rows - row < LANES ? rows - row : LANES;
        vec column[NL_GEMM_SQUARE];
        transpose_four(quarter[row], NL_GEMM_SQUARE, column);
        vec all = (column[0] + column[1]) + (column[2] + column[3]);
        if (mask)
            all = where_larger(load_part(mask + row, count), broadcast(0.0f), all);
        store_part(to + row, all, count);
    }
}

/* Few terms, and fewer columns than NL_GEMM_VECTOR: this goes along the rows too, and a vector holds parts of several
 * rows. LANES rows fill as many vectors as there are columns, and the next LANES rows are divided in the same way. */
INLINE void step_narrow(int terms, struct sgd_kind kind, const struct nl_gemm_block *block,
                        const struct nl_cpu_sgd *sgd, size_t place, size_t rows, const float *a, const float *b)
{
    enum { SHIFT = 16 }; /* of a quotient that is exact below 2^8 */
    const vec lr = broadcast(sgd->lr), decay = broadcast(sgd->decay), momentum = broadcast(sgd->momentum);
    size_t columns = block->columns;
    int inverse = (1 << SHIFT) / (int)columns + 1;
    float repeated[NL_GEMM_SMALL][2 * NL_GEMM_VECTOR + LANES]; /* b's rows */
    for (int k = 0; k < terms; k++)
        for (size_t i = 0; i < columns + LANES; i += columns)
            memcpy(repeated[k] + i, b + (size_t)k * block->b_step, columns * sizeof *b);
    places row_of[NL_GEMM_VECTOR], number = {0};
    UNROLL
    for (int i = 0; i < LANES; i++)
        number[i] = i * inverse;
    for (size_t v = 0; v < columns; v++, number += LANES * inverse)
        row_of[v] = number >> SHIFT;
    float *w = sgd->w + place, *buffer = kind.moves ? sgd->buffer + place : NULL;
    for (size_t row = 0; row < rows; row += LANES) {
        vec value[NL_GEMM_SMALL];
        UNROLL
        for (int k = 0; k < terms; k++)
            value[k] = load(a + (size_t)k * block->a_step + row);
        for (size_t v = 0, column = 0; v < columns; v++) {
            vec gradient = broadcast(0.0f);
            UNROLL
            for (int k = 0; k < terms; k++)
                gradient = fused(pick(value[k], row_of[v]), load(repeated[k] + column), gradient);
            descend(kind, lr, decay, momentum, load(w), w, buffer, gradient);
            w += LANES;
            buffer = kind.moves ? buffer + LANES : NULL;
            column += LANES % columns;
            column -= column < columns ? 0 : columns;
        }
    }
}

/* Rows of whole vectors. */
INLINE void step_wide(int terms, struct sgd_kind kind, const struct nl_gemm_block *block, const struct nl_cpu_sgd *sgd,
                      size_t place, size_t rows, const float *a, const float *b, struct lane_sums *sums)
{
    enum { VECTORS = NL_GEMM_VECTOR / LANES };
    for (size_t column = 0, end; column < block->columns; column = end) {
        end = column + WIDE * LANES;
        if (end > block->columns) {
            end = column + NL_GEMM_VECTOR;
            step_along(terms, VECTORS, kind, block, sgd, place + column, rows, a, b + column, sums, column == 0,
                       end == block->columns);
        } else {
            step_along(terms, WIDE, kind, block, sgd, place + column, rows, a, b + column, sums, column == 0,
                       end == block->columns);
        }
    }
}

INLINE void step_small(int terms, struct sgd_kind kind, const struct nl_gemm_block *block, const struct nl_cpu_sgd *sgd,
                       size_t place, size_t rows, const float *a, const float *b)
{
    if (block->columns < NL_GEMM_VECTOR) {
        step_narrow(terms, kind, block, sgd, place, rows, a, b);
        return;
    }
    if (!block->dx) {
        step_wide(terms, kind, block, sgd, place, rows, a, b, NULL);
        return;
    }
    struct lane_sums sums;
    for (size_t row = 0; row < rows; row += NL_GEMM_VECTOR) {
        size_t count = rows - row < NL_GEMM_VECTOR ? rows - row : NL_GEMM_VECTOR;
        step_wide(terms, kind, block, sgd, place + row * block->c_step, count, a + row, b, &sums);
        for (int k = 0; k < terms; k++) {
            size_t at = (size_t)k * block->a_step;
            add_lanes(sums.quarter[k], count, block->masks ? a + at + row : NULL, block->dx + at + row);
        }
    }
}

INLINE void step_all(struct sgd_kind kind, const struct nl_gemm_block *original, size_t place, size_t rows,
                     const float *a, const float *b)
{
    /* Copies: the compiler must assume that every store changes what a pointer points to. */
    const struct nl_gemm_block block = *original;
    const struct nl_cpu_sgd sgd = *block.sgd;
    if (block.terms == 1) {
        step_small(1, kind, &block, &sgd, place, rows, a, b);
        return;
    }
    if (block.terms == 2) {
        step_small(2, kind, &block, &sgd, place, rows, a, b);
        return;
    }
    size_t row = 0;
    for (; row + STEP_ROWS <= rows; row += STEP_ROWS)
        step_rows(STEP_ROWS, kind, &block, &sgd, place + row * block.c_step, a + row, b);
    for (; row < rows; row++)
        step_rows(1, kind, &block, &sgd, place + row * block.c_step, a + row, b);
}

TARGET static void step(const struct nl_gemm_block *block, size_t place, size_t rows, const float *a, const float *b)
{
    bool moves = block->sgd->buffer != NULL, nesterov = block->sgd->nesterov;
    if (block->sgd->decay != 0) {
        if (!moves)
            step_all((struct sgd_kind){true, false, false}, block, place, rows, a, b);
        else if (nesterov)
            step_all((struct sgd_kind){true, true, true}, block, place, rows, a, b);
        else
            step_all((struct sgd_kind){true, true, false}, block, place, rows, a, b);
    } else {
        if (!moves)
            step_all((struct sgd_kind){false, false, false}, block, place, rows, a, b);
        else if (nesterov)
            step_all((struct sgd_kind){false, true, true}, block, place, rows, a, b);
        else
            step_all((struct sgd_kind){false, true, false}, block, place, rows, a, b);
    }
}

INLINE void transposed_rows(int rows, int vectors, const struct nl_gemm_block *block, size_t row, size_t column,
                            const float *a, const float *b, const float *start, float *c)
{
    const float *starts = start ? start + (block->down ? row : column) : NULL;
    tile(rows, vectors, false, ALONG_TRANSPOSED, block, a + row * block->a_row, b + column * block->b_step, starts,
         c + row * block->c_step + column);
}

/* One row or two: many columns side by side, since each term of a sum waits for the one before. Returns how many
 * columns are done. */
TARGET static size_t transposed_few(const struct nl_gemm_block *original, size_t rows, const float *a, const float *b,
                                    const float *start, float *c)
{
    const struct nl_gemm_block block = *original; /* as in step_all */
    size_t column = 0;
    for (; column + WIDE * LANES <= block.columns; column += WIDE * LANES)
        if (rows == 1)
            transposed_rows(1, WIDE, &block, 0, column, a, b, start, c);
        else
            transposed_rows(2, WIDE, &block, 0, column, a, b, start, c);
    return column;
}

TARGET static void transposed_b(const struct nl_gemm_block *original, size_t rows, const float *a, const float *b,
                                const float *start, float *c)
{
    const struct nl_gemm_block block = *original; /* as in step_all */
    size_t column = rows == 1 || rows == 2 ? transposed_few(original, rows, a, b, start, c) : 0;
    for (; column < block.columns; column += LANES) {
        size_t row = 0;
        for (; row + 8 <= rows; row += 8)
            transposed_rows(8, 1, &block, row, column, a, b, start, c);
        for (; row + 4 <= rows; row += 4)
            transposed_rows(4, 1, &block, row, column, a, b, start, c);
        for (; row + 2 <= rows; row += 2)
            transposed_rows(2, 1, &block, row, column, a, b, start, c);
        if (row < rows)
            transposed_rows(1, 1, &block, row, column, a, b, start, c);
    }
}
