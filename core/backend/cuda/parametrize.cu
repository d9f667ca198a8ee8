/* Weights computed from original ones (operation/parametrize.h). Outputs lie side by side, and a warp reads 32 of them:
 * a block has the weights of so many outputs, a warp every eighth row of them. */
#include "backend/cuda/cuda.h"
#include "norm/weight_scale.h"
#include "operation/parametrize.h"
#include "operation/standardize.h"

static const unsigned WARP = 32, WARPS = 8;

struct shape {
    enum nl_weight_measure measure;
    double eps;
    bool centers;
    unsigned rows, outputs;
    int in, taps;
    size_t stride;
};

static struct shape shape_of(const struct nl_run *run, const struct nl_weight_norm *norm, int kernel, int in, int out)
{
    int taps = nl_weight_taps(kernel);
    struct shape s = {norm->measure, norm->eps, norm->centers, (unsigned)(taps * in),
                      (unsigned)out, in,        taps,          run->stride};
    return s;
}

/* Sums of a and b over the warps, for each lane, in a fixed order; every thread has them. */
static __device__ void sum_over_warps(double *a, double *b)
{
    __shared__ double part[2][WARPS][WARP];
    unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    __syncthreads(); /* the room may still be read from the last time */
    part[0][warp][lane] = *a;
    part[1][warp][lane] = *b;
    __syncthreads();
    *a = *b = 0.0;
    for (unsigned w = 0; w < WARPS; w++) {
        *a += part[0][w][lane];
        *b += part[1][w][lane];
    }
}

/* ---- by the weights of each output ---- */

static __global__ void parametrize_forward(struct nl_parametrize op, struct shape s)
{
    unsigned o = blockIdx.x * WARP + threadIdx.x % WARP, warp = threadIdx.x / WARP;
    bool real = o < s.outputs;
    const float *v = (const float *)nl_at(op.v, s.stride), *g = (const float *)nl_at(op.g, s.stride);
    float *w = (float *)nl_at(op.w, s.stride);
    double center = 0.0, square = 0.0, none = 0.0;
    for (unsigned row = warp; real && s.centers && row < s.rows; row += WARPS)
        center += v[(size_t)row * s.outputs + o];
    sum_over_warps(&center, &none);
    center /= s.rows;
    for (unsigned row = warp; real && row < s.rows; row += WARPS) {
        double t = v[(size_t)row * s.outputs + o] - center;
        square += t * t;
    }
    sum_over_warps(&square, &none);
    if (!real)
        return;
    double scale = nl_weight_scale_of(s.measure, s.eps, square, (int)s.rows).scale * (g ? g[o] : 1.0f);
    for (unsigned row = warp; row < s.rows; row += WARPS)
        w[(size_t)row * s.outputs + o] = (float)((v[(size_t)row * s.outputs + o] - center) * scale);
    if (warp == 0) {
        ((double *)nl_at(op.center, s.stride))[o] = center;
        ((double *)nl_at(op.square, s.stride))[o] = square;
    }
}

static __global__ void parametrize_backward(struct nl_parametrize op, struct shape s)
{
    unsigned o = blockIdx.x * WARP + threadIdx.x % WARP, warp = threadIdx.x / WARP;
    bool real = o < s.outputs;
    const float *v = (const float *)nl_at(op.v, s.stride), *g = (const float *)nl_at(op.g, s.stride),
                *dw = (const float *)nl_at(op.dw, s.stride);
    float *dv = (float *)nl_at(op.dv, s.stride), *dg = (float *)nl_at(op.dg, s.stride);
    double center = real ? ((const double *)nl_at(op.center, s.stride))[o] : 0.0, sum = 0.0, product = 0.0;
    for (unsigned row = warp; real && row < s.rows; row += WARPS) {
        double each = dw[(size_t)row * s.outputs + o];
        sum += each;
        product += each * (v[(size_t)row * s.outputs + o] - center);
    }
    sum_over_warps(&sum, &product);
    if (!real)
        return;
    struct nl_weight_scale of =
        nl_weight_scale_of(s.measure, s.eps, ((const double *)nl_at(op.square, s.stride))[o], (int)s.rows);
    double gain = g ? g[o] : 1.0f, mean = s.centers ? sum / s.rows : 0.0;
    for (unsigned row = warp; row < s.rows; row += WARPS) {
        size_t at = (size_t)row * s.outputs + o;
        dv[at] = (float)(gain * (of.scale * (dw[at] - mean) - of.slope * product * (v[at] - center)));
    }
    if (warp == 0 && dg)
        dg[o] = (float)(of.scale * product);
}

static void launch_parametrize_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_parametrize *op = (const struct nl_parametrize *)arguments;
    dim3 grid(nl_blocks((size_t)op->out, WARP), 1, (unsigned)run->replicas);
    NL_LAUNCH(parametrize_forward, grid, WARP * WARPS, *op, shape_of(run, op->norm, op->kernel, op->in, op->out));
}

static void launch_parametrize_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_parametrize *op = (const struct nl_parametrize *)arguments;
    dim3 grid(nl_blocks((size_t)op->out, WARP), 1, (unsigned)run->replicas);
    NL_LAUNCH(parametrize_backward, grid, WARP * WARPS, *op, shape_of(run, op->norm, op->kernel, op->in, op->out));
}

/* ---- gain and bias from the first batch ---- */

static __global__ void standardize(struct nl_standardize op, size_t stride, unsigned rows)
{
    unsigned channels = (unsigned)op.channels, c = blockIdx.x * WARP + threadIdx.x % WARP, warp = threadIdx.x / WARP;
    bool real = c < channels;
    const float *x = (const float *)nl_at(op.x, stride);
    float *y = (float *)nl_at(op.y, stride), *gain = (float *)nl_at(op.gain, stride),
          *bias = (float *)nl_at(op.bias, stride);
    double mean = 0.0, squares = 0.0, none = 0.0;
    for (unsigned row = warp; real && row < rows; row += WARPS)
        mean += x[(size_t)row * channels + c];
    sum_over_warps(&mean, &none);
    mean /= rows;
    for (unsigned row = warp; real && row < rows; row += WARPS) {
        double t = x[(size_t)row * channels + c] - mean;
        squares += t * t;
    }
    sum_over_warps(&squares, &none);
    if (!real)
        return;
    double scale = squares == 0.0 ? 1.0 : 1.0 / sqrt(squares / rows), shift = bias ? mean : 0.0;
    for (unsigned row = warp; row < rows; row += WARPS)
        y[(size_t)row * channels + c] = (float)((x[(size_t)row * channels + c] - shift) * scale);
    if (warp == 0) {
        gain[c] = (float)(gain[c] * scale);
        if (bias)
            bias[c] = (float)((bias[c] - shift) * scale);
    }
}

static void launch_standardize(const struct nl_run *run, const void *arguments)
{
    const struct nl_standardize *op = (const struct nl_standardize *)arguments;
    dim3 grid(nl_blocks((size_t)op->channels, WARP), 1, (unsigned)run->replicas);
    NL_LAUNCH(standardize, grid, WARP * WARPS, *op, run->stride, (unsigned)(run->samples * op->positions));
}

/* ---- by the largest singular value: one block a replica, for its sums are over the whole weight ---- */

/* What the replica's block works on. */
struct matrix {
    const float *v;
    float *a, *b;
};

static __device__ inline int place_in_b(const struct shape &s, unsigned row)
{
    return nl_place_in_matrix((int)row, s.in, s.taps);
}

/* x / max(|x|, eps) of `count` numbers, which the block's threads have written. */
static __device__ void normalize(float *x, unsigned count, double eps)
{
    double squares = 0.0, none = 0.0;
    __syncthreads();
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x)
        squares += (double)x[i] * x[i];
    nl_block_sum(&squares, &none);
    double length = sqrt(squares);
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x)
        x[i] = (float)(x[i] / (length < eps ? eps : length));
    __syncthreads();
}

/* Element o of v b, of the lane's output; every warp has it. */
static __device__ double times_b(const struct shape &s, const struct matrix &m, unsigned o)
{
    double sum = 0.0, none = 0.0;
    for (unsigned row = threadIdx.x / WARP; o < s.outputs && row < s.rows; row += WARPS)
        sum += (double)m.v[(size_t)row * s.outputs + o] * m.b[place_in_b(s, row)];
    sum_over_warps(&sum, &none);
    return sum;
}

static __device__ void iterate(const struct shape &s, const struct matrix &m)
{
    unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    for (unsigned first = 0; first < s.outputs; first += WARP) {
        double sum = times_b(s, m, first + lane);
        if (warp == 0 && first + lane < s.outputs)
            m.a[first + lane] = (float)sum;
    }
    normalize(m.a, s.outputs, s.eps);
    for (unsigned row = warp; row < s.rows; row += WARPS) {
        double sum = 0.0;
        for (unsigned o = lane; o < s.outputs; o += WARP)
            sum += (double)m.v[(size_t)row * s.outputs + o] * m.a[o];
        sum = nl_warp_sum(sum);
        if (lane == 0)
            m.b[place_in_b(s, row)] = (float)sum;
    }
    normalize(m.b, s.rows, s.eps);
}

static __global__ void spectral_norm_forward(struct nl_spectral_norm op, struct shape s, int iterations)
{
    struct matrix m = {(const float *)nl_at(op.v, s.stride), (float *)nl_at(op.a, s.stride),
                       (float *)nl_at(op.b, s.stride)};
    float *w = (float *)nl_at(op.w, s.stride);
    unsigned lane = threadIdx.x % WARP;
    double sigma = 0.0, none = 0.0;
    for (int i = 0; i < iterations; i++)
        iterate(s, m);
    for (unsigned first = 0; first < s.outputs; first += WARP) {
        double sum = times_b(s, m, first + lane);
        if (threadIdx.x < WARP && first + lane < s.outputs)
            sigma += m.a[first + lane] * sum;
    }
    nl_block_sum(&sigma, &none);
    double scale = sigma == 0.0 ? 0.0 : 1.0 / sigma;
    for (size_t i = threadIdx.x; i < (size_t)s.rows * s.outputs; i += blockDim.x)
        w[i] = (float)(m.v[i] * scale);
    if (threadIdx.x == 0)
        *(double *)nl_at(op.sigma, s.stride) = sigma;
}

static __global__ void spectral_norm_backward(struct nl_spectral_norm op, struct shape s)
{
    const float *v = (const float *)nl_at(op.v, s.stride), *dw = (const float *)nl_at(op.dw, s.stride);
    const float *a = (const float *)nl_at(op.a, s.stride), *b = (const float *)nl_at(op.b, s.stride);
    float *dv = (float *)nl_at(op.dv, s.stride);
    double sigma = *(const double *)nl_at(op.sigma, s.stride), product = 0.0, none = 0.0;
    for (size_t i = threadIdx.x; i < (size_t)s.rows * s.outputs; i += blockDim.x)
        product += (double)dw[i] * v[i];
    nl_block_sum(&product, &none);
    double scale = sigma == 0.0 ? 0.0 : 1.0 / sigma, slope = product * scale * scale;
    for (unsigned row = threadIdx.x / WARP; row < s.rows; row += WARPS)
        for (unsigned o = threadIdx.x % WARP; o < s.outputs; o += WARP) {
            size_t i = (size_t)row * s.outputs + o;
            dv[i] = (float)(scale * dw[i] - slope * a[o] * b[place_in_b(s, row)]);
        }
}

static void launch_spectral_norm_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = (const struct nl_spectral_norm *)arguments;
    int iterations = run->statistics == NL_STATS_TRAIN ? op->iterations : 0;
    NL_LAUNCH(spectral_norm_forward, dim3(1, 1, (unsigned)run->replicas), WARP * WARPS, *op,
              shape_of(run, op->norm, op->kernel, op->in, op->out), iterations);
}

static void launch_spectral_norm_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = (const struct nl_spectral_norm *)arguments;
    NL_LAUNCH(spectral_norm_backward, dim3(1, 1, (unsigned)run->replicas), WARP * WARPS, *op,
              shape_of(run, op->norm, op->kernel, op->in, op->out));
}

NL_CUDA_KERNEL(parametrize, NULL, launch_parametrize_forward, launch_parametrize_backward);
NL_CUDA_KERNEL(standardize, NULL, launch_standardize, NULL);
NL_CUDA_KERNEL(spectral_norm, NULL, launch_spectral_norm_forward, launch_spectral_norm_backward);
