/* The tiles of matrix products in plain C: 16 sums of 4 floats, which arm64 has registers for. */
#include "backend/cpu/vector_plain.h"

#include "backend/cpu/gemm_tiles.h"

WHOLE_TILE(4, 4) WHOLE_TILE(3, 4) WHOLE_TILE(2, 4) WHOLE_TILE(1, 4)
PART_TILE(4, 1) PART_TILE(3, 1) PART_TILE(2, 1) PART_TILE(1, 1)

const struct nl_gemm_isa nl_gemm_plain = {{
    WHOLE_WIDTH(4, 4, 3, 2, 1),
    PART_WIDTH(1, 1, 4, 3, 2, 1),
}};
