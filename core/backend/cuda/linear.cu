/* Fully connected layers: three matrix products. */
#include "backend/cuda/gemm.cuh"

static struct nl_along_k along(const void *at, int rows, int k)
{
    return {(const float *)at, rows, k, k, nl_fours(at, k)};
}

static struct nl_across_k across(const void *at, int lines, int k)
{
    return {(const float *)at, lines, k, lines, nl_fours(at, lines)};
}

void nl_cuda_linear_forward(const struct nl_run *run, const struct nl_linear *op)
{
    nl_gemm_forward(run, op->precision, along(op->x, run->samples, op->in), across(op->w, op->out, op->in), op->y, op->b, run->samples, op->out, op->in);
}

void nl_cuda_linear_backward(const struct nl_run *run, const struct nl_linear *op)
{
    nl_gemm_weights(run, op->precision, across(op->x, op->in, run->samples), across(op->dy, op->out, run->samples), op->dw, op->db, op->in, op->out, run->samples);
    if (op->dx)
        nl_gemm_forward(run, op->precision, along(op->dy, run->samples, op->out), along(op->w, op->in, op->out), op->dx, NULL, run->samples, op->in, op->out);
}
