/* The tiles of matrix products for AVX2 and FMA: 16 registers of 8 floats, up to 12 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"

enum { STEP_ROWS = 4 };
#include "backend/cpu/gemm_tiles.h"

TILE(6, 2, 0) TILE(4, 2, 0) TILE(2, 2, 0) TILE(1, 2, 0)
TILE(6, 2, 1) TILE(4, 2, 1) TILE(2, 2, 1) TILE(1, 2, 1)
TILE(8, 1, 1) TILE(4, 1, 1) TILE(2, 1, 1) TILE(1, 1, 1)

const struct nl_gemm_isa nl_gemm_avx2 = {.width = {
    WIDTH(2, 2 * LANES, 0, 6, 4, 2, 1),
    WIDTH(2, 9, 1, 6, 4, 2, 1),
    WIDTH(1, 1, 1, 8, 4, 2, 1),
}, .step = step, .transposed_b = transposed_b, .loads = true};
#endif
