/* What is done to each element by itself: activations, dropout, noise, the sum at the end of a residual block. */
#include "backend/cuda/pointwise.cuh"
#include "operation/accumulate.h"
#include "operation/mean_gradient.h"
#include "operation/noise.h"
#include "operation/weight_average.h"

/* ---- activations ---- */

static __global__ void activate_forward(struct nl_activate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        activate_element(op, stride, at);
}

static __global__ void activate_backward(struct nl_activate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        activate_element_back(op, stride, at);
}

static void launch_activate_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = (const struct nl_activate *)arguments;
    size_t count = (size_t)run->samples * op->count;
    NL_LAUNCH(activate_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_activate_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = (const struct nl_activate *)arguments;
    size_t count = (size_t)run->samples * op->count;
    NL_LAUNCH(activate_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

/* ---- dropout ---- */

static __global__ void dropout(struct nl_dropout op, const void *from, void *to, size_t stride, size_t count,
                               uint64_t before, bool training, const struct nl_cuda_moment *now)
{
    size_t at = nl_element();
    if (at < count)
        drop_element(op, from, to, stride, before, training, now->step, at);
}

static void launch_dropout(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    size_t count = (size_t)run->samples * op->count;
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(dropout, nl_grid_over(run, count), NL_THREADS, *op, from, to, run->stride, count,
              nl_elements_before(run, op->count), nl_is_step(run->statistics), now);
}

static void launch_dropout_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = (const struct nl_dropout *)arguments;
    launch_dropout(run, op, op->x, op->y);
}

static void launch_dropout_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = (const struct nl_dropout *)arguments;
    launch_dropout(run, op, op->dy, op->dx);
}

/* ---- noise after a normalizer ---- */

/* shifts: y = s x + m; else y = s x, which is backward. */
static __global__ void noise(struct nl_noise op, const void *from, void *to, size_t stride, size_t count,
                             uint64_t before, bool training, bool shifts, const struct nl_cuda_moment *now)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const uint32_t *key = nl_at(op.key, stride);
    double k = nl_at(op.hyper, stride)->norm_noise;
    float x = ((const float *)nl_at(from, stride))[at];
    if (training && k > 0) {
        struct nl_stream stream = {{key[0], key[1]}};
        double sigma, m, pair[2];
        nl_noise_at(stream, now->step, before + at, at % (unsigned)op.channels, k, &sigma, &m);
        nl_uniform_pair(stream, (uint64_t)now->step, 2 * (before + at) + 1, pair);
        double s = sigma + 0.1 * k * sqrt(-2.0 * log(pair[0])) * cos(6.283185307179586 * pair[1]);
        x = (float)(s * x + (shifts ? m : 0.0));
    }
    ((float *)nl_at(to, stride))[at] = x;
}

static void launch_noise(const struct nl_run *run, const struct nl_noise *op, const void *from, void *to, bool shifts)
{
    size_t count = (size_t)run->samples * op->count;
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(noise, nl_grid_over(run, count), NL_THREADS, *op, from, to, run->stride, count,
              nl_elements_before(run, op->count), nl_is_step(run->statistics), shifts, now);
}

static void launch_noise_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_noise *op = (const struct nl_noise *)arguments;
    launch_noise(run, op, op->x, op->y, true);
}

static void launch_noise_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_noise *op = (const struct nl_noise *)arguments;
    launch_noise(run, op, op->dy, op->dx, false);
}

/* ---- the sum ---- */

static __global__ void add_forward(struct nl_add op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        add_element(op, stride, at);
}

static __global__ void add_backward(struct nl_add op, size_t stride, size_t count, size_t all)
{
    size_t at = nl_element();
    if (at < all)
        add_element_back(op, stride, count, at);
}

static __global__ void accumulate(struct nl_accumulate op, size_t stride)
{
    size_t at = nl_element();
    if (at < op.count)
        ((float *)nl_at(op.y, stride))[at] += ((const float *)nl_at(op.x, stride))[at];
}

static void launch_accumulate(const struct nl_run *run, const void *arguments)
{
    const struct nl_accumulate *op = (const struct nl_accumulate *)arguments;
    NL_LAUNCH(accumulate, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride);
}

static __global__ void mean_gradient(struct nl_mean_gradient op, size_t stride, bool goes_on,
                                     const struct nl_cuda_moment *now)
{
    double counted = nl_at(now->sums, stride)->counted, before = goes_on ? *nl_at(op.counted, stride) : 0.0;
    float share = counted > before ? (float)((counted - before) / counted) : 0.0f;
    size_t at = nl_element();
    if (at >= op.count)
        return;
    float grad = ((const float *)nl_at(op.grad, stride))[at], *mean = (float *)nl_at(op.mean, stride) + at;
    *mean = before > 0 ? *mean + share * (grad - *mean) : grad;
}

static __global__ void remember_counted(struct nl_mean_gradient op, size_t stride, const struct nl_cuda_moment *now)
{
    *nl_at(op.counted, stride) = nl_at(now->sums, stride)->counted;
}

static void launch_mean_gradient(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_gradient *op = (const struct nl_mean_gradient *)arguments;
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(mean_gradient, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride, run->before > 0, now);
    NL_LAUNCH(remember_counted, dim3(1, 1, (unsigned)run->replicas), 1, *op, run->stride, now);
}

static __global__ void weight_average(struct nl_weight_average op, size_t stride)
{
    size_t at = nl_element();
    if (at >= op.count)
        return;
    float value = ((const float *)nl_at(op.value, stride))[at], *average = (float *)nl_at(op.average, stride) + at;
    *average = op.share < 1 ? *average + (float)op.share * (value - *average) : value;
}

static void launch_weight_average(const struct nl_run *run, const void *arguments)
{
    const struct nl_weight_average *op = (const struct nl_weight_average *)arguments;
    NL_LAUNCH(weight_average, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride);
}

static void launch_add_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = (const struct nl_add *)arguments;
    size_t count = (size_t)run->samples * op->height * op->width * op->channels;
    NL_LAUNCH(add_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_add_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = (const struct nl_add *)arguments;
    size_t count = (size_t)run->samples * op->height * op->width * op->channels;
    size_t all = add_elements_back(*op, run->samples);
    NL_LAUNCH(add_backward, nl_grid_over(run, all), NL_THREADS, *op, run->stride, count, all);
}

NL_CUDA_KERNEL(activate, NULL, launch_activate_forward, launch_activate_backward);
NL_CUDA_KERNEL(add, NULL, launch_add_forward, launch_add_backward);
NL_CUDA_KERNEL(dropout, NULL, launch_dropout_forward, launch_dropout_backward);
NL_CUDA_KERNEL(noise, NULL, launch_noise_forward, launch_noise_backward);
NL_CUDA_KERNEL(accumulate, NULL, launch_accumulate, NULL);
NL_CUDA_KERNEL(mean_gradient, NULL, launch_mean_gradient, NULL);
NL_CUDA_KERNEL(weight_average, NULL, launch_weight_average, NULL);
