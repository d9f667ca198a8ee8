/* The tiles for AVX-512: 32 registers of 16 floats, 16 of them sums. */
#include "backend/cpu/conv.h"

#ifdef NL_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,fma")))
typedef __m512 vec;
enum { LANES = 16 };
#define load(from) _mm512_loadu_ps(from)
#define store(to, value) _mm512_storeu_ps(to, value)
#define broadcast(value) _mm512_set1_ps(value)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c)

#include "backend/cpu/conv_tiles.h"

TILES(8, 2) TILES(7, 2) TILES(6, 2) TILES(4, 2) TILES(2, 2) TILES(1, 2)
TILES(16, 1) TILES(14, 1) TILES(8, 1) TILES(4, 1) TILES(2, 1) TILES(1, 1)
WEIGHT_TILE(8, 2) WEIGHT_TILE(4, 2) WEIGHT_TILE(3, 2) WEIGHT_TILE(2, 2) WEIGHT_TILE(1, 2)
WEIGHT_TILE(16, 1) WEIGHT_TILE(8, 1) WEIGHT_TILE(4, 1) WEIGHT_TILE(3, 1) WEIGHT_TILE(2, 1) WEIGHT_TILE(1, 1)

#define ROW_OF_32(step)                                                                                                        \
    {TILE_NAME(8, 2, step), TILE_NAME(7, 2, step), TILE_NAME(6, 2, step),                                                      \
     TILE_NAME(4, 2, step), TILE_NAME(2, 2, step), TILE_NAME(1, 2, step)}
#define ROW_OF_16(step)                                                                                                        \
    {TILE_NAME(16, 1, step), TILE_NAME(14, 1, step), TILE_NAME(8, 1, step),                                                    \
     TILE_NAME(4, 1, step), TILE_NAME(2, 1, step), TILE_NAME(1, 1, step)}

const struct nl_conv_isa nl_conv_avx512 = {
    .widths = 2,
    .width = {{.channels = 32,
               .pixels = {8, 7, 6, 4, 2, 1},
               .tile = STEP_TABLE(ROW_OF_32),
               .inputs = {8, 4, 3, 2, 1},
               .weight_tile = {WEIGHT_TILE_NAME(8, 2), WEIGHT_TILE_NAME(4, 2), WEIGHT_TILE_NAME(3, 2), WEIGHT_TILE_NAME(2, 2),
                               WEIGHT_TILE_NAME(1, 2)}},
              {.channels = 16,
               .pixels = {16, 14, 8, 4, 2, 1},
               .tile = STEP_TABLE(ROW_OF_16),
               .inputs = {16, 8, 4, 3, 2, 1},
               .weight_tile = {WEIGHT_TILE_NAME(16, 1), WEIGHT_TILE_NAME(8, 1), WEIGHT_TILE_NAME(4, 1), WEIGHT_TILE_NAME(3, 1),
                               WEIGHT_TILE_NAME(2, 1), WEIGHT_TILE_NAME(1, 1)}}},
};
#endif
