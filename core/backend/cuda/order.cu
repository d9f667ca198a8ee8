/* The order of an epoch, where it is needed: no permutation is made on the host and sent for each replica. */
#include "backend/cuda/cuda.h"

/* A thread a sample, which counts whose bits come before its own: all blocks draw all bits. The work is quadratic, but
 * in one launch, without room of its own, and little beside an epoch's steps; a sort is a launch for each of its
 * passes. */
static __global__ void order(struct nl_order op, size_t stride, const struct nl_cuda_moment *now)
{
    __shared__ uint64_t bits[NL_THREADS];
    struct nl_stream stream = nl_stream(*nl_at(op.seed, stride), "order");
    uint64_t epoch = (uint64_t)now->epoch;
    int own = (int)nl_element(), rank = 0;
    uint64_t own_bits = nl_stream_bits(stream, epoch, (uint64_t)own);
    for (int first = 0; first < op.count; first += (int)NL_THREADS) {
        __syncthreads();
        bits[threadIdx.x] = nl_stream_bits(stream, epoch, (uint64_t)first + threadIdx.x);
        __syncthreads();
        int count = min((int)NL_THREADS, op.count - first);
        for (int i = 0; i < count; i++)
            rank += bits[i] < own_bits || (bits[i] == own_bits && first + i < own);
    }
    if (own < op.count)
        nl_at(op.order, stride)[rank] = nl_at(op.samples, stride)[own];
}

/* A thread a place of the order. */
static __global__ void draws(struct nl_order op, size_t stride, const struct nl_cuda_moment *now)
{
    struct nl_stream stream = nl_stream(*nl_at(op.seed, stride), "order");
    int own = (int)nl_element();
    if (own >= op.count)
        return;
    uint32_t drawn = nl_stream_below(stream, (uint64_t)now->epoch, (uint64_t)own, op.draws);
    nl_at(op.order, stride)[own] = op.samples ? nl_at(op.samples, stride)[drawn] : (int32_t)drawn;
}

void nl_cuda_order(const struct nl_run *run, const struct nl_order *op)
{
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    if (op->draws)
        NL_LAUNCH(draws, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride, now);
    else
        NL_LAUNCH(order, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride, now);
}
