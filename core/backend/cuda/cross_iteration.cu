/* Batch normalization with the statistics of a window: the launches of "normalize", between them those that find the
 * window's, and what the window needs later of this batch. y is room for the dy of its statistics, whose derivatives
 * after the producer's weight the producer's own kernels make. */
#include "backend/cuda/normalize.cuh"
#include "operation/cross_iteration.h"
#include "operation/producer.h"

extern "C" const struct nl_kernel nl_cuda_normalize;

/* Mean and variance of a channel. */
struct moments {
    double mean, var;
};

/* What a step, not later than this one, left in the states. */
static __device__ inline float *statistics_of(const struct nl_cross_iteration &op, size_t stride, int64_t step)
{
    return nl_at((float *)op.statistics, stride) + (size_t)(step % op.history) * 2 * op.normalize.setup.channels;
}

/* (3, weights) */
static __device__ inline float *of_weights(const struct nl_cross_iteration &op, size_t stride, int64_t step)
{
    return nl_at((float *)op.of_weights, stride) + (size_t)(step % op.history) * 3 * op.weights;
}

/* The moments of an earlier step, as they would be with the weight of today. A block works on one channel; each
 * thread has them. */
static __device__ struct moments earlier(const struct nl_cross_iteration &op, size_t stride, int64_t step, unsigned c)
{
    size_t channels = (size_t)op.normalize.setup.channels;
    const float *then = statistics_of(op, stride, step), *w = (const float *)nl_at(op.weight, stride);
    const float *of_mean = op.weights ? of_weights(op, stride, step) : NULL;
    double mean = 0.0, var = 0.0;
    for (size_t j = c + threadIdx.x * channels; j < op.weights; j += blockDim.x * channels) {
        double moved = (double)w[j] - of_mean[2 * op.weights + j];
        mean += of_mean[j] * moved;
        var += of_mean[op.weights + j] * moved;
    }
    nl_block_sum(&mean, &var);
    struct moments m = {then[c] + mean, then[channels + c] + var - mean * mean};
    return m;
}

/* The window's mean, and around it the mean of squares: batch after batch (Welford 1962), the batch of today first.
 * Then today's take the place of the step that no longer counts. A block is a channel. */
static __global__ void find_window(struct nl_cross_iteration op, size_t stride, const struct nl_cuda_moment *now)
{
    unsigned c = blockIdx.x, channels = (unsigned)op.normalize.setup.channels;
    int batches = nl_window_batches(nl_at(op.normalize.hyper, stride), now->step);
    double own[2] = {nl_at((const double *)op.normalize.mean, stride)[c],
                     nl_at((const double *)op.normalize.var, stride)[c]};
    struct moments window = {own[0], own[1]};
    for (int t = 1; t < batches; t++) {
        struct moments m = earlier(op, stride, now->step - t, c);
        double apart = m.mean - window.mean, var = m.var < 0 ? 0.0 : m.var; /* NaN stays NaN */
        window.mean += apart / (t + 1);
        window.var += (var + apart * (m.mean - window.mean) - window.var) / (t + 1);
    }
    if (threadIdx.x > 0)
        return;
    double *to = nl_at((double *)op.window, stride);
    float *statistics = statistics_of(op, stride, now->step);
    to[c] = window.mean;
    to[channels + c] = window.var;
    if (c == 0)
        to[2 * channels] = batches;
    statistics[c] = (float)own[0];
    statistics[channels + c] = (float)own[1];
}

/* In y, dy of the batch's mean: 1 / m; and of its variance: 2 (x - mean) / m. */
static __global__ void put_dy(struct nl_normalize op, size_t stride, size_t rows, bool of_var)
{
    size_t i = nl_element(), channels = (size_t)op.setup.channels;
    if (i >= rows * channels)
        return;
    double apart = nl_at((const float *)op.x, stride)[i] - nl_at((const double *)op.mean, stride)[i % channels];
    nl_at((float *)op.y, stride)[i] = (float)((of_var ? 2 * apart : 1.0) / rows);
}

/* A row of today's (3, weights). Its place depends on the step, and so no kernel of another operation can be told it: a
 * step is recorded once. */
static __global__ void keep(struct nl_cross_iteration op, size_t stride, const struct nl_cuda_moment *now, unsigned row,
                            const float *from)
{
    size_t j = nl_element();
    if (j < op.weights)
        of_weights(op, stride, now->step)[row * op.weights + j] = nl_at(from, stride)[j];
}

static void remember(const struct nl_run *run, const struct nl_cross_iteration *op, const struct nl_cuda_moment *now)
{
    const struct nl_normalize *n = &op->normalize;
    size_t rows = (size_t)run->samples * (size_t)n->setup.positions;
    float *derivative = (float *)((double *)op->window + 2 * (size_t)n->setup.channels + 1);
    for (unsigned row = 0; row < 2; row++) {
        NL_LAUNCH(put_dy, nl_grid_over(run, rows * (size_t)n->setup.channels), NL_THREADS, *n, run->stride, rows,
                  row == 1);
        nl_weight_gradient(run, &op->producer, op->input, op->weight, n->y, derivative);
        NL_LAUNCH(keep, nl_grid_over(run, op->weights), NL_THREADS, *op, run->stride, now, row, derivative);
    }
    NL_LAUNCH(keep, nl_grid_over(run, op->weights), NL_THREADS, *op, run->stride, now, 2, (const float *)op->weight);
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = (const struct nl_cross_iteration *)arguments;
    nl_cuda_normalize.forward(run, &op->normalize); /* which finds the batch's statistics, and tracks them */
    if (run->statistics != NL_STATS_TRAIN)
        return;
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(find_window, dim3((unsigned)op->normalize.setup.channels, 1, (unsigned)run->replicas), NL_THREADS, *op,
              run->stride, now);
    if (op->weights > 0)
        remember(run, op, now);
    struct nl_normalize n = nl_by_window(run, op, sizeof(double));
    nl_cuda_normalize_apply(run, &n);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    struct nl_normalize n = nl_by_window(run, (const struct nl_cross_iteration *)arguments, sizeof(double));
    nl_cuda_normalize.backward(run, &n);
}

NL_CUDA_KERNEL(cross_iteration, NULL, launch_forward, launch_backward);
