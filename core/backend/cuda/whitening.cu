/* Whitening of groups of channels, in double but for what lies in memory. Sums over rows are made by chunks, then
 * joined in a fixed order. A block of threads takes a group's matrices (norm/whitening.h). */
#include "backend/cuda/cuda.h"
#include "operation/whitening.h"

static const unsigned CHUNK = 256; /* rows */

/* A call, for all its replicas. */
struct nl_white_call {
    struct nl_whitening op;
    size_t stride;
    enum nl_statistics statistics;
    bool fixed;
    enum nl_whitening_kind kind;
    int d;
    size_t factors;        /* of a group */
    unsigned rows, chunks;
    char *scratch;         /* of each replica: struct nl_white, one after the other */
    size_t scratch_stride;
};

/* What a replica works on. */
struct nl_white {
    const float *x, *dy, *gamma, *beta;
    double *mean, *w, *factors; /* what it is normalized with */
    double *sums;               /* (C): of dy */
    double *parts;              /* (chunks, C) */
    double *products;           /* (chunks, groups, d, d) */
    double *dcov;               /* (groups, d, d) */
    double *work;               /* (groups, NL_WHITENING_SCRATCH + 1, d, d) */
};

/* Numbers of scratch that a replica takes. */
static size_t scratch_of(const struct nl_white_call *call)
{
    size_t channels = (size_t)call->op.channels, matrices = channels * call->d;
    return 2 * channels + matrices + call->op.set.groups * call->factors + call->chunks * (channels + matrices) +
           (NL_WHITENING_SCRATCH + 2) * matrices;
}

static __device__ struct nl_white white_of(const struct nl_white_call &call)
{
    const struct nl_whitening &op = call.op;
    size_t channels = (size_t)op.channels, matrices = channels * call.d;
    double *at = (double *)(call.scratch + blockIdx.z * call.scratch_stride);
    struct nl_white white;
    white.x = (const float *)nl_at(op.x, call.stride), white.dy = (const float *)nl_at(op.dy, call.stride);
    white.gamma = (const float *)nl_at(op.gamma, call.stride), white.beta = (const float *)nl_at(op.beta, call.stride);
    white.sums = at, at += channels;
    white.parts = at, at += call.chunks * channels;
    white.products = at, at += call.chunks * matrices;
    white.dcov = at, at += matrices;
    white.work = at, at += (NL_WHITENING_SCRATCH + 1) * matrices;
    white.mean = call.fixed ? at : (double *)nl_at(op.mean, call.stride);
    white.w = call.fixed ? at + channels : (double *)nl_at(op.w, call.stride);
    white.factors = call.fixed ? at + channels + matrices : (double *)nl_at(op.factors, call.stride);
    return white;
}

static __device__ struct nl_whitening_form form_of(const struct nl_white_call &call)
{
    const struct nl_hyper *hyper = nl_at(call.op.hyper, call.stride);
    struct nl_whitening_form form = {call.kind, call.d, call.op.set.iterations,
                                     nl_override_or(call.op.set.eps, hyper->norm_eps)};
    return form;
}

static struct nl_white_call call_of(const struct nl_run *run, const struct nl_whitening *op)
{
    struct nl_white_call call;
    call.op = *op;
    call.stride = run->stride;
    call.statistics = run->statistics;
    call.fixed = nl_are_fixed(run->statistics);
    call.kind = nl_whitening_kind_of(&op->set);
    call.d = nl_whitening_width(op);
    call.factors = nl_whitening_factors_of(op);
    call.rows = (unsigned)run->samples * op->positions;
    call.chunks = nl_blocks(call.rows, CHUNK);
    call.scratch_stride = scratch_of(&call) * sizeof(double);
    call.scratch = (char *)nl_cuda_scratch(run->replicas * call.scratch_stride);
    return call;
}

/* ---- sums over rows ---- */

/* Sums of a chunk's columns of x, less the first row, or of dy. */
static __global__ void sum_columns(struct nl_white_call call, bool of_dy)
{
    struct nl_white white = white_of(call);
    unsigned channels = (unsigned)call.op.channels, tiles = (channels + blockDim.x - 1) / blockDim.x,
             chunk = blockIdx.x / tiles;
    unsigned c = blockIdx.x % tiles * blockDim.x + threadIdx.x;
    if (c >= channels)
        return;
    const float *x = of_dy ? white.dy : white.x;
    double sum = 0.0, origin = of_dy ? 0.0 : x[c];
    for (unsigned row = chunk * CHUNK; row < (chunk + 1) * CHUNK && row < call.rows; row++)
        sum += x[(size_t)row * channels + c] - origin;
    white.parts[chunk * channels + c] = sum;
}

/* The mean of x, or the sum of dy. With the batch's own statistics in training one more update is counted. */
static __global__ void join_columns(struct nl_white_call call, bool of_dy)
{
    struct nl_white white = white_of(call);
    unsigned channels = (unsigned)call.op.channels, c = (unsigned)nl_element();
    double sum = 0.0;
    if (c >= channels)
        return;
    for (unsigned chunk = 0; chunk < call.chunks; chunk++)
        sum += white.parts[chunk * channels + c];
    if (of_dy)
        white.sums[c] = sum;
    else
        white.mean[c] = white.x[c] + sum / call.rows;
    if (c == 0 && !of_dy && call.statistics == NL_STATS_TRAIN)
        ++*nl_at(call.op.updates, call.stride);
}

/* A block takes a group's products of one chunk: t t', or dy t', with t = x - mean. */
static __global__ void multiply_chunk(struct nl_white_call call, bool by_dy)
{
    struct nl_white white = white_of(call);
    unsigned groups = (unsigned)call.op.set.groups, g = blockIdx.x % groups, chunk = blockIdx.x / groups,
             d = (unsigned)call.d;
    const float *x = white.x + g * d, *dy = white.dy + g * d;
    const double *mean = white.mean + g * d;
    for (unsigned e = threadIdx.x; e < d * d; e += blockDim.x) {
        unsigned j = e / d, i = e % d;
        double sum = 0.0;
        for (unsigned row = chunk * CHUNK; row < (chunk + 1) * CHUNK && row < call.rows; row++) {
            size_t at = (size_t)row * call.op.channels;
            sum += (by_dy ? dy[at + j] : x[at + j] - mean[j]) * (x[at + i] - mean[i]);
        }
        white.products[((size_t)chunk * groups + g) * d * d + e] = sum;
    }
}

/* By a block of a group: the sum of its products over the chunks. */
static __device__ void join_products(const struct nl_white_call &call, const struct nl_white &white, double *out)
{
    size_t square = (size_t)call.d * call.d, groups = call.op.set.groups;
    NL_SHARE(e, (int)square)
    {
        out[e] = 0.0;
        for (unsigned chunk = 0; chunk < call.chunks; chunk++)
            out[e] += white.products[(chunk * groups + blockIdx.x) * square + e];
    }
    NL_MEET();
}

/* ---- a group's matrix ---- */

static __device__ void track(const struct nl_white_call &call, const double *mean, const double *w)
{
    const struct nl_hyper *hyper = nl_at(call.op.hyper, call.stride);
    float *running_mean = (float *)nl_at(call.op.running_mean, call.stride),
          *running_w = (float *)nl_at(call.op.running_w, call.stride);
    double own = nl_override_or(call.op.set.momentum, hyper->norm_momentum),
           momentum = own < 0 ? 1.0 / *nl_at(call.op.updates, call.stride) : own;
    running_mean += blockIdx.x * call.d, running_w += (size_t)blockIdx.x * call.d * call.d;
    NL_SHARE(i, call.d) running_mean[i] = (float)((1 - momentum) * running_mean[i] + momentum * mean[i]);
    NL_SHARE(e, call.d * call.d) running_w[e] = (float)((1 - momentum) * running_w[e] + momentum * w[e]);
}

/* A block takes a group. */
static __global__ void whiten_groups(struct nl_white_call call)
{
    struct nl_white white = white_of(call);
    struct nl_whitening_form form = form_of(call);
    size_t square = (size_t)call.d * call.d;
    double *cov = white.work + blockIdx.x * (NL_WHITENING_SCRATCH + 1) * square,
           *mean = white.mean + blockIdx.x * call.d, *w = white.w + blockIdx.x * square;
    join_products(call, white, cov);
    NL_SHARE(e, (int)square) cov[e] /= call.rows;
    NL_MEET();
    nl_whiten(&form, cov, white.factors + blockIdx.x * call.factors, w, cov + square);
    if (call.statistics == NL_STATS_TRAIN)
        track(call, mean, w);
    if (call.statistics == NL_STATS_COLLECT)
        nl_whitening_collect(call.d, call.rows, *nl_at(call.op.precise_count, call.stride), mean, cov,
                             nl_at(call.op.precise_mean, call.stride) + blockIdx.x * call.d,
                             nl_at(call.op.precise_cov, call.stride) + blockIdx.x * square);
}

/* Mean and W that do not depend on the batch. */
static __global__ void take_fixed(struct nl_white_call call)
{
    struct nl_white white = white_of(call);
    struct nl_whitening_form form = form_of(call);
    bool precise = call.statistics == NL_STATS_PRECISE;
    size_t square = (size_t)call.d * call.d, first = (size_t)blockIdx.x * call.d, matrix = blockIdx.x * square;
    const float *running_mean = (const float *)nl_at(call.op.running_mean, call.stride),
                *running_w = (const float *)nl_at(call.op.running_w, call.stride);
    const double *precise_mean = nl_at(call.op.precise_mean, call.stride),
                 *precise_cov = nl_at(call.op.precise_cov, call.stride);
    NL_SHARE(i, call.d) white.mean[first + i] = precise ? precise_mean[first + i] : running_mean[first + i];
    if (precise)
        nl_whiten(&form, precise_cov + matrix, white.factors + blockIdx.x * call.factors, white.w + matrix,
                  white.work + (NL_WHITENING_SCRATCH + 1) * matrix);
    else
        NL_SHARE(e, (int)square) white.w[matrix + e] = running_w[matrix + e];
}

/* ---- forward ---- */

static __global__ void apply(struct nl_white_call call, size_t count)
{
    struct nl_white white = white_of(call);
    size_t at = nl_element();
    if (at >= count)
        return;
    unsigned channels = (unsigned)call.op.channels, c = (unsigned)(at % channels), first = c / call.d * call.d;
    const double *w = white.w + (size_t)c * call.d;
    const float *x = white.x + (at - c + first);
    double value = 0.0;
    for (int i = 0; i < call.d; i++)
        value += w[i] * (x[i] - white.mean[first + i]);
    ((float *)nl_at(call.op.y, call.stride))[at] = (float)(white.beta    ? white.gamma[c] * value + white.beta[c]
                                                           : white.gamma ? white.gamma[c] * value
                                                                         : value);
    if (at == 0 && call.statistics == NL_STATS_COLLECT)
        *nl_at(call.op.precise_count, call.stride) += call.rows;
}

/* Threads of a block that takes a group: they share its rows. */
static unsigned threads_of(const struct nl_white_call *call)
{
    unsigned whole = nl_blocks(call->d, 32) * 32;
    return whole < NL_THREADS ? whole : NL_THREADS;
}

static void launch_sums(const struct nl_run *run, const struct nl_white_call *call, bool of_dy)
{
    unsigned channels = (unsigned)call->op.channels, replicas = (unsigned)run->replicas;
    NL_LAUNCH(sum_columns, dim3(nl_blocks(channels, NL_THREADS) * call->chunks, 1, replicas), NL_THREADS, *call, of_dy);
    NL_LAUNCH(join_columns, dim3(nl_blocks(channels, NL_THREADS), 1, replicas), NL_THREADS, *call, of_dy);
    NL_LAUNCH(multiply_chunk, dim3(call->op.set.groups * call->chunks, 1, replicas), NL_THREADS, *call, of_dy);
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = (const struct nl_whitening *)arguments;
    struct nl_white_call call = call_of(run, op);
    dim3 groups(op->set.groups, 1, (unsigned)run->replicas);
    size_t count = (size_t)call.rows * op->channels;
    if (call.fixed) {
        NL_LAUNCH(take_fixed, groups, threads_of(&call), call);
    } else {
        launch_sums(run, &call, false);
        NL_LAUNCH(whiten_groups, groups, threads_of(&call), call);
    }
    NL_LAUNCH(apply, nl_grid_over(run, count), NL_THREADS, call, count);
}

/* ---- backward ---- */

/* A block takes a group: dgamma and dbeta, and dcov. */
static __global__ void find_gradients(struct nl_white_call call)
{
    struct nl_white white = white_of(call);
    struct nl_whitening_form form = form_of(call);
    int d = call.d, first = (int)blockIdx.x * d;
    size_t square = (size_t)d * d;
    float *dgamma = (float *)nl_at(call.op.dgamma, call.stride), *dbeta = (float *)nl_at(call.op.dbeta, call.stride);
    double *dw = white.work + blockIdx.x * (NL_WHITENING_SCRATCH + 1) * square;
    join_products(call, white, dw);
    NL_SHARE(j, d)
    {
        if (dgamma) {
            dgamma[first + j] = (float)nl_dot(d, dw + j * d, white.w + blockIdx.x * square + j * d);
            if (dbeta)
                dbeta[first + j] = (float)white.sums[first + j];
        }
        for (int i = 0; i < d; i++)
            dw[j * d + i] *= white.gamma ? white.gamma[first + j] : 1.0f;
    }
    NL_MEET();
    if (!call.fixed)
        nl_whiten_back(&form, white.factors + blockIdx.x * call.factors, dw, white.dcov + blockIdx.x * square,
                       dw + square);
}

static __global__ void write_dx(struct nl_white_call call, size_t count)
{
    struct nl_white white = white_of(call);
    size_t at = nl_element();
    if (at >= count)
        return;
    int d = call.d;
    unsigned c = (unsigned)(at % call.op.channels), first = c / d * d, i = c - first;
    const double *w = white.w + (size_t)first * d, *dcov = white.dcov + (size_t)c * d;
    const float *x = white.x + (at - i), *dy = white.dy + (at - i);
    double value = 0.0, products = 0.0;
    for (int j = 0; j < d; j++) {
        double mean = call.fixed ? 0.0 : white.sums[first + j] / call.rows;
        value += (white.gamma ? white.gamma[first + j] : 1.0f) * (dy[j] - mean) * w[j * d + i];
    }
    for (int j = 0; !call.fixed && j < d; j++)
        products += dcov[j] * (x[j] - white.mean[first + j]);
    ((float *)nl_at(call.op.dx, call.stride))[at] = (float)(value + 2.0 / call.rows * products);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = (const struct nl_whitening *)arguments;
    struct nl_white_call call = call_of(run, op);
    dim3 groups(op->set.groups, 1, (unsigned)run->replicas);
    size_t count = (size_t)call.rows * op->channels;
    if (call.fixed)
        NL_LAUNCH(take_fixed, groups, threads_of(&call), call);
    launch_sums(run, &call, true);
    NL_LAUNCH(find_gradients, groups, threads_of(&call), call);
    if (op->dx)
        NL_LAUNCH(write_dx, nl_grid_over(run, count), NL_THREADS, call, count);
}

NL_CUDA_KERNEL(whitening, NULL, launch_forward, launch_backward);
