/* The tiles of matrix products for AVX-512: 32 registers of 16 floats, up to 24 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx512.h"

enum { STEP_ROWS = 8 };
#include "backend/cpu/gemm_tiles.h"

TILE(6, 4, 0) TILE(4, 4, 0) TILE(2, 4, 0) TILE(1, 4, 0)
TILE(6, 4, 1) TILE(4, 4, 1) TILE(2, 4, 1) TILE(1, 4, 1)
TILE(8, 3, 1) TILE(4, 3, 1) TILE(2, 3, 1) TILE(1, 3, 1)
TILE(8, 2, 1) TILE(4, 2, 1) TILE(2, 2, 1) TILE(1, 2, 1)
TILE(8, 1, 1) TILE(4, 1, 1) TILE(2, 1, 1) TILE(1, 1, 1)

const struct nl_gemm_isa nl_gemm_avx512 = {.width = {
    WIDTH(4, 4 * LANES, 0, 6, 4, 2, 1),
    WIDTH(4, 49, 1, 6, 4, 2, 1),
    WIDTH(3, 33, 1, 8, 4, 2, 1),
    WIDTH(2, 17, 1, 8, 4, 2, 1),
    WIDTH(1, 1, 1, 8, 4, 2, 1),
}, .step = step, .transposed_b = transposed_b};
#endif
