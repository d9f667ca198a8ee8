/* The tiles of convolutions for AVX2 and FMA: 16 registers of 8 floats, 12 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"

#include "backend/cpu/conv_tiles.h"
#include "backend/cpu/conv_transforms.h"

TILES(6, 2)
TILES(5, 2) TILES(4, 2) TILES(3, 2) TILES(2, 2) TILES(1, 2) WEIGHT_TILE(6, 2) WEIGHT_TILE(4, 2) WEIGHT_TILE(3, 2)
    WEIGHT_TILE(2, 2) WEIGHT_TILE(1, 2)

        const struct nl_conv_isa nl_conv_avx2 = {
            TRANSFORMS,
            .widths = 1,
            .width = {{WIDTH(2, 6, 5, 4, 3, 2, 1), .inputs = {6, 4, 3, 2, 1},
                       .weight_tile = {WEIGHT_TILE_NAME(6, 2), WEIGHT_TILE_NAME(4, 2), WEIGHT_TILE_NAME(3, 2),
                                       WEIGHT_TILE_NAME(2, 2), WEIGHT_TILE_NAME(1, 2)}}},
};
#endif
