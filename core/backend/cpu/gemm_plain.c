/* The tiles of matrix products in plain C: 16 sums of 4 floats, which arm64 has registers for. */
#include "backend/cpu/vector_plain.h"

enum { STEP_ROWS = 4 };
#include "backend/cpu/gemm_tiles.h"

TILE(4, 4, 0) TILE(3, 4, 0) TILE(2, 4, 0) TILE(1, 4, 0)
TILE(4, 1, 1) TILE(3, 1, 1) TILE(2, 1, 1) TILE(1, 1, 1)

const struct nl_gemm_isa nl_gemm_plain = {.width = {
    WIDTH(4, 4 * LANES, 0, 4, 3, 2, 1),
    WIDTH(1, 1, 1, 4, 3, 2, 1),
}, .step = step, .transposed_b = transposed_b, .loads = true};
