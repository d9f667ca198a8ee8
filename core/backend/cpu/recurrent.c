/* Cells of recurrent networks, shared by a team. */
#include "backend/cpu/cells.h"

static const struct nl_cell_kernels *kernels(void)
{
#ifdef NL_X86
    static const struct nl_cell_kernels *const of[] = {&nl_cells_plain, &nl_cells_avx2, &nl_cells_avx512};
    return of[nl_cpu_isa()];
#else
    return &nl_cells_plain;
#endif
}

/* ---- LSTM ---- */

static void lstm_samples(const struct nl_run *run, const void *operation, size_t first)
{
    kernels()->lstm(operation, first, first + (size_t)run->samples);
}

static void lstm_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    kernels()->lstm_back(operation, first, first + (size_t)run->samples);
}

static void lstm_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 30 * sizeof(float), lstm_samples);
}

static void lstm_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 20 * sizeof(float), lstm_samples_back);
}

NL_CPU_KERNEL(lstm_cell) = {.forward = lstm_forward, .backward = lstm_backward};

/* ---- what an LSTM puts out of a normalized cell ---- */

static void output_forward(const struct nl_run *run, const void *arguments)
{
    kernels()->output(arguments, 0, (size_t)run->samples);
}

static void output_backward(const struct nl_run *run, const void *arguments)
{
    kernels()->output_back(arguments, 0, (size_t)run->samples);
}

NL_CPU_KERNEL(lstm_output) = {.forward = output_forward, .backward = output_backward};

/* ---- GRU ---- */

static void gru_samples(const struct nl_run *run, const void *operation, size_t first)
{
    kernels()->gru(operation, first, first + (size_t)run->samples);
}

static void gru_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    kernels()->gru_back(operation, first, first + (size_t)run->samples);
}

static void gru_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 22 * sizeof(float), gru_samples);
}

static void gru_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 15 * sizeof(float), gru_samples_back);
}

NL_CPU_KERNEL(gru_cell) = {.forward = gru_forward, .backward = gru_backward};
