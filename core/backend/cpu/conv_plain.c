/* The tiles in plain C: 16 sums of 4 floats, which arm64 has registers for. A processor without fused multiply-add takes the
 * C library's, slowly: the bits come first here. */
#include <math.h>
#include <string.h>

#include "backend/cpu/conv.h"

#define TARGET
typedef float vec __attribute__((vector_size(16)));
enum { LANES = 4 };

static inline vec load(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

static inline vec broadcast(float value)
{
    return (vec){value, value, value, value};
}

static inline vec fused(vec a, vec b, vec c)
{
    return (vec){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3])};
}

#include "backend/cpu/conv_tiles.h"

TILES(4, 4) TILES(2, 4) TILES(1, 4)
WEIGHT_TILE(4, 4) WEIGHT_TILE(1, 4)

#define ROW_OF_16(step) {TILE_NAME(4, 4, step), TILE_NAME(2, 4, step), TILE_NAME(1, 4, step)}

const struct nl_conv_isa nl_conv_plain = {
    .widths = 1,
    .width = {{.channels = 16,
               .pixels = {4, 2, 1},
               .tile = STEP_TABLE(ROW_OF_16),
               .inputs = {4, 1},
               .weight_tile = {WEIGHT_TILE_NAME(4, 4), WEIGHT_TILE_NAME(1, 4)}}},
};
