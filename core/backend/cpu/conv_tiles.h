/* The tiles of the direct convolutions, for the includer's vectors (vector_avx512.h says what these can do). Sums are
 * held in registers, so every bound of a loop over them is a constant: the functions below are inlined into one
 * instance a tile, and unrolled. */
#include "backend/cpu/conv.h"
#include "backend/cpu/lanes.h"

#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL NL_UNROLLED

enum { MOST_PIXELS = 16, MOST_VECTORS = 4 };

/* One tap for pixels [first, end) of the tile. */
INLINE void add_tap(vec sum[MOST_PIXELS][MOST_VECTORS], int first, int end, int vectors, size_t step, const float *x,
                    const float *w, size_t in, size_t w_step)
{
    for (size_t c = 0; c < in; c++, w += w_step) {
        vec weight[MOST_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            weight[v] = load(w + v * LANES);
        UNROLL
        for (int t = first; t < end; t++) {
            vec value = broadcast(x[(size_t)t * step + c]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[t][v] = fused(value, weight[v], sum[t][v]);
        }
    }
}

INLINE void tile(int pixels, int vectors, size_t step, const struct nl_conv_tap *taps, size_t count, const float *x,
                 const float *w, size_t in, size_t w_step, const float *b, float *y, size_t y_step)
{
    vec sum[MOST_PIXELS][MOST_VECTORS];
    UNROLL
    for (int t = 0; t < pixels; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[t][v] = b ? load(b + v * LANES) : broadcast(0.0f);
    }
    for (const struct nl_conv_tap *tap = taps; tap < taps + count; tap++)
        if (tap->pixels == NL_TAP_ALL)
            add_tap(sum, 0, pixels, vectors, step, x + tap->x, w + tap->w, in, w_step);
        else if (tap->pixels == NL_TAP_NOT_FIRST)
            add_tap(sum, 1, pixels, vectors, step, x + tap->x, w + tap->w, in, w_step);
        else
            add_tap(sum, 0, pixels - 1, vectors, step, x + tap->x, w + tap->w, in, w_step);
    UNROLL
    for (int t = 0; t < pixels; t++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            store(y + (size_t)t * y_step + v * LANES, sum[t][v]);
    }
}

INLINE void weight_tile(int inputs, int vectors, const struct nl_conv_plane *plane, float *dw, size_t dw_step, bool add)
{
    vec sum[MOST_PIXELS][MOST_VECTORS];
    UNROLL
    for (int c = 0; c < inputs; c++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[c][v] = broadcast(0.0f);
    }
    size_t x_step = plane->x_step, dy_step = plane->dy_step;
    for (size_t i = 0; i < plane->rows; i++) {
        const float *x = plane->x + i * plane->x_line, *dy = plane->dy + i * plane->dy_line;
        for (size_t j = plane->columns; j > 0; j--, x += x_step, dy += dy_step) {
            vec gradient[MOST_VECTORS];
            UNROLL
            for (int v = 0; v < vectors; v++)
                gradient[v] = load(dy + v * LANES);
            UNROLL
            for (int c = 0; c < inputs; c++) {
                vec value = broadcast(x[c]);
                UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[c][v] = fused(value, gradient[v], sum[c][v]);
            }
        }
    }
    UNROLL
    for (int c = 0; c < inputs; c++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = dw + (size_t)c * dw_step + v * LANES;
            vec before = add ? load(to) : broadcast(0.0f);
            store(to, before + sum[c][v]);
        }
    }
}

#define TILE_NAME(pixels, vectors, step) tile_##pixels##x##vectors##_step##step
#define TILE(pixels, vectors, step)                                                                                    \
    TARGET static void TILE_NAME(pixels, vectors, step)(const struct nl_conv_tap *taps, size_t count, const float *x,  \
                                                        const float *w, size_t in, size_t w_step, const float *b,      \
                                                        float *y, size_t y_step)                                       \
    {                                                                                                                  \
        tile(pixels, vectors, step, taps, count, x, w, in, w_step, b, y, y_step);                                      \
    }
#define TILES(pixels, vectors)                                                                                         \
    TILE(pixels, vectors, 1)                                                                                           \
    TILE(pixels, vectors, 2)                                                                                           \
    TILE(pixels, vectors, 3)                                                                                           \
    TILE(pixels, vectors, 6)                                                                                           \
    TILE(pixels, vectors, 16)                                                                                          \
    TILE(pixels, vectors, 32)                                                                                          \
    TILE(pixels, vectors, 64)                                                                                          \
    TILE(pixels, vectors, 128)

#define WEIGHT_TILE_NAME(inputs, vectors) weight_tile_##inputs##x##vectors
#define WEIGHT_TILE(inputs, vectors)                                                                                   \
    TARGET static void WEIGHT_TILE_NAME(inputs, vectors)(const struct nl_conv_plane *plane, float *dw, size_t dw_step, \
                                                         bool add)                                                     \
    {                                                                                                                  \
        weight_tile(inputs, vectors, plane, dw, dw_step, add);                                                         \
    }

/* The table of a width: its tiles by their numbers of pixels, for every step. */
#define TILES_OF_STEP(vectors, step, a, b, c, d, e, f)                                                                 \
    {                                                                                                                  \
        TILE_NAME(a, vectors, step), TILE_NAME(b, vectors, step), TILE_NAME(c, vectors, step),                         \
            TILE_NAME(d, vectors, step), TILE_NAME(e, vectors, step), TILE_NAME(f, vectors, step)                      \
    }
#define WIDTH(vectors, ...)                                                                                            \
    .channels = (vectors)*LANES, .pixels = {__VA_ARGS__},                                                              \
    .tile = {TILES_OF_STEP(vectors, 1, __VA_ARGS__),  TILES_OF_STEP(vectors, 2, __VA_ARGS__),                          \
             TILES_OF_STEP(vectors, 3, __VA_ARGS__),  TILES_OF_STEP(vectors, 6, __VA_ARGS__),                          \
             TILES_OF_STEP(vectors, 16, __VA_ARGS__), TILES_OF_STEP(vectors, 32, __VA_ARGS__),                         \
             TILES_OF_STEP(vectors, 64, __VA_ARGS__), TILES_OF_STEP(vectors, 128, __VA_ARGS__)}
