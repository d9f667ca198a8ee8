/* The tiles of matrix products for AVX-512: 32 registers of 16 floats, up to 24 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx512.h"

#include "backend/cpu/gemm_tiles.h"

WHOLE_TILE(6, 4) WHOLE_TILE(4, 4) WHOLE_TILE(2, 4) WHOLE_TILE(1, 4)
PART_TILE(6, 4) PART_TILE(4, 4) PART_TILE(2, 4) PART_TILE(1, 4)
PART_TILE(8, 3) PART_TILE(4, 3) PART_TILE(2, 3) PART_TILE(1, 3)
PART_TILE(8, 2) PART_TILE(4, 2) PART_TILE(2, 2) PART_TILE(1, 2)
PART_TILE(8, 1) PART_TILE(4, 1) PART_TILE(2, 1) PART_TILE(1, 1)

const struct nl_gemm_isa nl_gemm_avx512 = {{
    WHOLE_WIDTH(4, 6, 4, 2, 1),
    PART_WIDTH(4, 49, 6, 4, 2, 1),
    PART_WIDTH(3, 33, 8, 4, 2, 1),
    PART_WIDTH(2, 17, 8, 4, 2, 1),
    PART_WIDTH(1, 1, 8, 4, 2, 1),
}};
#endif
