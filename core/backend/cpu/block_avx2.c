/* The kernels of normalizers for AVX2 and FMA. */
#include "backend/cpu/block.h"
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx2.h"
#include "backend/cpu/wide.h"

#include "backend/cpu/block_columns.h"
#include "backend/cpu/block_rows.h"

const struct nl_block_kernels nl_block_avx2 = NL_BLOCK_KERNELS;
#endif
