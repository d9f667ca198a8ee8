/* The tiles of matrix products, for the vectors of the includer (vector_*.h). Sums are held in registers, so every bound of a loop
 * over them is a constant: `tile` is inlined into one instance a tile, and unrolled. */
#include "backend/cpu/gemm.h"

#define INLINE TARGET static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { MOST_ROWS = 8, MOST_VECTORS = 4 };

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

/* The weights' step by their gradients: the arithmetic of nl_cpu_sgd_step. */
INLINE void step_weights(int rows, int vectors, bool moves, bool nesterov, const struct nl_cpu_sgd *sgd, vec gradient[MOST_ROWS][MOST_VECTORS],
                         float *w, float *buffer, size_t w_step)
{
    vec lr = broadcast(sgd->lr), decay = broadcast(sgd->decay), momentum = broadcast(sgd->momentum);
    UNROLL
    for (int t = 0; t < rows; t++, w += w_step, buffer += w_step) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec weight = load(w + v * LANES), down = gradient[t][v] + decay * weight;
            if (moves) {
                vec moving = momentum * load(buffer + v * LANES) + down;
                store(buffer + v * LANES, moving);
                if (nesterov)
                    down += momentum * moving;
                else
                    down = moving;
            }
            store(w + v * LANES, weight - lr * down);
        }
    }
}

/* Four terms of b given with its terms along its rows: turned in registers, since a few rows of a use them once. The first `skip` of them
 * are done already. */
INLINE void add_four(int rows, int vectors, size_t skip, const float *const row[MOST_ROWS], size_t k, const float *b, size_t b_step,
                     vec sum[MOST_ROWS][MOST_VECTORS])
{
    UNROLL
    for (int v = 0; v < vectors; v++, b += LANES * b_step) {
        vec weight[NL_GEMM_TURNED];
        __asm__("" : "+r"(b)); /* or the compiler works out where each of the rows lies, and has no registers for it */
        turn(b, b_step, weight);
        UNROLL
        for (int i = 0; i < NL_GEMM_TURNED; i++) {
            if ((size_t)i < skip)
                continue;
            UNROLL
            for (int t = 0; t < rows; t++)
                sum[t][v] = fused(broadcast(row[t][k + (size_t)i]), weight[i], sum[t][v]);
        }
    }
}

enum way { ALONG, ACROSS, STEP, ALONG_TURNED };

INLINE void tile(int rows, int vectors, bool part, enum way way, const struct nl_gemm_block *block, const float *a, const float *b,
                 const float *start, float *c)
{
    size_t terms = block->terms, last = block->columns - (size_t)(vectors - 1) * LANES, c_step = block->c_step, b_step = block->b_step;
    bool along = way == ALONG || way == ALONG_TURNED, add = block->add;
    size_t a_row = along ? block->a_row : 1, a_step = along ? 1 : block->a_step;
    vec sum[MOST_ROWS][MOST_VECTORS];
    const float *row[MOST_ROWS];
    UNROLL
    for (int t = 0; t < rows; t++) {
        row[t] = a + (size_t)t * a_row;
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[t][v] = start ? load_columns(start, v, vectors, part, last) : broadcast(0.0f);
    }
    size_t done = 0;
    for (; way == ALONG_TURNED && done + NL_GEMM_TURNED <= terms; done += NL_GEMM_TURNED)
        add_four(rows, vectors, 0, row, done, b + done, b_step, sum);
    if (way == ALONG_TURNED && done < terms) /* the last ones reach back */
        add_four(rows, vectors, NL_GEMM_TURNED - (terms - done), row, terms - NL_GEMM_TURNED, b + terms - NL_GEMM_TURNED, b_step, sum);
    for (size_t k = 0; way != ALONG_TURNED && k < terms; k++, b += b_step) {
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
        a += a_step;
    }
    UNROLL
    for (int t = 0; t < rows; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = c + (size_t)t * c_step;
            if (add)
                sum[t][v] = load_columns(to, v, vectors, part, last) + sum[t][v];
            if (way != STEP)
                store_columns(to, sum[t][v], v, vectors, part, last);
        }
    }
    if (way != STEP)
        return;
    const struct nl_cpu_sgd *sgd = block->sgd;
    float *w = sgd->w + (c - block->origin), *buffer = sgd->buffer;
    if (!buffer)
        step_weights(rows, vectors, false, false, sgd, sum, w, w, c_step);
    else if (sgd->nesterov)
        step_weights(rows, vectors, true, true, sgd, sum, w, buffer + (c - block->origin), c_step);
    else
        step_weights(rows, vectors, true, false, sgd, sum, w, buffer + (c - block->origin), c_step);
}

#define TILE_NAME(way, rows, vectors, part) tile_##way##_##rows##x##vectors##_##part
#define TILE_OF(way, rows, vectors, part)                                                                                      \
    TARGET static void TILE_NAME(way, rows, vectors, part)(const struct nl_gemm_block *block, const float *a, const float *b,  \
                                                           const float *start, float *c)                                       \
    {                                                                                                                          \
        tile(rows, vectors, part, way, block, a, b, start, c);                                                                 \
    }
#define WHOLE_TILE(rows, vectors) TILE_OF(ALONG, rows, vectors, 0) TILE_OF(ACROSS, rows, vectors, 0) TILE_OF(STEP, rows, vectors, 0) TILE_OF(ALONG_TURNED, rows, vectors, 0)
#define PART_TILE(rows, vectors) TILE_OF(ALONG, rows, vectors, 1) TILE_OF(ACROSS, rows, vectors, 1)

/* Rows of the table: tiles of r0 > r1 > r2 > r3 rows. */
#define TILES_OF(way, vectors, part, r0, r1, r2, r3)                                                                           \
    {TILE_NAME(way, r0, vectors, part), TILE_NAME(way, r1, vectors, part), TILE_NAME(way, r2, vectors, part),                  \
     TILE_NAME(way, r3, vectors, part)}
#define WHOLE_WIDTH(vectors, r0, r1, r2, r3)                                                                                   \
    {                                                                                                                          \
        .columns = (vectors) * LANES, .fewest = (vectors) * LANES, .rows = {r0, r1, r2, r3},                                   \
        .along = TILES_OF(ALONG, vectors, 0, r0, r1, r2, r3), .across = TILES_OF(ACROSS, vectors, 0, r0, r1, r2, r3),          \
        .step = TILES_OF(STEP, vectors, 0, r0, r1, r2, r3), .turned = TILES_OF(ALONG_TURNED, vectors, 0, r0, r1, r2, r3),      \
    }
#define PART_WIDTH(vectors, least, r0, r1, r2, r3)                                                                             \
    {                                                                                                                          \
        .columns = (vectors) * LANES, .fewest = least, .rows = {r0, r1, r2, r3},                                               \
        .along = TILES_OF(ALONG, vectors, 1, r0, r1, r2, r3), .across = TILES_OF(ACROSS, vectors, 1, r0, r1, r2, r3),          \
    }
