/* Private to the cells of recurrent networks on the cpu: their kernels, one pass over the gates. They are written once,
 * over sixteen units (cells_of.h), and compiled for each instruction set, with the same bits. */
#ifndef NL_BACKEND_CPU_CELLS_H
#define NL_BACKEND_CPU_CELLS_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "operation/gru_cell.h"
#include "operation/lstm_cell.h"

/* Samples [first, end). */
typedef void nl_cell_kernel(const void *operation, size_t first, size_t end);

struct nl_cell_kernels {
    nl_cell_kernel *lstm, *lstm_back;     /* struct nl_lstm_cell */
    nl_cell_kernel *output, *output_back; /* struct nl_lstm_output */
    nl_cell_kernel *gru, *gru_back;       /* struct nl_gru_cell */
};
extern const struct nl_cell_kernels nl_cells_plain;
#ifdef NL_X86
extern const struct nl_cell_kernels nl_cells_avx2, nl_cells_avx512;
#endif

#define NL_CELL_KERNELS                                                                                                \
    {                                                                                                                  \
        .lstm = lstm, .lstm_back = lstm_back, .output = output, .output_back = output_back, .gru = gru,                \
        .gru_back = gru_back                                                                                           \
    }

#endif
