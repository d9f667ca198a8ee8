/* The tiles of matrix products in plain C: 16 sums of 4 floats, which arm64 has registers for. */
#include "backend/cpu/vector_plain.h"

#include "backend/cpu/gemm_tiles.h"

TILE(4, 4, whole) TILE(3, 4, whole) TILE(2, 4, whole) TILE(1, 4, whole)
TILE(4, 1, whole) TILE(3, 1, whole) TILE(2, 1, whole) TILE(1, 1, whole)
TILE(4, 1, part) TILE(3, 1, part) TILE(2, 1, part) TILE(1, 1, part)

const struct nl_gemm_isa nl_gemm_plain = {{
    WIDTH(4, whole, 4, 3, 2, 1),
    WIDTH(1, whole, 4, 3, 2, 1),
    WIDTH(1, part, 4, 3, 2, 1),
}};
