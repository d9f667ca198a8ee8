/* The kernels of normalizers in plain C. */
#include "backend/cpu/block.h"
#include "backend/cpu/isa.h"

#include "backend/cpu/wide_plain.h"

#include "backend/cpu/block_columns.h"
#include "backend/cpu/block_rows.h"

const struct nl_block_kernels nl_block_plain = {
    .column_sums = column_sums,
    .column_apply = column_apply,
    .column_gradients = column_gradients,
    .column_dx = column_dx,
    .row_sums = row_sums,
    .row_apply = row_apply,
    .row_backward = row_backward,
};
