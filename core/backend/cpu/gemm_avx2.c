/* The tiles of matrix products for AVX2 and FMA: 16 registers of 8 floats, up to 12 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"

#include "backend/cpu/gemm_tiles.h"

TILE(6, 2, whole) TILE(4, 2, whole) TILE(2, 2, whole) TILE(1, 2, whole)
TILE(8, 1, whole) TILE(4, 1, whole) TILE(2, 1, whole) TILE(1, 1, whole)
TILE(8, 1, part) TILE(4, 1, part) TILE(2, 1, part) TILE(1, 1, part)

const struct nl_gemm_isa nl_gemm_avx2 = {{
    WIDTH(2, whole, 6, 4, 2, 1),
    WIDTH(1, whole, 8, 4, 2, 1),
    WIDTH(1, part, 8, 4, 2, 1),
}};
#endif
