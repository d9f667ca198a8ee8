/* The kernels of normalizers for AVX2 and FMA. */
#include "backend/cpu/block.h"
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/wide_avx2.h"

#include "backend/cpu/block_columns.h"
#include "backend/cpu/block_rows.h"

const struct nl_block_kernels nl_block_avx2 = {
    .column_sums = column_sums,
    .column_apply = column_apply,
    .column_gradients = column_gradients,
    .column_dx = column_dx,
    .row_sums = row_sums,
    .row_apply = row_apply,
    .row_backward = row_backward,
};
#endif
