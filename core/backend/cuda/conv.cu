/* Convolutions, of activations as they are in memory. */
#include "backend/cuda/conv.cuh"

static struct nl_from_memory memory(const void *at)
{
    return {{(const float *)at}};
}

static void launch_conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    conv_forward(run, op, memory(op->x), nl_nothing_after{});
}

static void launch_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = (const struct nl_conv *)arguments;
    conv_backward(run, op, memory(op->x), memory(op->dy), nl_nothing_after{});
}

static struct nl_micro conv_joins(const void *)
{
    struct nl_micro micro = {};
    micro.joins = nl_cuda_lets(NL_CUDA_JOINS);
    return micro;
}

NL_CUDA_KERNEL_IN_PARTS(conv, NULL, launch_conv_forward, launch_conv_backward, conv_joins, NULL, NULL, NULL, NULL);
