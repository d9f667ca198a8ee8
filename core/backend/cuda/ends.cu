/* The two ends of a step: gathering a batch, computed on the device from the data set's bytes, and the losses. */
#include "backend/cuda/ends.cuh"

/* A block a sample. */
static __global__ void gather(struct nl_gather op, size_t stride, bool augment, const struct nl_cuda_moment *now)
{
    unsigned n = blockIdx.x, image = op.height * op.width * op.channels;
    int32_t sample = nl_at(now->index, stride)[n];
    float *x = op.x ? (float *)nl_at(op.x, stride) + (size_t)n * image : NULL;
    __shared__ struct nl_augmentation shared;
    if (threadIdx.x == 0) {
        struct nl_augmentation none = {0, 0, 0};
        shared = augment ? nl_augment(*nl_at(op.seed, stride), now->epoch, sample, op.crop, op.flip) : none;
    }
    for (int i = 0; i < op.rows; i++) {
        const uint32_t *of = row_of_sample(op.row[i], stride, sample); /* or float */
        uint32_t *to = nl_at((uint32_t *)op.row[i].to, stride) + n * (size_t)op.row[i].width;
        for (unsigned at = threadIdx.x; at < (unsigned)op.row[i].width; at += blockDim.x)
            to[at] = of[at];
    }
    __syncthreads();
    struct nl_augmentation moved = shared;
    for (unsigned at = threadIdx.x; x && at < image; at += blockDim.x)
        x[at] = gathered(op, stride, sample, moved, at);
}

static void launch_gather(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = (const struct nl_gather *)arguments;
    size_t most = (size_t)op->height * op->width * op->channels; /* 0 of a network that takes rows alone */
    for (int i = 0; i < op->rows; i++)
        most = max(most, (size_t)op->row[i].width);
    unsigned threads = min(nl_blocks(most, 32) * 32, NL_THREADS);
    dim3 grid((unsigned)run->samples, 1, (unsigned)run->replicas);
    const struct nl_cuda_moment *now = nl_cuda_now(run, op->index);
    NL_LAUNCH(gather, grid, threads, *op, run->stride, run->augment && (op->crop > 0 || op->flip), now);
}

/* A block a replica. */
static __global__ void cross_entropy(struct nl_cross_entropy op, size_t stride, int samples,
                                     enum nl_statistics statistics, const struct nl_cuda_moment *now)
{
    block_cross_entropy(op, stride, samples, statistics, now);
}

static void launch_cross_entropy(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_entropy *op = (const struct nl_cross_entropy *)arguments;
    unsigned threads = min(nl_blocks((size_t)run->samples * op->positions * op->classes, 32) * 32, NL_THREADS);
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(cross_entropy, dim3(1, 1, (unsigned)run->replicas), threads, *op, run->stride, run->samples,
              run->statistics, now);
}

static __global__ void squared_error(struct nl_squared_error op, size_t stride, int samples,
                                     const struct nl_cuda_moment *now)
{
    block_squared_error(op, stride, samples, now);
}

static void launch_squared_error(const struct nl_run *run, const void *arguments)
{
    const struct nl_squared_error *op = (const struct nl_squared_error *)arguments;
    unsigned threads = min(nl_blocks((size_t)run->samples * op->positions, 32) * 32, NL_THREADS);
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(squared_error, dim3(1, 1, (unsigned)run->replicas), threads, *op, run->stride, run->samples, now);
}

NL_CUDA_KERNEL(gather, NULL, launch_gather, NULL);
NL_CUDA_KERNEL(cross_entropy, NULL, launch_cross_entropy, NULL);
NL_CUDA_KERNEL(squared_error, NULL, launch_squared_error, NULL);
