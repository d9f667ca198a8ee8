/* What is read of tensors for a log. */
#include "backend/cuda/cuda.h"
#include "operation/copy.h"
#include "operation/observe.h"

enum { MOST_BLOCKS = 64 }; /* that share the sums of a replica */

static __global__ void copy(struct nl_copy op, size_t stride)
{
    size_t at = nl_element();
    if (at < op.count)
        ((float *)nl_at(op.y, stride))[at] = ((const float *)nl_at(op.x, stride))[at];
}

static void launch_copy(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = (const struct nl_copy *)arguments;
    NL_LAUNCH(copy, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride);
}

static __device__ double element(const float *x, const float *before, size_t at)
{
    return before ? (double)x[at] - before[at] : x[at];
}

static __device__ double largest_of_block(double value)
{
    __shared__ double part[NL_THREADS / 32];
    for (int offset = 16; offset > 0; offset /= 2)
        value = nl_larger_seen(value, __shfl_xor_sync(0xffffffffu, value, offset));
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = value;
    __syncthreads();
    for (unsigned warp = 0; warp < NL_THREADS / 32; warp++)
        value = nl_larger_seen(value, part[warp]);
    __syncthreads();
    return value;
}

/* part[r][block]: what a block sees, of all samples at once. The last block joins what all have seen. */
static __global__ void observe(struct nl_observe op, size_t stride, size_t count, struct nl_observed *part,
                               unsigned *tickets)
{
    const float *x = (const float *)nl_at(op.x, stride) + op.first, *before = (const float *)nl_at(op.before, stride);
    size_t step = (size_t)gridDim.x * blockDim.x;
    struct nl_observed own = nl_unseen();
    for (size_t at = nl_element(); at < count; at += step) {
        own.elements++;
        nl_see(&own, element(x, before, at), before ? before[at] : 0.0);
    }
    nl_block_sum(&own.elements, &own.sum);
    nl_block_sum(&own.squares, &own.zeros);
    nl_block_sum(&own.weight, &own.along);
    own.least = -largest_of_block(-own.least);
    own.most = largest_of_block(own.most);
    double mean = own.sum / own.elements, along = nl_seen_along(&own);
    for (size_t at = nl_element(); at < count; at += step) {
        double value = element(x, before, at);
        nl_see_again(&own, value - mean, before ? value - along * before[at] : 0.0);
    }
    nl_block_sum(&own.deviations, &own.cubes);
    nl_block_sum(&own.fourths, &own.across);
    struct nl_observed *parts = part + (size_t)blockIdx.z * gridDim.x;
    if (threadIdx.x == 0)
        parts[blockIdx.x] = own;
    if (!nl_last_block(&tickets[blockIdx.z], gridDim.x) || threadIdx.x > 0)
        return;
    struct nl_observed all = parts[0];
    for (unsigned block = 1; block < gridDim.x; block++)
        all = nl_seen_together(all, parts[block]);
    *nl_at(op.seen, stride) = all;
}

static void launch_observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = (const struct nl_observe *)arguments;
    size_t count = op->count * (op->per_sample ? run->samples : 1);
    unsigned blocks = min(nl_blocks(count, NL_THREADS), (unsigned)MOST_BLOCKS);
    struct nl_observed *part = (struct nl_observed *)nl_cuda_scratch((size_t)run->replicas * blocks * sizeof *part);
    unsigned *tickets = nl_cuda_tickets((size_t)run->replicas);
    NL_LAUNCH(observe, dim3(blocks, 1, (unsigned)run->replicas), NL_THREADS, *op, run->stride, count, part, tickets);
}

NL_CUDA_KERNEL(copy, NULL, launch_copy, NULL);
NL_CUDA_KERNEL(observe, NULL, launch_observe, NULL);
