/* What is done to element `at` by itself: what pointwise.cu launches, and one_launch.cu has a block do among other
 * work. */
#ifndef NL_BACKEND_CUDA_POINTWISE_CUH
#define NL_BACKEND_CUDA_POINTWISE_CUH

#include "backend/cuda/activation.cuh"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/dropout.h"

static __device__ inline void activate_element(const struct nl_activate &op, size_t stride, size_t at)
{
    ((float *)nl_at(op.y, stride))[at] = nl_activation_of(op.kind, op.gelu, ((const float *)nl_at(op.x, stride))[at]);
}

static __device__ inline void activate_element_back(const struct nl_activate &op, size_t stride, size_t at)
{
    float dy = ((const float *)nl_at(op.dy, stride))[at];
    ((float *)nl_at(op.dx, stride))[at] =
        dy * nl_activation_slope(op.kind, op.gelu, ((const float *)nl_at(op.x, stride))[at]);
}

/* From x to y, or from dy to dx; `before`: elements of the batch before the first. */
static __device__ inline void drop_element(const struct nl_dropout &op, const void *from, void *to, size_t stride,
                                           uint64_t before, bool training, int64_t step, size_t at)
{
    const uint32_t *key = nl_at(op.key, stride);
    double p = nl_override_or(op.p, nl_at(op.hyper, stride)->dropout);
    float x = ((const float *)nl_at(from, stride))[at];
    if (training && p > 0) {
        struct nl_stream stream = {{key[0], key[1]}};
        x = nl_stream_uniform(stream, (uint64_t)step, before + at) >= p ? x * (float)(1.0 / (1.0 - p)) : 0.0f;
    }
    ((float *)nl_at(to, stride))[at] = x;
}

/* Sizes as unsigned: the divisions below are what such a kernel spends its instructions on. */
static __device__ inline void add_element(const struct nl_add &op, size_t stride, size_t at)
{
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

/* Elements [0, count) are those of da; where the shortcut is another place, those of db come next, with zeros at the
 * pixels between. */
static __device__ inline void add_element_back(const struct nl_add &op, size_t stride, size_t count, size_t at)
{
    const float *y = (const float *)nl_at(op.y, stride), *dy = (const float *)nl_at(op.dy, stride);
    if (at < count) {
        ((float *)nl_at(op.da, stride))[at] = op.relu && !(y[at] > 0) ? 0.0f : dy[at];
        return;
    }
    size_t to = at - count;
    unsigned c = to % (unsigned)op.from_channels;
    size_t pixel = to / (unsigned)op.from_channels;
    unsigned j = pixel % (unsigned)op.from_width, i = pixel / (unsigned)op.from_width % (unsigned)op.from_height;
    size_t n = pixel / (unsigned)op.from_width / (unsigned)op.from_height;
    float value = 0.0f;
    if (i % op.stride == 0 && j % op.stride == 0 && i / op.stride < (unsigned)op.height &&
        j / op.stride < (unsigned)op.width) {
        size_t taken = ((n * op.height + i / op.stride) * op.width + j / op.stride) * op.channels + c;
        value = op.relu && !(y[taken] > 0) ? 0.0f : dy[taken]; /* where da is dy it may be masked already: the same */
    }
    ((float *)nl_at(op.db, stride))[to] = value;
}

/* How many elements da and db have. */
static inline __host__ __device__ size_t add_elements_back(const struct nl_add &op, int samples)
{
    size_t of_b = op.db == op.da ? 0 : (size_t)samples * op.from_height * op.from_width * op.from_channels;
    return (size_t)samples * op.height * op.width * op.channels + of_b;
}

#endif
