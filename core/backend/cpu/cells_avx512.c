/* The kernels of recurrent cells for AVX-512. */
#include "backend/cpu/isa.h"

#ifdef NL_X86
#include "backend/cpu/vector_avx512.h"

#include "backend/cpu/cells_of.h"

const struct nl_cell_kernels nl_cells_avx512 = NL_CELL_KERNELS;
#endif
