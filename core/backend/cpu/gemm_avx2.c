/* The tiles of matrix products for AVX2 and FMA: 16 registers of 8 floats, up to 12 of them sums. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"

#include "backend/cpu/gemm_tiles.h"

WHOLE_TILE(6, 2) WHOLE_TILE(4, 2) WHOLE_TILE(2, 2) WHOLE_TILE(1, 2)
PART_TILE(6, 2) PART_TILE(4, 2) PART_TILE(2, 2) PART_TILE(1, 2)
PART_TILE(8, 1) PART_TILE(4, 1) PART_TILE(2, 1) PART_TILE(1, 1)

const struct nl_gemm_isa nl_gemm_avx2 = {{
    WHOLE_WIDTH(2, 6, 4, 2, 1),
    PART_WIDTH(2, 9, 6, 4, 2, 1),
    PART_WIDTH(1, 1, 8, 4, 2, 1),
}};
#endif
