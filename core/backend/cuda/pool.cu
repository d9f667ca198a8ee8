/* Pooling: 2x2 maximum, and the mean over positions. */
#include "backend/cuda/cuda.h"
#include "operation/max_pool.h"
#include "operation/mean_pool.h"

/* A 2x2 window, the one at the edge of an odd size included, which is not whole. */
struct window {
    size_t n;
    unsigned i, j, c;
};

/* The window with number `at`, where a channel of a sample has `high` x `wide` of them. */
static __device__ struct window window_at(const struct nl_max_pool *op, size_t at, unsigned high, unsigned wide)
{
    size_t pixel = at / (unsigned)op->channels;
    return {pixel / wide / high, (unsigned)(pixel / wide % high), (unsigned)(pixel % wide),
            (unsigned)(at % (unsigned)op->channels)};
}

/* The top left element of a window in x. */
static __device__ size_t first_of(const struct nl_max_pool *op, const struct window &w)
{
    return ((w.n * op->height + 2 * w.i) * op->width + 2 * w.j) * op->channels + w.c;
}

static __device__ size_t step(const struct nl_max_pool *op, unsigned p, unsigned q)
{
    return ((size_t)p * op->width + q) * op->channels;
}

/* The first largest of a whole window. A NaN counts as largest. */
static __device__ size_t largest(const struct nl_max_pool *op, const float *x, size_t first)
{
    size_t best = first;
    for (unsigned k = 1; k < 4; k++) {
        size_t at = first + step(op, k / 2, k % 2);
        if (x[at] > x[best] || (isnan(x[at]) && !isnan(x[best])))
            best = at;
    }
    return best;
}

static __global__ void max_pool_forward(struct nl_max_pool op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *x = (const float *)nl_at(op.x, stride);
    ((float *)nl_at(op.y, stride))[at] =
        x[largest(&op, x, first_of(&op, window_at(&op, at, op.height / 2, op.width / 2)))];
}

/* A thread a window, the cut ones at the edge included: they get zeros. */
static __global__ void max_pool_backward(struct nl_max_pool op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride);
    float *dx = (float *)nl_at(op.dx, stride);
    struct window w = window_at(&op, at, (op.height + 1) / 2, (op.width + 1) / 2);
    unsigned rows = min(2u, op.height - 2 * w.i), columns = min(2u, op.width - 2 * w.j);
    size_t first = first_of(&op, w), best = 0;
    float grad = 0.0f;
    if (rows == 2 && columns == 2) {
        grad = dy[((w.n * (op.height / 2) + w.i) * (op.width / 2) + w.j) * op.channels + w.c];
        best = largest(&op, x, first);
    }
    for (unsigned p = 0; p < rows; p++)
        for (unsigned q = 0; q < columns; q++) {
            size_t to = first + step(&op, p, q);
            dx[to] = to == best ? grad : 0.0f; /* in a window that is cut grad is 0 */
        }
}

static void launch_max_pool_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = (const struct nl_max_pool *)arguments;
    size_t count = (size_t)run->samples * (op->height / 2) * (op->width / 2) * op->channels;
    NL_LAUNCH(max_pool_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_max_pool_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = (const struct nl_max_pool *)arguments;
    size_t count = (size_t)run->samples * ((op->height + 1) / 2) * ((op->width + 1) / 2) * op->channels;
    NL_LAUNCH(max_pool_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

enum { MEAN_BLOCK = 32 }; /* terms summed in float before they join a double, so that a float keeps its digits */

static __global__ void mean_pool_forward(struct nl_mean_pool op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t n = at / (unsigned)op.channels, c = at % (unsigned)op.channels;
    int length = nl_length_of(nl_at(op.lengths, stride), (int)n, op.positions);
    const float *x = (const float *)nl_at(op.x, stride) + n * op.positions * op.channels + c;
    double total = 0.0;
    for (int first = 0; first < length; first += MEAN_BLOCK) {
        int end = min(first + (int)MEAN_BLOCK, length);
        float sum = 0.0f;
        for (int s = first; s < end; s++)
            sum += x[(size_t)s * op.channels];
        total += sum;
    }
    ((float *)nl_at(op.y, stride))[at] = length ? (float)(total / length) : 0.0f;
}

static __global__ void mean_pool_backward(struct nl_mean_pool op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t n = at / (unsigned)op.channels / (unsigned)op.positions;
    int s = (int)(at / (unsigned)op.channels % (unsigned)op.positions),
        length = nl_length_of(nl_at(op.lengths, stride), (int)n, op.positions);
    float dy = ((const float *)nl_at(op.dy, stride))[n * op.channels + at % (unsigned)op.channels];
    ((float *)nl_at(op.dx, stride))[at] = s < length ? dy / (float)length : 0.0f;
}

static void launch_mean_pool_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = (const struct nl_mean_pool *)arguments;
    size_t count = (size_t)run->samples * op->channels;
    NL_LAUNCH(mean_pool_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_mean_pool_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = (const struct nl_mean_pool *)arguments;
    size_t count = (size_t)run->samples * op->positions * op->channels;
    NL_LAUNCH(mean_pool_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

NL_CUDA_KERNEL(max_pool, NULL, launch_max_pool_forward, launch_max_pool_backward);
NL_CUDA_KERNEL(mean_pool, NULL, launch_mean_pool_forward, launch_mean_pool_backward);
