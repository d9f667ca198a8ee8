/* Fully connected layer: y = x w + b. Backward: dx = dy w', dw = x' dy, db = column sums of dy. */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "operation/linear.h"

static void linear_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    size_t n = nl_linear_rows(run, op), in = (size_t)op->in, out = (size_t)op->out;
    nl_cpu_finish *finish = op->activates ? nl_cpu_activation_of(op->activation, op->gelu).finish : NULL;
    nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){op->packed ? NL_PACKED : NL_PLAIN, n, out, in, .a = op->x,
                                                .b = op->packed ? op->packed : op->w, .start = op->b, .c = op->y,
                                                .relu = op->relu, .finish = finish, .other = op->slope});
}

/* The rows of positions make up for reading all of w for a part of the samples; one row a sample does not. The terms of
 * dw come in whole blocks, and those of db are summed up in double, so that no sum changes its order. OpenBLAS has an
 * order for each number of rows. */
static struct nl_micro linear_micro(const void *arguments)
{
    const struct nl_linear *op = arguments;
    if (op->positions == 1 || op->gemm != NL_GEMM_OWN)
        return (struct nl_micro){0};
    return (struct nl_micro){.unit = nl_cpu_samples_of_blocks((size_t)op->positions, NL_GEMM_TERMS),
                             .sums = (size_t)op->out * sizeof(double),
                             .rereads = true};
}

/* Adds the gradient of the bias. The gradient of a part of the samples goes on from what the parts before it have
 * summed up. */
static void add_bias_gradient(const struct nl_run *run, const struct nl_linear *op)
{
    size_t out = (size_t)op->out;
    double *sums = op->sums;
    if (sums && run->first == 0)
        memset(sums, 0, out * sizeof *sums);
    nl_cpu_column_sums(nl_linear_rows(run, op), out, op->dy, sums, op->db);
}

static void linear_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    size_t n = nl_linear_rows(run, op), in = (size_t)op->in, out = (size_t)op->out;
    const float *dy = op->dy, *w = op->w;
    if (op->db)
        add_bias_gradient(run, op);
    const struct nl_cpu_sgd sgd = op->update ? nl_cpu_sgd_of(op->update, w) : (struct nl_cpu_sgd){0};
    struct nl_cpu_gemm gradient = {NL_TRANSPOSED_A,
                                   in,
                                   out,
                                   n,
                                   .a = op->x,
                                   .b = dy,
                                   .c = op->dw,
                                   .add = op->sums && run->first > 0,
                                   .sgd = op->update ? &sgd : NULL};
    float *dx = op->dx, *slope = (float *)(uintptr_t)op->x_slope;
    if (dx && op->dw && nl_cpu_gemm_yields_dx(op->gemm, &gradient)) {
        gradient.dx = dx;
        gradient.masks = op->masks;
    } else if (dx) { /* before w takes its step */
        const float *b = op->packed ? op->packed : w;
        nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){op->packed ? NL_PACKED : NL_TRANSPOSED_B, n, in, out, .a = dy,
                                                    .b = b, .c = dx, .mask = op->masks ? op->x : NULL,
                                                    .finish = slope ? nl_cpu_times : NULL, .other = slope});
    }
    if (op->dw)
        nl_cpu_gemm(op->gemm, &gradient);
    if (gradient.dx && slope)
        nl_cpu_times(n * in, dx, slope);
}

static size_t linear_packed_bytes(const void *arguments)
{
    const struct nl_linear *op = arguments;
    return op->gemm == NL_GEMM_OWN ? (size_t)op->in * (size_t)op->out * sizeof(float) : 0;
}

/* For products with so many columns of so many terms each. */
static void pack(const struct nl_linear *op, enum nl_cpu_transposed transposed, int columns, int terms)
{
    nl_cpu_gemm_pack(transposed, (size_t)columns, (size_t)terms, op->w, op->packed);
}

static void linear_pack(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    (void)run;
    pack(op, NL_PLAIN, op->out, op->in);
}

static void linear_backward_pack(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    (void)run;
    pack(op, NL_TRANSPOSED_B, op->in, op->out);
}

NL_CPU_KERNEL(linear) = {.forward = linear_forward,
                         .backward = linear_backward,
                         .micro = linear_micro,
                         .packed_bytes = linear_packed_bytes,
                         .pack = linear_pack,
                         .backward_pack = linear_backward_pack};
