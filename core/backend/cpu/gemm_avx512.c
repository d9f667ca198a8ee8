/* The tiles of matrix products for AVX-512: 32 registers of 16 floats, up to 24 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx512.h"

#include "backend/cpu/gemm_tiles.h"

TILE(6, 4, whole) TILE(4, 4, whole) TILE(2, 4, whole) TILE(1, 4, whole)
TILE(8, 2, whole) TILE(4, 2, whole) TILE(2, 2, whole) TILE(1, 2, whole)
TILE(8, 1, whole) TILE(4, 1, whole) TILE(2, 1, whole) TILE(1, 1, whole)
TILE(8, 1, part) TILE(4, 1, part) TILE(2, 1, part) TILE(1, 1, part)

const struct nl_gemm_isa nl_gemm_avx512 = {{
    WIDTH(4, whole, 6, 4, 2, 1),
    WIDTH(2, whole, 8, 4, 2, 1),
    WIDTH(1, whole, 8, 4, 2, 1),
    WIDTH(1, part, 8, 4, 2, 1),
}};
#endif
