/* A multiplication by scalars and the addition of one. */
#include "backend/cuda/cuda.h"
#include "operation/scalars.h"

enum { MOST_BLOCKS = 64 }; /* that share the sums of a replica */

/* factor weight */
static __device__ double slope(const struct nl_scalars &op, size_t stride)
{
    const float *weight = (const float *)nl_at(op.weight, stride);
    return weight ? op.factor * *weight : op.factor;
}

static __global__ void scalars_forward(struct nl_scalars op, size_t stride, size_t count)
{
    size_t at = nl_element();
    const float *bias = (const float *)nl_at(op.bias, stride);
    if (at < count)
        ((float *)nl_at(op.y, stride))[at] =
            (float)slope(op, stride) * ((const float *)nl_at(op.x, stride))[at] + (bias ? *bias : 0.0f);
}

static __global__ void scalars_dx(struct nl_scalars op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.dx, stride))[at] = (float)slope(op, stride) * ((const float *)nl_at(op.dy, stride))[at];
}

/* The sums of x dy and of dy. */
struct sums {
    double products, dy;
};

/* dx as well, where it is wanted. part[r][block]: of a block's share; the last block joins them. */
static __global__ void scalars_backward(struct nl_scalars op, size_t stride, size_t count, struct sums *part,
                                        unsigned *tickets)
{
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride);
    float *dx = (float *)nl_at(op.dx, stride), *dweight = (float *)nl_at(op.dweight, stride),
          *dbias = (float *)nl_at(op.dbias, stride);
    float a = (float)slope(op, stride);
    struct sums own = {0.0, 0.0}, *parts = part + (size_t)blockIdx.z * gridDim.x;
    for (size_t at = nl_element(); at < count; at += (size_t)gridDim.x * blockDim.x) {
        float g = dy[at]; /* dx may take its place */
        own.dy += g;
        if (dweight)
            own.products += (double)x[at] * g;
        if (dx)
            dx[at] = a * g;
    }
    nl_block_sum(&own.products, &own.dy);
    if (threadIdx.x == 0)
        parts[blockIdx.x] = own;
    if (!nl_last_block(&tickets[blockIdx.z], gridDim.x) || threadIdx.x > 0)
        return;
    struct sums all = {0.0, 0.0};
    for (unsigned block = 0; block < gridDim.x; block++) {
        all.products += parts[block].products;
        all.dy += parts[block].dy;
    }
    if (dweight)
        *dweight = (float)(op.factor * all.products);
    if (dbias)
        *dbias = (float)all.dy;
}

static void launch_scalars_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_scalars *op = (const struct nl_scalars *)arguments;
    size_t count = (size_t)run->samples * op->count;
    NL_LAUNCH(scalars_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_scalars_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_scalars *op = (const struct nl_scalars *)arguments;
    size_t count = (size_t)run->samples * op->count;
    if (!op->dweight && !op->dbias) {
        if (op->dx)
            NL_LAUNCH(scalars_dx, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
        return;
    }
    unsigned blocks = min(nl_blocks(count, NL_THREADS), (unsigned)MOST_BLOCKS);
    struct sums *part = (struct sums *)nl_cuda_scratch((size_t)run->replicas * blocks * sizeof *part);
    unsigned *tickets = nl_cuda_tickets((size_t)run->replicas);
    NL_LAUNCH(scalars_backward, dim3(blocks, 1, (unsigned)run->replicas), NL_THREADS, *op, run->stride, count, part,
              tickets);
}

NL_CUDA_KERNEL(scalars, NULL, launch_scalars_forward, launch_scalars_backward);
