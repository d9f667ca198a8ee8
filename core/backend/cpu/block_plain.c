/* The kernels of normalizers in plain C. */
#include "backend/cpu/block.h"
#include "backend/cpu/vector_plain.h"
#include "backend/cpu/wide.h"

#include "backend/cpu/block_columns.h"
#include "backend/cpu/block_rows.h"

const struct nl_block_kernels nl_block_plain = NL_BLOCK_KERNELS;
