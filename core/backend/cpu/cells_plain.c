/* The kernels of recurrent cells in plain C. */
#include "backend/cpu/vector_plain.h"

#include "backend/cpu/cells_of.h"

const struct nl_cell_kernels nl_cells_plain = NL_CELL_KERNELS;
