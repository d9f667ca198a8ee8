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

INLINE vec load_columns(const float *from, bool part, size_t columns)
{
    return part ? load_part(from, columns) : load(from);
}

INLINE void tile(int rows, int vectors, bool part, bool along, const struct nl_gemm_block *block, const float *a, const float *b,
                 const float *start, float *c)
{
    size_t terms = block->terms, columns = block->columns, c_step = block->c_step, b_step = block->b_step;
    size_t a_row = along ? block->a_row : 1, a_step = along ? 1 : block->a_step;
    bool add = block->add;
    vec sum[MOST_ROWS][MOST_VECTORS];
    const float *row[MOST_ROWS];
    UNROLL
    for (int t = 0; t < rows; t++) {
        row[t] = a + (size_t)t * a_row;
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[t][v] = start ? load_columns(start + v * LANES, part, columns) : broadcast(0.0f);
    }
    for (size_t k = 0; k < terms; k++, b += b_step) {
        vec weight[MOST_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            weight[v] = load_columns(b + v * LANES, part, columns);
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
            float *to = c + (size_t)t * c_step + v * LANES;
            vec value = sum[t][v];
            if (add)
                value = load_columns(to, part, columns) + value;
            if (part)
                store_part(to, value, columns);
            else
                store(to, value);
        }
    }
}

#define TILE_NAME(way, rows, vectors, part) tile_##way##_##rows##x##vectors##_##part
#define TILE_OF(way, rows, vectors, part)                                                                                      \
    TARGET static void TILE_NAME(way, rows, vectors, part)(const struct nl_gemm_block *block, const float *a, const float *b,  \
                                                           const float *start, float *c)                                       \
    {                                                                                                                          \
        tile(rows, vectors, part, way, block, a, b, start, c);                                                                 \
    }
#define TILE(rows, vectors, part) TILE_OF(along, rows, vectors, part) TILE_OF(across, rows, vectors, part)

/* For the names above. */
enum { across = 0, along = 1, whole = 0, part = 1 };

/* A row of the table: tiles of r0 > r1 > r2 > r3 rows. */
#define WIDTH(vectors, is_part, r0, r1, r2, r3)                                                                                \
    {                                                                                                                          \
        .columns = (vectors) * LANES, .part = is_part, .rows = {r0, r1, r2, r3},                                               \
        .along = {TILE_NAME(along, r0, vectors, is_part), TILE_NAME(along, r1, vectors, is_part),                              \
                  TILE_NAME(along, r2, vectors, is_part), TILE_NAME(along, r3, vectors, is_part)},                             \
        .across = {TILE_NAME(across, r0, vectors, is_part), TILE_NAME(across, r1, vectors, is_part),                           \
                   TILE_NAME(across, r2, vectors, is_part), TILE_NAME(across, r3, vectors, is_part)},                          \
    }
