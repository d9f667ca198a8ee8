/* The tiles of convolutions in plain C: up to 24 sums of 4 floats, which arm64 has registers for. */
#include "backend/cpu/vector_plain.h"

#include "backend/cpu/conv_tiles.h"
#include "backend/cpu/conv_transforms.h"

TILES(6, 4)
TILES(5, 4) TILES(4, 4) TILES(3, 4) TILES(2, 4) TILES(1, 4) WEIGHT_TILE(4, 4) WEIGHT_TILE(1, 4)

    const struct nl_conv_isa nl_conv_plain = {
        TRANSFORMS,
        .widths = 1,
        .width = {{WIDTH(4, 6, 5, 4, 3, 2, 1), .inputs = {4, 1},
                   .weight_tile = {WEIGHT_TILE_NAME(4, 4), WEIGHT_TILE_NAME(1, 4)}}},
};
