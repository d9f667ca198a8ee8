/* Fully connected layers: three matrix products. */
#include "backend/cuda/gemm.cuh"
#include "operation/linear.h"

static void launch_linear_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = (const struct nl_linear *)arguments;
    int n = (int)nl_linear_rows(run, op), in = op->in, out = op->out;
    nl_gemm_forward(
        run, op->precision,
        nl_forward_product(run, nl_along(op->x, n, in), nl_across(op->w, out, in), op->y, op->b, n, out, in));
}

static void launch_linear_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = (const struct nl_linear *)arguments;
    int n = (int)nl_linear_rows(run, op), in = op->in, out = op->out;
    auto dx = nl_forward_product(run, nl_along(op->dy, n, out), nl_along(op->w, in, out), op->dx, NULL, n, in, out);
    dx.out.adds = op->adds;
    if (!op->dw) {
        if (op->dx)
            nl_gemm_forward(run, op->precision, dx);
        return;
    }
    auto dw = nl_weights_product(nl_across(op->x, in, n), nl_across(op->dy, out, n), op->dw, op->db, in, out, n);
    if (op->dx)
        nl_gemm_backward(run, op->precision, dw, dx);
    else
        nl_gemm_weights(run, op->precision, dw);
}

NL_CUDA_KERNEL(linear, NULL, launch_linear_forward, launch_linear_backward);
