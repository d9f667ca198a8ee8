/* Batch normalization by its parts, where no product is beside them that takes them in (joined.cu), with the same
 * bits. */
#include "backend/cuda/normalize_joined.cuh"

using namespace nl_columns;

enum { TILE_ROWS = 128, TILE_COLUMNS = 32 };

/* A block a tile. */
template <class Rows> static __global__ void __launch_bounds__(TILE_ROWS) take_sums(const struct sums_after<Rows> sums)
{
    sums.template of_tile<TILE_ROWS, TILE_COLUMNS>((int)blockIdx.x * TILE_ROWS, (int)blockIdx.y * TILE_COLUMNS);
}

template <class Rows> static void launch_sums(const struct nl_run *run, const struct nl_normalize *op, bool wanted)
{
    struct sums_after<Rows> sums = sums_of<Rows>(run, op, wanted);
    if (!wanted)
        return;
    sums.place((float *)nl_cuda_scratch(sums.floats(run) * sizeof(float)), nl_cuda_tickets(sums.zeros(run)));
    dim3 tiles(nl_blocks(sums.n.l.all_rows, TILE_ROWS), nl_blocks(sums.n.l.channels, TILE_COLUMNS),
               (unsigned)run->replicas);
    NL_LAUNCH(take_sums<Rows>, tiles, TILE_ROWS, sums);
}

void nl_cuda_normalize_reduce(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = (const struct nl_normalize *)arguments;
    launch_sums<moments_of_rows>(run, op, !nl_normalize_is_fixed(op, run));
}

void nl_cuda_normalize_backward_reduce(const struct nl_run *run, const void *arguments)
{
    launch_sums<gradients_of_rows>(run, (const struct nl_normalize *)arguments, true);
}

static __global__ void __launch_bounds__(NL_THREADS)
    write_gradient(struct normalized_gradient source, float *dx, unsigned fours)
{
    source.settle(source.by.l.stride, 0);
    dx = nl_at(dx, source.by.l.stride);
    const size_t count = (size_t)source.by.l.all_rows * source.by.l.channels;
    for (size_t at = nl_element() * 4; at < count; at += (size_t)gridDim.x * blockDim.x * 4) {
        float v[4];
        if (fours) {
            source.four((int64_t)at, at % source.by.l.channels, v);
            *(float4 *)(dx + at) = {v[0], v[1], v[2], v[3]};
            continue;
        }
        for (size_t i = at; i < min(at + 4, count); i++)
            dx[i] = source.one((int64_t)i, i % source.by.l.channels);
    }
}

void nl_cuda_normalize_backward_apply(const struct nl_run *run, const void *arguments)
{
    enum { TURNS = 4 }; /* of a thread, for a table that its block fills */
    const struct nl_normalize *op = (const struct nl_normalize *)arguments;
    if (!op->dx)
        return;
    struct normalized_gradient source = gradient_by(run, op);
    const struct nl_layout &l = source.by.l;
    unsigned blocks = nl_blocks((size_t)l.all_rows * l.channels, (size_t)NL_THREADS * 4 * TURNS);
    bool fours = l.channels % 4 == 0;
    NL_LAUNCH_WITH(write_gradient, dim3(blocks, 1, (unsigned)run->replicas), NL_THREADS, source.room(), source,
                   (float *)op->dx, fours);
}

struct nl_micro nl_cuda_normalize_joins(const void *arguments)
{
    enum {
        MOST_CHANNELS = 256
    }; /* tables of two normalizers, and the tiles of a product, are a block's shared memory */
    const struct nl_normalize *op = (const struct nl_normalize *)arguments;
    struct nl_micro micro = {};
    if (!nl_cuda_lets(NL_CUDA_JOINS) || !nl_cuda_has_own_kernels(op) || !op->norm->tracks ||
        op->setup.channels > MOST_CHANNELS)
        return micro;
    struct nl_partition sets = op->norm->partition(&op->setup);
    micro.reduces = micro.joins = sets.samples >= op->setup.samples && sets.positions == op->setup.positions &&
                                  op->affine_count <= op->setup.channels;
    micro.sums = (size_t)op->setup.channels * sizeof(struct means);
    return micro;
}
