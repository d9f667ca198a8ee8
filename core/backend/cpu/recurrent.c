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

/* In the state of a replica that stands so many bytes after the first. */
static struct nl_lstm_cell lstm_at(const struct nl_lstm_cell *op, size_t at)
{
    struct nl_lstm_cell of = *op;
    of.a = NL_AT(op->a, at), of.b = NL_AT(op->b, at), of.c = NL_AT(op->c, at);
    of.gates = NL_AT(op->gates, at), of.after = NL_AT(op->after, at), of.out = NL_AT(op->out, at);
    of.dafter = NL_AT(op->dafter, at), of.dout = NL_AT(op->dout, at);
    of.da = NL_AT(op->da, at), of.db = NL_AT(op->db, at), of.dc = NL_AT(op->dc, at);
    return of;
}

static void lstm_samples(const struct nl_run *run, const void *operation, size_t first)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_lstm_cell op = lstm_at(operation, (size_t)r * run->stride);
        kernels()->lstm(&op, first, first + (size_t)run->samples);
    }
}

static void lstm_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_lstm_cell op = lstm_at(operation, (size_t)r * run->stride);
        kernels()->lstm_back(&op, first, first + (size_t)run->samples);
    }
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

static struct nl_lstm_output output_at(const struct nl_lstm_output *op, size_t at)
{
    struct nl_lstm_output of = *op;
    of.o = NL_AT(op->o, at), of.c = NL_AT(op->c, at), of.h = NL_AT(op->h, at);
    of.dh = NL_AT(op->dh, at), of.d_o = NL_AT(op->d_o, at), of.dc = NL_AT(op->dc, at);
    return of;
}

static void output_forward(const struct nl_run *run, const void *arguments)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_lstm_output op = output_at(arguments, (size_t)r * run->stride);
        kernels()->output(&op, 0, (size_t)run->samples);
    }
}

static void output_backward(const struct nl_run *run, const void *arguments)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_lstm_output op = output_at(arguments, (size_t)r * run->stride);
        kernels()->output_back(&op, 0, (size_t)run->samples);
    }
}

NL_CPU_KERNEL(lstm_output) = {.forward = output_forward, .backward = output_backward};

/* ---- GRU ---- */

static struct nl_gru_cell gru_at(const struct nl_gru_cell *op, size_t at)
{
    struct nl_gru_cell of = *op;
    of.a = NL_AT(op->a, at), of.b = NL_AT(op->b, at), of.h = NL_AT(op->h, at);
    of.gates = NL_AT(op->gates, at), of.after = NL_AT(op->after, at), of.dafter = NL_AT(op->dafter, at);
    of.da = NL_AT(op->da, at), of.db = NL_AT(op->db, at), of.dh = NL_AT(op->dh, at);
    return of;
}

static void gru_samples(const struct nl_run *run, const void *operation, size_t first)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_gru_cell op = gru_at(operation, (size_t)r * run->stride);
        kernels()->gru(&op, first, first + (size_t)run->samples);
    }
}

static void gru_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_gru_cell op = gru_at(operation, (size_t)r * run->stride);
        kernels()->gru_back(&op, first, first + (size_t)run->samples);
    }
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
