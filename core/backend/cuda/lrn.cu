/* Local response normalization: a thread an element, whose window lies in the cache. */
#include "backend/cuda/cuda.h"
#include "operation/lrn.h"

/* D of an element. */
static __device__ inline double divisor_of(const struct nl_lrn *op, const float *x, size_t at)
{
    int c = (int)(at % op->channels), first = c - nl_lrn_left(op), last = c + nl_lrn_right(op);
    const float *row = x + (at - c);
    double squares = 0.0;
    for (int j = first < 0 ? 0 : first; j <= last && j < op->channels; j++)
        squares += (double)row[j] * row[j];
    return op->set.lrn.k + op->set.lrn.alpha / op->set.lrn.size * squares;
}

static __device__ inline double inverse_power(const struct nl_lrn *op, double divisor)
{
    return divisor == 0.0 ? 0.0 : pow(divisor, -op->set.lrn.beta);
}

static __global__ void lrn_forward(struct nl_lrn op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *x = (const float *)nl_at(op.x, stride);
    ((float *)nl_at(op.y, stride))[at] = (float)(x[at] * inverse_power(&op, divisor_of(&op, x, at)));
}

/* of_window[r][element]: dy x / D^(b + 1); direct[r][element]: dy / D^b. */
static __global__ void lrn_products(struct nl_lrn op, size_t stride, size_t count, float *of_window, float *direct)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride);
    double divisor = divisor_of(&op, x, at), power = inverse_power(&op, divisor);
    of_window[blockIdx.z * count + at] = divisor == 0.0 ? 0.0f : (float)(dy[at] * x[at] * (power / divisor));
    direct[blockIdx.z * count + at] = (float)(dy[at] * power);
}

static __global__ void lrn_backward(struct nl_lrn op, size_t stride, size_t count, const float *of_window,
                                    const float *direct)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    int c = (int)(at % op.channels), first = c - nl_lrn_right(&op), last = c + nl_lrn_left(&op);
    const float *row = of_window + blockIdx.z * count + (at - c);
    double sum = 0.0, factor = 2.0 * op.set.lrn.alpha * op.set.lrn.beta / op.set.lrn.size;
    for (int j = first < 0 ? 0 : first; j <= last && j < op.channels; j++)
        sum += row[j];
    ((float *)nl_at(op.dx, stride))[at] =
        (float)(direct[blockIdx.z * count + at] - factor * ((const float *)nl_at(op.x, stride))[at] * sum);
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = (const struct nl_lrn *)arguments;
    size_t count = (size_t)run->samples * op->positions * op->channels;
    NL_LAUNCH(lrn_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = (const struct nl_lrn *)arguments;
    size_t count = (size_t)run->samples * op->positions * op->channels, all = (size_t)run->replicas * count;
    if (!op->dx)
        return;
    float *of_window = (float *)nl_cuda_scratch(2 * all * sizeof *of_window), *direct = of_window + all;
    NL_LAUNCH(lrn_products, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, of_window, direct);
    NL_LAUNCH(lrn_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, of_window, direct);
}

NL_CUDA_KERNEL(lrn, NULL, launch_forward, launch_backward);
