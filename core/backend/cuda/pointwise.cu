/* What is done to each element by itself: activations, dropout, the sum at the end of a residual block. */
#include "backend/cuda/activation.cuh"
#include "operation/accumulate.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/dropout.h"
#include "operation/mean_gradient.h"

/* ---- activations ---- */

static __global__ void activate_forward(struct nl_activate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.y, stride))[at] = nl_activation_of(op.kind, op.gelu, ((const float *)nl_at(op.x, stride))[at]);
}

static __global__ void activate_backward(struct nl_activate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count) {
        float dy = ((const float *)nl_at(op.dy, stride))[at];
        ((float *)nl_at(op.dx, stride))[at] = dy * nl_activation_slope(op.kind, op.gelu, ((const float *)nl_at(op.x, stride))[at]);
    }
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

static __global__ void dropout(struct nl_dropout op, const float *from, float *to, size_t stride, size_t count, uint64_t before,
                               bool training, const struct nl_cuda_moment *now)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const uint32_t *key = nl_at(op.key, stride);
    double p = nl_own_or(op.p, nl_at(op.hyper, stride)->dropout);
    float x = nl_at(from, stride)[at];
    if (training && p > 0) {
        struct nl_stream stream = {{key[0], key[1]}};
        x = nl_stream_uniform(stream, (uint64_t)now->step, before + at) >= p ? x * (float)(1.0 / (1.0 - p)) : 0.0f;
    }
    nl_at(to, stride)[at] = x;
}

static void launch_dropout(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    size_t count = (size_t)run->samples * op->count;
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(dropout, nl_grid_over(run, count), NL_THREADS, *op, (const float *)from, (float *)to, run->stride, count,
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

/* ---- the sum ---- */

/* Sizes as unsigned: the divisions below are what such a kernel spends its instructions on. */
static __global__ void add_forward(struct nl_add op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    unsigned c = at % (unsigned)op.channels;
    float sum = ((const float *)nl_at(op.a, stride))[at];
    const float *b = (const float *)nl_at(op.b, stride);
    if (op.stride == 1 && op.from_channels == op.channels) {
        sum += b[at];
    } else if (c < (unsigned)op.from_channels) {
        size_t pixel = at / (unsigned)op.channels;
        unsigned j = pixel % (unsigned)op.width, i = pixel / (unsigned)op.width % (unsigned)op.height;
        size_t n = pixel / (unsigned)op.width / (unsigned)op.height;
        sum += b[((n * op.from_height + i * op.stride) * op.from_width + j * op.stride) * op.from_channels + c];
    }
    ((float *)nl_at(op.y, stride))[at] = op.relu && sum < 0 ? 0.0f : sum; /* NaN stays NaN */
}

/* Threads [0, count) write da; where the shortcut is another place, the next ones write db, with zeros at the pixels between. */
static __global__ void add_backward(struct nl_add op, size_t stride, size_t count, size_t from_count)
{
    const float *y = (const float *)nl_at(op.y, stride), *dy = (const float *)nl_at(op.dy, stride);
    size_t at = nl_element();
    if (at < count) {
        ((float *)nl_at(op.da, stride))[at] = op.relu && !(y[at] > 0) ? 0.0f : dy[at];
        return;
    }
    size_t to = at - count;
    if (to >= from_count)
        return;
    unsigned c = to % (unsigned)op.from_channels;
    size_t pixel = to / (unsigned)op.from_channels;
    unsigned j = pixel % (unsigned)op.from_width, i = pixel / (unsigned)op.from_width % (unsigned)op.from_height;
    size_t n = pixel / (unsigned)op.from_width / (unsigned)op.from_height;
    float value = 0.0f;
    if (i % op.stride == 0 && j % op.stride == 0 && i / op.stride < (unsigned)op.height && j / op.stride < (unsigned)op.width) {
        size_t taken = ((n * op.height + i / op.stride) * op.width + j / op.stride) * op.channels + c;
        value = op.relu && !(y[taken] > 0) ? 0.0f : dy[taken]; /* where da is dy it may be masked already: the same */
    }
    ((float *)nl_at(op.db, stride))[to] = value;
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

static __global__ void mean_gradient(struct nl_mean_gradient op, size_t stride, bool goes_on, const struct nl_cuda_moment *now)
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
    size_t from_count = op->db == op->da ? 0 : (size_t)run->samples * op->from_height * op->from_width * op->from_channels;
    NL_LAUNCH(add_backward, nl_grid_over(run, count + from_count), NL_THREADS, *op, run->stride, count, from_count);
}

NL_CUDA_KERNEL(activate, NULL, launch_activate_forward, launch_activate_backward);
NL_CUDA_KERNEL(add, NULL, launch_add_forward, launch_add_backward);
NL_CUDA_KERNEL(dropout, NULL, launch_dropout_forward, launch_dropout_backward);
NL_CUDA_KERNEL(accumulate, NULL, launch_accumulate, NULL);
NL_CUDA_KERNEL(mean_gradient, NULL, launch_mean_gradient, NULL);
