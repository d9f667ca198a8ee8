/* Normalizers that mix instance, layer and batch. The moments of each channel of each sample, those of the batch, what
 * elements are mapped with, and the elements are a launch each; in backward the sums, their gradients, what all samples
 * share, and the elements. All but the elements is in double, by the functions of operation/mixture.h. */
#include "operation/mixture.h"

#include "backend/cuda/normalize.cuh"

/* A call, as its launches see it. */
struct call {
    struct nl_mixture op;
    size_t stride;
    unsigned samples, positions, channels, width;
    enum nl_mixture_kind kind;
    enum nl_statistics statistics;
    bool fixed, used; /* the batch's statistics are running or precise ones; those that forward kept */
};

/* y = (x - shift) scale + offset */
struct line {
    float shift, scale, offset;
};

/* What backward knows of a channel of a sample. */
struct cell {
    struct nl_mixture_gradients d;
    double scale;         /* of xhat */
    double gradient, product; /* sums of dy and of dy xhat */
};

/* One each: in scratch, replica after replica. */
template <typename T> static __device__ inline T *of_replica(T *scratch, size_t count)
{
    return scratch + blockIdx.z * count;
}

static __device__ inline size_t cells(const struct call &call)
{
    return (size_t)call.samples * call.channels;
}

static __device__ struct nl_moments batch_of(const struct call &call, unsigned c)
{
    const struct nl_normalize &batch = call.op.batch;
    struct nl_moments m;
    if (call.statistics == NL_STATS_PRECISE) {
        m.mean = nl_at(batch.precise_mean, call.stride)[c];
        m.var = nl_at(batch.precise_var, call.stride)[c];
    } else if (call.fixed) {
        m.mean = ((const float *)nl_at(batch.running_mean, call.stride))[c];
        m.var = ((const float *)nl_at(batch.running_var, call.stride))[c];
    } else if (call.used) {
        m.mean = ((const double *)nl_at(call.op.used, call.stride))[c];
        m.var = ((const double *)nl_at(call.op.used, call.stride))[call.channels + c];
    } else {
        m.mean = ((const double *)nl_at(batch.mean, call.stride))[c];
        m.var = ((const double *)nl_at(batch.var, call.stride))[c];
    }
    return m;
}

static __device__ struct nl_mixture_layer layer_of(const struct call &call)
{
    const float *own[2] = {(const float *)nl_at(call.op.own[0], call.stride),
                           (const float *)nl_at(call.op.own[1], call.stride)};
    struct nl_mixture_layer layer;
    layer.kind = call.kind;
    layer.eps = nl_override_or(call.op.batch.eps, nl_at(call.op.batch.hyper, call.stride)->norm_eps);
    for (int i = 0; call.kind == NL_MIXTURE_SWITCH && i < 2; i++) {
        double weight[NL_SHARES];
        for (int k = 0; k < NL_SHARES; k++)
            weight[k] = own[i][k];
        nl_mixture_softmax(weight, i ? layer.var_share : layer.mean_share);
    }
    return layer;
}

static __device__ struct nl_mixture_channel channel_of(const struct call &call, const struct nl_mixture_layer &layer,
                                                       unsigned c)
{
    const float *first = (const float *)nl_at(call.op.own[0], call.stride),
                *second = (const float *)nl_at(call.op.own[1], call.stride);
    bool switches = call.kind == NL_MIXTURE_SWITCH;
    struct nl_mixture_channel channel;
    channel.batch = batch_of(call, c);
    channel.rstd = nl_mixture_rstd(channel.batch.var, layer.eps);
    channel.own[0] = !switches && first ? first[c] : 1.0;
    channel.own[1] = !switches && second ? second[c] : 0.0;
    return channel;
}

static __device__ struct nl_moments instance_of(const struct call &call, unsigned n, unsigned c)
{
    const double *at = (const double *)nl_at(call.op.instance, call.stride) + (size_t)n * call.channels + c;
    struct nl_moments m = {at[0], at[cells(call)]};
    return m;
}

static __device__ inline float affine_of(const struct call &call, const void *numbers, unsigned c, float absent)
{
    return numbers ? ((const float *)nl_at(numbers, call.stride))[c] : absent;
}

/* ---- the moments of a channel of a sample: a block takes some channels of one sample ---- */

static const unsigned COLUMNS = 32, DEEP = 8; /* DEEP: threads that share the positions of a column, at most */

struct column {
    unsigned tx, ty, n, c;
    bool real;
    size_t first; /* element of the first position */
};

static __device__ struct column column_of(const struct call &call)
{
    unsigned tiles = (call.channels + COLUMNS - 1) / COLUMNS;
    struct column s;
    s.tx = threadIdx.x % COLUMNS;
    s.ty = threadIdx.x / COLUMNS;
    s.n = blockIdx.x / tiles;
    s.c = blockIdx.x % tiles * COLUMNS + s.tx;
    s.real = s.c < call.channels;
    s.first = (size_t)s.n * call.positions * call.channels + s.c;
    return s;
}

static dim3 grid_of_columns(const struct nl_run *run, const struct call &call)
{
    return dim3(call.samples * nl_blocks(call.channels, COLUMNS), 1, (unsigned)run->replicas);
}

static unsigned threads_of_columns(const struct call &call)
{
    return COLUMNS * (call.positions < DEEP ? 1 : DEEP);
}

#define FOR_POSITIONS(s, call) for (unsigned i = (s).ty; (s).real && i < (call).positions; i += blockDim.x / COLUMNS)

/* The sum over a column's threads; each of them has it. */
static __device__ double column_sum(const struct column &s, double value)
{
    __shared__ double sums[DEEP][COLUMNS];
    double total = 0.0;
    __syncthreads(); /* the room may still be read from the last time */
    sums[s.ty][s.tx] = value;
    __syncthreads();
    for (unsigned i = 0; i < blockDim.x / COLUMNS; i++)
        total += sums[i][s.tx];
    return total;
}

static __global__ void find_moments(struct call call)
{
    struct column s = column_of(call);
    const float *x = (const float *)nl_at(call.op.batch.x, call.stride) + s.first;
    double sum = 0.0, squares = 0.0;
    FOR_POSITIONS(s, call)
    sum += x[(size_t)i * call.channels];
    double mean = column_sum(s, sum) / call.positions;
    FOR_POSITIONS(s, call)
    {
        double t = x[(size_t)i * call.channels] - mean;
        squares += t * t;
    }
    double var = column_sum(s, squares) / call.positions;
    if (s.ty > 0 || !s.real)
        return;
    double *to = (double *)nl_at(call.op.instance, call.stride) + (size_t)s.n * call.channels + s.c;
    to[0] = mean;
    to[cells(call)] = var;
}

/* A thread a channel. */
static __global__ void find_batch(struct call call)
{
    unsigned c = (unsigned)nl_element();
    if (c >= call.channels)
        return;
    double mean = 0.0, var = 0.0, first = instance_of(call, 0, c).mean;
    for (unsigned n = 0; n < call.samples; n++)
        mean += instance_of(call, n, c).mean - first;
    mean = first + mean / call.samples;
    for (unsigned n = 0; n < call.samples; n++) {
        struct nl_moments instance = instance_of(call, n, c);
        var += instance.var + (instance.mean - mean) * (instance.mean - mean);
    }
    ((double *)nl_at(call.op.batch.mean, call.stride))[c] = mean;
    ((double *)nl_at(call.op.batch.var, call.stride))[c] = var / call.samples;
}

static __global__ void keep_used(struct call call)
{
    unsigned c = (unsigned)nl_element();
    double *used = (double *)nl_at(call.op.used, call.stride);
    if (c >= call.channels)
        return;
    used[c] = ((const float *)nl_at(call.op.batch.running_mean, call.stride))[c];
    used[call.channels + c] = ((const float *)nl_at(call.op.batch.running_var, call.stride))[c];
}

/* ---- a block takes a sample ---- */

#define FOR_CHANNELS(c, group, call) \
    for (unsigned c = (group) * (call).width + threadIdx.x; c < ((group) + 1) * (call).width; c += blockDim.x)

static __device__ struct nl_moments group_moments(const struct call &call, const struct nl_mixture_layer &layer,
                                                  unsigned group)
{
    double mean = 0.0, var = 0.0, nothing = 0.0;
    FOR_CHANNELS(c, group, call)
    {
        struct nl_mixture_channel channel = channel_of(call, layer, c);
        mean += nl_mixture_seen(&layer, &channel, instance_of(call, blockIdx.x, c)).mean;
    }
    nl_block_sum(&mean, &nothing);
    mean /= call.width;
    FOR_CHANNELS(c, group, call)
    {
        struct nl_mixture_channel channel = channel_of(call, layer, c);
        struct nl_moments seen = nl_mixture_seen(&layer, &channel, instance_of(call, blockIdx.x, c));
        var += seen.var + (seen.mean - mean) * (seen.mean - mean);
    }
    nl_block_sum(&var, &nothing);
    struct nl_moments moments = {mean, var / call.width};
    return moments;
}

static __global__ void __launch_bounds__(NL_THREADS) find_lines(struct call call, struct line *lines)
{
    const struct nl_mixture_layer layer = layer_of(call);
    struct line *line = of_replica(lines, cells(call)) + (size_t)blockIdx.x * call.channels;
    for (unsigned g = 0; g < call.channels / call.width; g++) {
        struct nl_moments group = group_moments(call, layer, g);
        FOR_CHANNELS(c, g, call)
        {
            struct nl_mixture_channel channel = channel_of(call, layer, c);
            struct nl_moments instance = instance_of(call, blockIdx.x, c);
            struct nl_mixture_map map = nl_mixture_map_of(&layer, &channel, group, instance);
            double gamma = affine_of(call, call.op.batch.gamma, c, 1.0f);
            line[c].shift = (float)instance.mean;
            line[c].scale = (float)(gamma * map.scale);
            line[c].offset = (float)(affine_of(call, call.op.batch.beta, c, 0.0f) +
                                     gamma * (map.offset + (line[c].shift - instance.mean) * map.scale));
        }
    }
}

static __global__ void apply(struct call call, const struct line *lines, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const struct line line = of_replica(
        lines, cells(call))[at / ((size_t)call.positions * call.channels) * call.channels + at % call.channels];
    ((float *)nl_at(call.op.batch.y, call.stride))[at] =
        (((const float *)nl_at(call.op.batch.x, call.stride))[at] - line.shift) * line.scale + line.offset;
}

/* ---- backward ---- */

/* Sums dy and dy (x - mean). */
static __global__ void sum_gradients(struct call call, struct nl_mixture_sums *sums)
{
    struct column s = column_of(call);
    const float *x = (const float *)nl_at(call.op.batch.x, call.stride) + s.first,
                *dy = (const float *)nl_at(call.op.batch.dy, call.stride) + s.first;
    double mean = s.real ? instance_of(call, s.n, s.c).mean : 0.0, gradient = 0.0, product = 0.0;
    FOR_POSITIONS(s, call)
    {
        double g = dy[(size_t)i * call.channels];
        gradient += g;
        product += g * (x[(size_t)i * call.channels] - mean);
    }
    gradient = column_sum(s, gradient);
    product = column_sum(s, product);
    if (s.ty > 0 || !s.real)
        return;
    struct nl_mixture_sums *to = of_replica(sums, cells(call)) + (size_t)s.n * call.channels + s.c;
    to->gradient = gradient;
    to->product = product;
}

/* The sums of dxhat, from those of dy. */
static __device__ struct nl_mixture_sums times_gamma(const struct call &call, struct nl_mixture_sums sums, unsigned c)
{
    double gamma = affine_of(call, call.op.batch.gamma, c, 1.0f);
    sums.gradient *= gamma;
    sums.product *= gamma;
    return sums;
}

static __global__ void __launch_bounds__(NL_THREADS)
    find_gradients(struct call call, const struct nl_mixture_sums *sums, struct cell *to)
{
    const struct nl_mixture_layer layer = layer_of(call);
    const struct nl_mixture_sums *sum = of_replica(sums, cells(call)) + (size_t)blockIdx.x * call.channels;
    struct cell *cell = of_replica(to, cells(call)) + (size_t)blockIdx.x * call.channels;
    for (unsigned g = 0; g < call.channels / call.width; g++) {
        struct nl_moments group = group_moments(call, layer, g), d_group = {0.0, 0.0};
        FOR_CHANNELS(c, g, call)
        {
            struct nl_mixture_channel channel = channel_of(call, layer, c);
            struct nl_moments d = nl_mixture_to_group(&layer, &channel, group, instance_of(call, blockIdx.x, c),
                                                      times_gamma(call, sum[c], c));
            d_group.mean += d.mean / call.width;
            d_group.var += d.var / call.width;
        }
        nl_block_sum(&d_group.mean, &d_group.var);
        FOR_CHANNELS(c, g, call)
        {
            struct nl_mixture_channel channel = channel_of(call, layer, c);
            struct nl_moments instance = instance_of(call, blockIdx.x, c);
            struct nl_mixture_map map = nl_mixture_map_of(&layer, &channel, group, instance);
            cell[c].d = nl_mixture_backward(&layer, &channel, group, d_group, instance, times_gamma(call, sum[c], c));
            cell[c].scale = map.scale;
            cell[c].gradient = sum[c].gradient;
            cell[c].product = map.scale * sum[c].product + map.offset * sum[c].gradient;
        }
    }
}

/* A block takes a channel: the sums over the samples. shared (C): of the cells' gradients. */
static __global__ void __launch_bounds__(NL_THREADS)
    join_samples(struct call call, const struct cell *all, struct nl_mixture_gradients *shared)
{
    const struct cell *cell = of_replica(all, cells(call)) + blockIdx.x;
    struct nl_mixture_gradients d = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0, 0.0, 0.0, 0.0, 0.0}};
    double product = 0.0, gradient = 0.0;
    unsigned own = call.kind == NL_MIXTURE_SWITCH ? 2 * NL_SHARES : 2; /* bin has one */
    for (unsigned n = threadIdx.x; n < call.samples; n += blockDim.x) {
        const struct cell &from = cell[(size_t)n * call.channels];
        d.batch.mean += from.d.batch.mean;
        d.batch.var += from.d.batch.var;
        for (unsigned i = 0; i < own; i++)
            d.own[i] += from.d.own[i];
        product += from.product;
        gradient += from.gradient;
    }
    nl_block_sum(&d.batch.mean, &d.batch.var);
    for (unsigned i = 0; i < own; i += 2)
        nl_block_sum(&d.own[i], &d.own[i + 1]);
    nl_block_sum(&product, &gradient);
    if (threadIdx.x > 0)
        return;
    of_replica(shared, call.channels)[blockIdx.x] = d;
    if (call.op.batch.affine_count > 0) {
        ((float *)nl_at(call.op.batch.dgamma, call.stride))[blockIdx.x] = (float)product;
        if (call.op.batch.dbeta)
            ((float *)nl_at(call.op.batch.dbeta, call.stride))[blockIdx.x] = (float)gradient;
    }
    for (int i = 0; call.kind != NL_MIXTURE_SWITCH && i < 2; i++)
        if (call.op.down[i])
            ((float *)nl_at(call.op.down[i], call.stride))[blockIdx.x] = (float)d.own[i];
}

/* One block a replica: what switch's shares have of all channels. */
static __global__ void __launch_bounds__(NL_THREADS)
    join_shares(struct call call, const struct nl_mixture_gradients *shared)
{
    const struct nl_mixture_layer layer = layer_of(call);
    for (int k = 0; k < NL_SHARES; k++) {
        double mean = 0.0, var = 0.0;
        for (unsigned c = threadIdx.x; c < call.channels; c += blockDim.x) {
            mean += of_replica(shared, call.channels)[c].own[k];
            var += of_replica(shared, call.channels)[c].own[NL_SHARES + k];
        }
        nl_block_sum(&mean, &var);
        if (threadIdx.x > 0)
            continue;
        ((float *)nl_at(call.op.down[0], call.stride))[k] = (float)(layer.mean_share[k] * mean);
        ((float *)nl_at(call.op.down[1], call.stride))[k] = (float)(layer.var_share[k] * var);
    }
}

/* A channel of one position is its own mean: the terms that cancel are left out in double. */
static __global__ void write_dx(struct call call, const struct cell *all, const struct nl_mixture_gradients *shared,
                                size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    unsigned c = (unsigned)(at % call.channels), n = (unsigned)(at / ((size_t)call.positions * call.channels));
    const struct cell &cell = of_replica(all, cells(call))[(size_t)n * call.channels + c];
    const struct nl_moments batch = of_replica(shared, call.channels)[c].batch, instance = instance_of(call, n, c);
    double share = call.fixed || call.used ? 0.0 : 1.0 / call.samples;
    double d_mean =
        cell.d.instance.mean + share * (batch.mean + 2 * batch.var * (instance.mean - batch_of(call, c).mean));
    double d_var = cell.d.instance.var + share * batch.var,
           t = ((const float *)nl_at(call.op.batch.x, call.stride))[at] - instance.mean;
    double dxhat = (double)((const float *)nl_at(call.op.batch.dy, call.stride))[at] *
                   affine_of(call, call.op.batch.gamma, c, 1.0f);
    ((float *)nl_at(call.op.batch.dx, call.stride))[at] =
        (float)(dxhat * cell.scale + (d_mean + 2 * d_var * t) / call.positions);
}

/* ---- launches ---- */

static struct call call_of(const struct nl_run *run, const struct nl_mixture *op)
{
    struct call call;
    call.op = *op;
    call.stride = run->stride;
    call.samples = (unsigned)run->samples;
    call.positions = (unsigned)op->batch.setup.positions;
    call.channels = (unsigned)op->batch.setup.channels;
    call.width = call.channels / (unsigned)op->groups;
    call.kind = nl_mixture_kind_of(op);
    call.statistics = run->statistics;
    call.fixed = nl_normalize_is_fixed(&op->batch, run);
    call.used = nl_mixture_keeps_used(op, run);
    return call;
}

/* Whole warps, for a block that goes over so many. */
static unsigned threads_for(unsigned count)
{
    unsigned threads = (count + 31) / 32 * 32;
    return threads < NL_THREADS ? threads : NL_THREADS;
}

static void follow_batch(const struct nl_run *run, const struct call &call)
{
    struct nl_layout layout = {};
    layout.all_rows = layout.rows = call.samples * call.positions;
    layout.samples = call.samples;
    layout.positions = call.positions;
    layout.blocks = 1;
    layout.channels = call.channels;
    layout.stride = call.stride;
    NL_LAUNCH(find_batch, nl_grid_over(run, call.channels), NL_THREADS, call);
    if (run->statistics == NL_STATS_TRAIN || run->statistics == NL_STATS_COLLECT)
        nl_cuda_columns_track(run, &call.op.batch, &layout);
    if (call.used)
        NL_LAUNCH(keep_used, nl_grid_over(run, call.channels), NL_THREADS, call);
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    struct call call = call_of(run, (const struct nl_mixture *)arguments);
    size_t count = (size_t)call.samples * call.positions * call.channels;
    struct line *lines =
        (struct line *)nl_cuda_scratch((size_t)run->replicas * call.samples * call.channels * sizeof *lines);
    NL_LAUNCH(find_moments, grid_of_columns(run, call), threads_of_columns(call), call);
    if (!call.fixed)
        follow_batch(run, call);
    NL_LAUNCH(find_lines, dim3(call.samples, 1, (unsigned)run->replicas), threads_for(call.width), call, lines);
    NL_LAUNCH(apply, nl_grid_over(run, count), NL_THREADS, call, (const struct line *)lines, count);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    struct call call = call_of(run, (const struct nl_mixture *)arguments);
    size_t replicas = (size_t)run->replicas, all = replicas * call.samples * call.channels,
           count = (size_t)call.samples * call.positions * call.channels;
    struct cell *cell = (struct cell *)nl_cuda_scratch(all * (sizeof *cell + sizeof(struct nl_mixture_sums)) +
                                                       replicas * call.channels * sizeof(struct nl_mixture_gradients));
    struct nl_mixture_sums *sums = (struct nl_mixture_sums *)(cell + all);
    struct nl_mixture_gradients *shared = (struct nl_mixture_gradients *)(sums + all);
    NL_LAUNCH(sum_gradients, grid_of_columns(run, call), threads_of_columns(call), call, sums);
    NL_LAUNCH(find_gradients, dim3(call.samples, 1, (unsigned)replicas), threads_for(call.width), call,
              (const struct nl_mixture_sums *)sums, cell);
    NL_LAUNCH(join_samples, dim3(call.channels, 1, (unsigned)replicas), threads_for(call.samples), call,
              (const struct cell *)cell, shared);
    if (call.kind == NL_MIXTURE_SWITCH)
        NL_LAUNCH(join_shares, dim3(1, 1, (unsigned)replicas), threads_for(call.channels), call,
                  (const struct nl_mixture_gradients *)shared);
    if (call.op.batch.dx)
        NL_LAUNCH(write_dx, nl_grid_over(run, count), NL_THREADS, call, (const struct cell *)cell,
                  (const struct nl_mixture_gradients *)shared, count);
}

NL_CUDA_KERNEL(mixture, NULL, launch_forward, launch_backward);
