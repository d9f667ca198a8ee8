/* The tiles of convolutions for AVX-512: 32 registers of 16 floats, 16 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx512.h"

#include "backend/cpu/conv_tiles.h"
#include "backend/cpu/conv_transforms.h"

TILES(8, 2)
TILES(7, 2) TILES(6, 2) TILES(4, 2) TILES(2, 2) TILES(1, 2) TILES(16, 1) TILES(14, 1) TILES(8, 1) TILES(4, 1)
    TILES(2, 1) TILES(1, 1) WEIGHT_TILE(8, 2) WEIGHT_TILE(4, 2) WEIGHT_TILE(3, 2) WEIGHT_TILE(2, 2) WEIGHT_TILE(1, 2)
        WEIGHT_TILE(16, 1) WEIGHT_TILE(8, 1) WEIGHT_TILE(4, 1) WEIGHT_TILE(3, 1) WEIGHT_TILE(2, 1) WEIGHT_TILE(1, 1)

            const struct nl_conv_isa nl_conv_avx512 = {
                TRANSFORMS,
                .widths = 2,
                .width = {{WIDTH(2, 8, 7, 6, 4, 2, 1), .inputs = {8, 4, 3, 2, 1},
                           .weight_tile = {WEIGHT_TILE_NAME(8, 2), WEIGHT_TILE_NAME(4, 2), WEIGHT_TILE_NAME(3, 2),
                                           WEIGHT_TILE_NAME(2, 2), WEIGHT_TILE_NAME(1, 2)}},
                          {WIDTH(1, 16, 14, 8, 4, 2, 1), .inputs = {16, 8, 4, 3, 2, 1},
                           .weight_tile = {WEIGHT_TILE_NAME(16, 1), WEIGHT_TILE_NAME(8, 1), WEIGHT_TILE_NAME(4, 1),
                                           WEIGHT_TILE_NAME(3, 1), WEIGHT_TILE_NAME(2, 1), WEIGHT_TILE_NAME(1, 1)}}},
};
#endif
