/* The tiles for AVX2 and FMA: 16 registers of 8 floats, 12 of them sums. */
#include "backend/cpu/conv.h"

#ifdef NL_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
typedef __m256 vec;
enum { LANES = 8 };
#define load(from) _mm256_loadu_ps(from)
#define store(to, value) _mm256_storeu_ps(to, value)
#define broadcast(value) _mm256_set1_ps(value)
#define fused(a, b, c) _mm256_fmadd_ps(a, b, c)

#include "backend/cpu/conv_tiles.h"

TILES(6, 2) TILES(5, 2) TILES(4, 2) TILES(3, 2) TILES(2, 2) TILES(1, 2)
WEIGHT_TILE(6, 2) WEIGHT_TILE(4, 2) WEIGHT_TILE(3, 2) WEIGHT_TILE(2, 2) WEIGHT_TILE(1, 2)

#define ROW_OF_16(step)                                                                                                        \
    {TILE_NAME(6, 2, step), TILE_NAME(5, 2, step), TILE_NAME(4, 2, step),                                                      \
     TILE_NAME(3, 2, step), TILE_NAME(2, 2, step), TILE_NAME(1, 2, step)}

const struct nl_conv_isa nl_conv_avx2 = {
    .widths = 1,
    .width = {{.channels = 16,
               .pixels = {6, 5, 4, 3, 2, 1},
               .tile = STEP_TABLE(ROW_OF_16),
               .inputs = {6, 4, 3, 2, 1},
               .weight_tile = {WEIGHT_TILE_NAME(6, 2), WEIGHT_TILE_NAME(4, 2), WEIGHT_TILE_NAME(3, 2), WEIGHT_TILE_NAME(2, 2),
                               WEIGHT_TILE_NAME(1, 2)}}},
};
#endif
