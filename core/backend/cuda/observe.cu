/* What is read of tensors for a log. */
#include "backend/cuda/cuda.h"

enum { MOST_BLOCKS = 64 }; /* that share the sums of a replica */

static __global__ void copy(struct nl_copy op, size_t stride)
{
    size_t at = nl_element();
    if (at < op.count)
        ((float *)nl_at(op.y, stride))[at] = ((const float *)nl_at(op.x, stride))[at];
}

void nl_cuda_copy(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = (const struct nl_copy *)arguments;
    NL_LAUNCH(copy, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride);
}

/* part[r][block]: a block's sums. All samples come at once; the last block adds up what all have found. */
static __global__ void observe(struct nl_observe op, size_t stride, size_t count, double *part, unsigned *tickets)
{
    const float *x = (const float *)nl_at(op.x, stride), *before = (const float *)nl_at(op.before, stride);
    double sum = 0.0, squares = 0.0, zeros = 0.0, nothing = 0.0;
    for (size_t at = nl_element(); at < count; at += (size_t)gridDim.x * blockDim.x) {
        double value = before ? (double)x[at] - before[at] : x[at];
        sum += value;
        squares += value * value;
        zeros += value == 0;
    }
    nl_block_sum(&sum, &squares);
    nl_block_sum(&zeros, &nothing);
    double *own = part + ((size_t)blockIdx.z * gridDim.x + blockIdx.x) * NL_OBSERVED, *all = part + (size_t)blockIdx.z * gridDim.x * NL_OBSERVED;
    if (threadIdx.x == 0) {
        own[1] = sum;
        own[2] = squares;
        own[3] = zeros;
    }
    if (!nl_last_block(&tickets[blockIdx.z], gridDim.x) || threadIdx.x > 0)
        return;
    double *sums = nl_at(op.sums, stride);
    sums[0] = (double)count;
    for (int i = 1; i < NL_OBSERVED; i++) {
        sums[i] = 0.0;
        for (unsigned block = 0; block < gridDim.x; block++)
            sums[i] += all[block * NL_OBSERVED + i];
    }
}

void nl_cuda_observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = (const struct nl_observe *)arguments;
    size_t count = op->count * (op->per_sample ? run->samples : 1);
    unsigned blocks = min(nl_blocks(count, NL_THREADS), (unsigned)MOST_BLOCKS);
    double *part = (double *)nl_cuda_scratch((size_t)run->replicas * blocks * NL_OBSERVED * sizeof *part);
    unsigned *tickets = nl_cuda_tickets((size_t)run->replicas);
    NL_LAUNCH(observe, dim3(blocks, 1, (unsigned)run->replicas), NL_THREADS, *op, run->stride, count, part, tickets);
}
