/* Fully connected layer: y = x w + b. Backward: dx = dy w', dw = x' dy, db = column sums of dy. */
#include "backend/cpu/cpu.h"
#include "operation/linear.h"

static void linear_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    size_t n = nl_linear_rows(run, op), in = (size_t)op->in, out = (size_t)op->out;
    nl_cpu_finish *finish = op->activates ? nl_cpu_activation_of(op->activation, op->gelu).finish : NULL;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){op->packed ? NL_PACKED : NL_PLAIN, n, out, in, .a = NL_AT(op->x, at),
                                                    .b = op->packed ? NL_AT(op->packed, at) : NL_AT(op->w, at), .start = NL_AT(op->b, at), .c = NL_AT(op->y, at),
                                                    .relu = op->relu, .finish = finish, .other = NL_AT(op->slope, at)});
    }
}

/* All rows at once: a matrix product of a few rows reads all of w for them. */
static struct nl_micro linear_micro(const void *arguments)
{
    (void)arguments;
    return (struct nl_micro){0};
}

static void linear_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    size_t n = nl_linear_rows(run, op), in = (size_t)op->in, out = (size_t)op->out;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *dy = NL_AT(op->dy, at), *w = NL_AT(op->w, at);
        if (op->db)
            nl_cpu_column_sums(n, out, dy, NULL, NL_AT(op->db, at));
        const struct nl_cpu_sgd sgd = op->update ? nl_cpu_sgd_of(op->update, at, w) : (struct nl_cpu_sgd){0};
        struct nl_cpu_gemm gradient = {NL_TRANSPOSED_A, in, out, n, .a = NL_AT(op->x, at), .b = dy, .c = NL_AT(op->dw, at),
                                       .sgd = op->update ? &sgd : NULL};
        float *dx = NL_AT(op->dx, at), *slope = (float *)(uintptr_t)NL_AT(op->x_slope, at);
        if (dx && op->dw && nl_cpu_gemm_yields_dx(op->gemm, &gradient)) {
            gradient.dx = dx;
            gradient.masks = op->masks;
        } else if (dx) { /* before w takes its step */
            const float *b = op->packed ? NL_AT(op->packed, at) : w;
            nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){op->packed ? NL_PACKED : NL_TRANSPOSED_B, n, in, out, .a = dy, .b = b, .c = dx,
                                                        .mask = op->masks ? NL_AT(op->x, at) : NULL, .finish = slope ? nl_cpu_times : NULL, .other = slope});
        }
        if (op->dw)
            nl_cpu_gemm(op->gemm, &gradient);
        if (gradient.dx && slope)
            nl_cpu_times(n * in, dx, slope);
    }
}

static size_t linear_packed_bytes(const void *arguments)
{
    const struct nl_linear *op = arguments;
    return op->gemm == NL_GEMM_OWN ? (size_t)op->in * (size_t)op->out * sizeof(float) : 0;
}

/* For products with so many columns of so many terms each. */
static void pack(const struct nl_run *run, const struct nl_linear *op, enum nl_cpu_transposed transposed, int columns, int terms)
{
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        nl_cpu_gemm_pack(transposed, (size_t)columns, (size_t)terms, NL_AT(op->w, at), NL_AT(op->packed, at));
    }
}

static void linear_pack(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    pack(run, op, NL_PLAIN, op->out, op->in);
}

static void linear_backward_pack(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    pack(run, op, NL_TRANSPOSED_B, op->in, op->out);
}

NL_CPU_KERNEL(linear) = {.forward = linear_forward,
                         .backward = linear_backward,
                         .micro = linear_micro,
                         .packed_bytes = linear_packed_bytes,
                         .pack = linear_pack,
                         .backward_pack = linear_backward_pack};
