/* Normalizers that divide a set by a measure of its size. A block of threads finds the sums of a set; then each thread
 * has an element. */
#include "backend/cuda/cuda.h"
#include "operation/rescale.h"

/* What a set is multiplied with: s, and the product of `slope` and sum(du x) (struct nl_rescale); and its part of
 * the gradient of a gamma that is one number. */
struct factor {
    double scale, slope, gradient;
};

static __device__ inline float gamma_at(const struct nl_rescale *op, const float *gamma, size_t element)
{
    return gamma ? gamma[element % op->affine_count] : 1.0f;
}

/* factor[r][set]; dy NULL: of the scale alone. */
static __global__ void rescale_sums(struct nl_rescale op, enum nl_rescale_measure measure, size_t stride,
                                    struct factor *factor)
{
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride),
                *gamma = (const float *)nl_at(op.gamma, stride);
    size_t elements = (size_t)(op.set.over_position ? 1 : op.positions) * op.channels, first = blockIdx.x * elements;
    double squares = 0.0, product = 0.0, plain = 0.0, none = 0.0;
    for (size_t i = threadIdx.x; i < elements; i += blockDim.x) {
        double value = x[first + i];
        if (i % op.channels < (size_t)op.counted)
            squares += value * value;
        if (dy) {
            product += value * dy[first + i] * gamma_at(&op, gamma, first + i);
            plain += value * dy[first + i];
        }
    }
    nl_block_sum(&squares, &product);
    nl_block_sum(&plain, &none);
    if (threadIdx.x != 0)
        return;
    double eps = nl_override_or(op.set.eps, nl_at(op.hyper, stride)->norm_eps),
           counted = (double)(elements / op.channels) * op.counted;
    bool of_length = measure == NL_RESCALE_LENGTH, is_held = of_length && squares < eps * eps;
    double size = is_held ? eps : sqrt(of_length ? squares : squares / counted + eps),
           scale = size == 0.0 ? 0.0 : 1.0 / size;
    double slope = is_held ? 0.0 : scale * scale * scale / (of_length ? 1.0 : counted);
    factor[(size_t)blockIdx.z * gridDim.x + blockIdx.x] = {scale, slope * product, scale * plain};
}

static __global__ void rescale_forward(struct nl_rescale op, size_t stride, size_t count, size_t elements,
                                       const struct factor *factor)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *gamma = (const float *)nl_at(op.gamma, stride);
    float scale = (float)factor[blockIdx.z * (count / elements) + at / elements].scale;
    ((float *)nl_at(op.y, stride))[at] = gamma_at(&op, gamma, at) * (((const float *)nl_at(op.x, stride))[at] * scale);
}

/* A thread an element of gamma; before dx, which may lie where dy does. */
static __global__ void rescale_gamma(struct nl_rescale op, size_t stride, size_t count, size_t elements,
                                     const struct factor *factor)
{
    size_t a = nl_element();
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride);
    double sum = 0.0;
    if (a >= op.affine_count)
        return;
    if (op.affine_count == 1)
        for (size_t set = 0; set < count / elements; set++)
            sum += factor[blockIdx.z * (count / elements) + set].gradient;
    else
        for (size_t i = a; i < count; i += op.affine_count)
            sum += dy[i] * (x[i] * factor[blockIdx.z * (count / elements) + i / elements].scale);
    ((float *)nl_at(op.dgamma, stride))[a] = (float)sum;
}

static __global__ void rescale_backward(struct nl_rescale op, size_t stride, size_t count, size_t elements,
                                        const struct factor *factor)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const struct factor *f = &factor[blockIdx.z * (count / elements) + at / elements];
    float du = ((const float *)nl_at(op.dy, stride))[at] * gamma_at(&op, (const float *)nl_at(op.gamma, stride), at);
    float of_size =
        at % op.channels < (size_t)op.counted ? ((const float *)nl_at(op.x, stride))[at] * (float)f->slope : 0.0f;
    ((float *)nl_at(op.dx, stride))[at] = (float)f->scale * du - of_size;
}

/* What both ways begin with. */
struct shape {
    size_t count, elements; /* of all samples, of a set */
    struct factor *factor;
};

static struct shape launch_sums(const struct nl_run *run, const struct nl_rescale *op)
{
    size_t count = (size_t)run->samples * op->positions * op->channels,
           elements = (size_t)nl_rescale_positions(op) * op->channels, sets = count / elements;
    struct factor *factor = (struct factor *)nl_cuda_scratch((size_t)run->replicas * sets * sizeof *factor);
    NL_LAUNCH(rescale_sums, dim3((unsigned)sets, 1, (unsigned)run->replicas), elements > 256 ? NL_THREADS : 32, *op,
              nl_rescale_measure_of(op), run->stride, factor);
    return {count, elements, factor};
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    struct nl_rescale op = *(const struct nl_rescale *)arguments;
    op.dy = NULL;
    struct shape shape = launch_sums(run, &op);
    NL_LAUNCH(rescale_forward, nl_grid_over(run, shape.count), NL_THREADS, op, run->stride, shape.count, shape.elements,
              shape.factor);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = (const struct nl_rescale *)arguments;
    struct shape shape = launch_sums(run, op);
    if (op->affine_count > 0)
        NL_LAUNCH(rescale_gamma, nl_grid_over(run, op->affine_count), NL_THREADS, *op, run->stride, shape.count,
                  shape.elements, shape.factor);
    if (op->dx)
        NL_LAUNCH(rescale_backward, nl_grid_over(run, shape.count), NL_THREADS, *op, run->stride, shape.count,
                  shape.elements, shape.factor);
}

NL_CUDA_KERNEL(rescale, NULL, launch_forward, launch_backward);
