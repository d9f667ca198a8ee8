/* Sums down the columns of normalizers over the batch, by a block of threads, which normalize_columns.cu launches and
 * one_launch.cu calls. */
#ifndef NL_BACKEND_CUDA_NORMALIZE_COLUMNS_CUH
#define NL_BACKEND_CUDA_NORMALIZE_COLUMNS_CUH

#include "backend/cuda/normalize.cuh"
#include "norm/momentum.h"

namespace nl_columns {

/* The sizes of a block: channels, 32 for whole lines of memory, 8 for whole sectors; threads; rows that each holds. */
static const unsigned COLUMNS = 32, FEWEST_COLUMNS = 8, THREADS = NL_THREADS, FEW_THREADS = 512, MOST_THREADS = 1024,
                      EACH = 16;
static const unsigned AHEAD =
    4; /* rows of the residual that a thread fetches before it writes: nothing is fetched past a write */

/* Where a thread of a block stands: its column, and every deep-th row of a chunk. */
struct tile {
    unsigned threads;
    unsigned columns, deep, tiles; /* columns of a block: a power of two; tiles: blocks across */
    unsigned slices, chunks;       /* chunks a slice */
    bool clusters;                 /* the chunks of a slice are a cluster's blocks */
};

/* How many blocks of so many threads hold a slice. */
static inline unsigned blocks_of(const struct nl_layout *l, const struct tile *t, unsigned threads)
{
    return nl_blocks(l->rows, threads / t->columns * EACH);
}

static inline struct tile tile_of(const struct nl_layout *l)
{
    struct tile t;
    unsigned widest = 1, most = nl_cuda_cluster(),
             largest = most > 1 ? FEW_THREADS : MOST_THREADS; /* more than that would spill */
    while (widest < l->channels && widest < COLUMNS)
        widest *= 2;
    t.columns = widest;
    t.threads = THREADS;
    while (blocks_of(l, &t, t.threads) > 1 && t.columns > FEWEST_COLUMNS)
        t.columns /= 2;
    while (blocks_of(l, &t, t.threads) > 1 && t.threads < largest)
        t.threads *= 2;
    bool whole = blocks_of(l, &t, t.threads) == 1;
    t.clusters = !whole && blocks_of(l, &t, MOST_THREADS) <= most;
    if (t.clusters) { /* of as many blocks as may be: they have many multiprocessors then */
        t.threads = blocks_of(l, &t, FEW_THREADS) <= most ? FEW_THREADS : MOST_THREADS;
    } else if (!whole) {
        t.columns = widest;
        t.threads = THREADS;
    }
    t.deep = t.threads / t.columns;
    t.tiles = nl_blocks(l->channels, t.columns);
    t.slices = nl_blocks(l->all_rows, l->rows);
    t.chunks = blocks_of(l, &t, t.threads);
    return t;
}

struct coordinates {
    unsigned tx, ty, c, slice, chunk;
    unsigned first, end; /* rows */
    unsigned step;       /* elements from one of the thread's rows to the next */
    size_t at;           /* of the thread's first row */
    bool real;           /* there is such a column */
};

/* part: which chunk of which slice, slices first; across: which block of those across. */
static __device__ struct coordinates coordinates_of(const struct nl_layout &l, const struct tile &t, unsigned part,
                                                    unsigned across)
{
    struct coordinates s;
    s.tx = threadIdx.x % t.columns;
    s.ty = threadIdx.x / t.columns;
    s.c = across * t.columns + s.tx;
    s.real = s.c < l.channels;
    s.slice = part / t.chunks;
    s.chunk = part % t.chunks;
    unsigned end = min((s.slice + 1) * l.rows, l.all_rows);
    s.first = min(s.slice * l.rows + s.chunk * t.deep * EACH, end);
    s.end = min(s.first + t.deep * EACH, end);
    s.step = t.deep * l.channels;
    s.at = (size_t)(s.first + s.ty) * l.channels + s.c;
    return s;
}

#define FOR_SOME_ROWS(s, t, from, count)                                                                               \
    _Pragma("unroll") for (unsigned i = (from); i < (from) + (count);                                                  \
                           i++) if ((s).real && (s).first + i * (t).deep + (s).ty < (s).end)
#define FOR_ROWS(s, t) FOR_SOME_ROWS(s, t, 0, EACH)

/* Sums of a and b over the threads of a column, in a fixed order; each of them has them. MOST: threads of the block, at
 * most. */
template <unsigned MOST>
static __device__ void column_sum(const struct tile &t, const struct coordinates &s, double *a, double *b)
{
    __shared__ double sums[2][MOST];
    __syncthreads(); /* the room may still be read from the last time */
    sums[0][threadIdx.x] = *a;
    sums[1][threadIdx.x] = *b;
    for (unsigned half = t.deep / 2; half > 0; half /= 2) {
        __syncthreads();
        if (s.ty < half) {
            sums[0][threadIdx.x] += sums[0][threadIdx.x + half * t.columns];
            sums[1][threadIdx.x] += sums[1][threadIdx.x + half * t.columns];
        }
    }
    __syncthreads();
    *a = sums[0][s.tx];
    *b = sums[1][s.tx];
}

/* ---- running and precise statistics ---- */

/* Channel c's learned momentum, after it has seen the batch's statistics. */
static __device__ double learn(const struct nl_normalize &op, const struct nl_layout &l, unsigned c, double momentum,
                               const struct nl_prediction &prediction)
{
    const struct nl_hyper *hyper = nl_at(op.hyper, l.stride);
    float *learned = (float *)nl_at(op.learned, l.stride) + c;
    struct nl_learned_momentum own;
    for (unsigned row = 0; row < NL_MOMENTUM_ROWS; row++)
        own.row[row] = learned[row * l.channels];
    momentum = nl_learn_momentum(&own, &prediction, momentum, hyper->norm_numbers[NL_MOMENTUM_RATE],
                                 nl_override_or(op.eps, hyper->norm_eps));
    for (unsigned row = 0; row < NL_MOMENTUM_ROWS; row++)
        learned[row * l.channels] = (float)own.row[row];
    return momentum;
}

/* Takes a slice's moments of channel c in, after so many slices and rows of this call; the counts are those before the
 * call (advance). */
static __device__ void follow(const struct nl_normalize &op, const struct nl_layout &l, enum nl_statistics statistics,
                              unsigned c, unsigned slice, double rows, double m, double mean, double var)
{
    if (statistics == NL_STATS_TRAIN && (op.followed == 0 || slice < (unsigned)op.followed)) {
        float *running_mean = (float *)nl_at(op.running_mean, l.stride) + c,
              *running_var = (float *)nl_at(op.running_var, l.stride) + c;
        double momentum = nl_override_or(op.momentum, nl_at(op.hyper, l.stride)->norm_momentum);
        double stored = op.unbiased && m > 1 ? var * m / (m - 1) : var;
        struct nl_prediction prediction = {*running_mean, *running_var, mean, stored};
        if (op.learned)
            momentum = learn(op, l, c, momentum, prediction);
        else if (momentum < 0) /* cumulative */
            momentum = 1.0 / (double)(*nl_at(op.updates, l.stride) + slice + 1);
        *running_mean = (float)((1 - momentum) * *running_mean + momentum * mean);
        *running_var = (float)((1 - momentum) * *running_var + momentum * stored);
    }
    if (statistics == NL_STATS_COLLECT) {
        double *precise_mean = nl_at(op.precise_mean, l.stride) + c, *precise_var = nl_at(op.precise_var, l.stride) + c;
        double count = *nl_at(op.precise_count, l.stride) + rows, total = count + m, delta = mean - *precise_mean;
        if (count == 0) {
            *precise_mean = mean;
            *precise_var = var;
        } else {
            *precise_var = (count * *precise_var + m * var) / total + delta * delta * count * m / (total * total);
            *precise_mean += delta * m / total;
        }
    }
}

/* One thread a replica, after all channels have been followed. */
static __device__ inline void advance(const struct nl_normalize &op, const struct nl_layout &l,
                                      enum nl_statistics statistics, unsigned slices, double rows)
{
    if (statistics == NL_STATS_TRAIN)
        *nl_at(op.updates, l.stride) += op.followed > 0 ? min((unsigned)op.followed, slices) : slices;
    if (statistics == NL_STATS_COLLECT)
        *nl_at(op.precise_count, l.stride) += rows;
}

/* What the slice's channel is normalized with. */
static __device__ struct nl_statistic statistic_of(const struct nl_normalize &op, const struct nl_layout &l,
                                                   enum nl_statistics statistics, unsigned slice, unsigned c)
{
    double mean, var;
    if (statistics == NL_STATS_RUNNING || statistics == NL_STATS_FROZEN) {
        mean = ((const float *)nl_at(op.running_mean, l.stride))[c];
        var = ((const float *)nl_at(op.running_var, l.stride))[c];
    } else if (statistics == NL_STATS_PRECISE) {
        mean = nl_at(op.precise_mean, l.stride)[c];
        var = nl_at(op.precise_var, l.stride)[c];
    } else {
        mean = nl_at((double *)op.mean, l.stride)[slice * l.channels + c];
        var = nl_at((double *)op.var, l.stride)[slice * l.channels + c];
    }
    return nl_statistic_of(mean, var, nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
}

/* gamma and beta of a channel. */
struct affine {
    float gamma, beta;
};

static __device__ struct affine affine_of(const struct nl_normalize &op, const struct nl_layout &l,
                                          const struct coordinates &s)
{
    struct affine a = {1.0f, 0.0f};
    if (s.real && op.gamma)
        a.gamma = ((const float *)nl_at(op.gamma, l.stride))[s.c];
    if (s.real && op.beta)
        a.beta = ((const float *)nl_at(op.beta, l.stride))[s.c];
    return a;
}

/* Where row i of the thread lies. */
static __device__ inline size_t place(const struct coordinates &s, unsigned i)
{
    return s.at + i * s.step;
}

static __device__ void read(const struct tile &t, const struct coordinates &s, const float *x, float value[EACH])
{
    FOR_ROWS(s, t)
    value[i] = x[place(s, i)];
}

/* Sums over the thread's group of `width` columns, of what each thread of a column has. */
static __device__ void sum_of_columns(const struct coordinates &s, unsigned width, double *a, double *b)
{
    __shared__ double sums[2][COLUMNS];
    if (width == 1)
        return;
    __syncthreads(); /* the room may still be read from the last time */
    if (s.ty == 0) {
        sums[0][s.tx] = *a;
        sums[1][s.tx] = *b;
    }
    __syncthreads();
    unsigned first = s.tx / width * width;
    *a = *b = 0.0;
    for (unsigned column = first; column < first + width; column++) {
        *a += sums[0][column];
        *b += sums[1][column];
    }
}

/* Mean and variance of the column's rows in registers, or of those of a group of `width` columns. */
template <unsigned MOST>
static __device__ void moments(const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                               const float *x, const float value[EACH], double *mean, double *var, unsigned width = 1)
{
    double m = (double)(s.end - s.first) * width, sum = 0.0, squares = 0.0;
    float shift = s.real && s.first < s.end ? x[(size_t)s.first * l.channels + s.c / width * width] : 0.0f, part = 0.0f,
          part_squares = 0.0f;
    FOR_ROWS(s, t)
    part += value[i] - shift;
    sum = part;
    column_sum<MOST>(t, s, &sum, &squares);
    sum_of_columns(s, width, &sum, &squares);
    *mean = shift + sum / m;
    struct nl_statistic centre = nl_statistic_of(*mean, 1.0, 0.0);
    part = 0.0f;
    FOR_ROWS(s, t)
    {
        float d = (value[i] - centre.shift) - centre.rest;
        part += d;
        part_squares += d * d;
    }
    sum = part;
    squares = part_squares;
    column_sum<MOST>(t, s, &sum, &squares);
    sum_of_columns(s, width, &sum, &squares);
    nl_finalize_moments(m, sum, squares, true, *mean, mean, var);
}

/* The slice's moments of the thread's column: kept for backward, and taken in. */
static __device__ void keep_moments(const struct nl_normalize &op, const struct nl_layout &l,
                                    const struct coordinates &s, enum nl_statistics statistics, double mean, double var)
{
    nl_at((double *)op.mean, l.stride)[s.slice * l.channels + s.c] = mean;
    nl_at((double *)op.var, l.stride)[s.slice * l.channels + s.c] = var;
    follow(op, l, statistics, s.c, s.slice, (double)s.slice * l.rows, min(l.rows, l.all_rows - s.slice * l.rows), mean,
           var);
}

static __device__ void apply(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                             const struct coordinates &s, const struct nl_statistic &statistic, const float value[EACH])
{
    struct affine a = affine_of(op, l, s);
    const float *residual = (const float *)nl_at(op.residual, l.stride);
    float *y = (float *)nl_at(op.y, l.stride);
#pragma unroll
    for (unsigned first = 0; first < EACH; first += AHEAD) {
        float added[AHEAD];
        FOR_SOME_ROWS(s, t, first, AHEAD)
        added[i - first] = residual ? residual[place(s, i)] : 0.0f;
        FOR_SOME_ROWS(s, t, first, AHEAD)
        {
            float to = nl_xhat(statistic, value[i]) * a.gamma + a.beta;
            if (residual)
                to += added[i - first];
            y[place(s, i)] = l.relu && to < 0 ? 0.0f : to; /* NaN stays NaN */
        }
    }
}

/* A block whose registers hold a slice: everything at once, slice after slice; `advance` comes when all blocks are
 * done. */
template <unsigned MOST>
static __device__ void forward(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                               enum nl_statistics statistics, unsigned across)
{
    const float *x = (const float *)nl_at(op.x, l.stride);
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_of(l, t, slice, across);
        float value[EACH];
        double mean, var;
        read(t, s, x, value);
        moments<MOST>(l, t, s, x, value, &mean, &var);
        apply(op, l, t, s, nl_statistic_of(mean, var, nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps)),
              value);
        if (s.ty == 0 && s.real) /* now that the registers are free */
            keep_moments(op, l, s, statistics, mean, var);
    }
}

/* Reads x and dy as xhat and the gradient past the ReLU; sums of their products and of the gradients. */
static __device__ void read_back(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                                 const struct coordinates &s, const struct nl_statistic &statistic, float xhat[EACH],
                                 float grad[EACH], double *product, double *sum)
{
    const float *x = (const float *)nl_at(op.x, l.stride), *dy = (const float *)nl_at(op.dy, l.stride);
    const float *y = op.residual ? (const float *)nl_at(op.y, l.stride) : NULL;
    struct affine a = affine_of(op, l, s);
    float part = 0.0f, part_product = 0.0f;
    FOR_ROWS(s, t)
    {
        xhat[i] = nl_xhat(statistic, x[place(s, i)]);
        grad[i] = dy[place(s, i)];
        if (l.relu && !((y ? y[place(s, i)] : a.gamma * xhat[i] + a.beta) > 0))
            grad[i] = 0.0f;
        part += grad[i];
        part_product += grad[i] * xhat[i];
    }
    *product = part_product;
    *sum = part;
}

/* Reads rows back with the sums of the column, over all threads; returns the column's statistic. */
template <unsigned MOST>
static __device__ struct nl_statistic read_back_sums(const struct nl_normalize &op, const struct nl_layout &l,
                                                     const struct tile &t, const struct coordinates &s,
                                                     enum nl_statistics statistics, float xhat[EACH], float grad[EACH],
                                                     double *product, double *sum)
{
    struct nl_statistic statistic = {0.0f, 0.0f, 0.0f};
    if (s.real)
        statistic = statistic_of(op, l, statistics, s.slice, s.c);
    read_back(op, l, t, s, statistic, xhat, grad, product, sum);
    column_sum<MOST>(t, s, product, sum);
    return statistic;
}

/* What is taken away from the gradient: its means over the set, times gamma; nothing where the statistics are fixed. */
struct means {
    float grad, product;
};

static __device__ struct means means_of(const struct nl_normalize &op, const struct nl_layout &l, unsigned rows,
                                        double product, double sum)
{
    double m = rows * nl_batches_of(op, l.stride);
    struct means to = {l.fixed ? 0.0f : (float)(sum / m), l.fixed ? 0.0f : (float)(product / m)};
    return to;
}

/* Writes dx, and the gradient of the residual, which takes the gradient as it is. */
static __device__ void write_dx(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                                const struct coordinates &s, const struct nl_statistic &statistic,
                                const struct means &mean, const float xhat[EACH], const float grad[EACH])
{
    float *dx = (float *)nl_at(op.dx, l.stride), scale = affine_of(op, l, s).gamma * statistic.rstd;
    float *dresidual = op.residual ? (float *)nl_at(op.dresidual, l.stride) : NULL;
    FOR_ROWS(s, t)
    {
        if (dresidual)
            dresidual[place(s, i)] = grad[i];
        if (dx)
            dx[place(s, i)] = scale * ((grad[i] - mean.grad) - xhat[i] * mean.product);
    }
}

static __device__ void write_gradients(const struct nl_normalize &op, const struct nl_layout &l, unsigned c,
                                       double product, double sum)
{
    if (op.dgamma)
        ((float *)nl_at(op.dgamma, l.stride))[c] = (float)product;
    if (op.dbeta)
        ((float *)nl_at(op.dbeta, l.stride))[c] = (float)sum;
}

/* A block whose registers hold a slice. */
template <unsigned MOST>
static __device__ void backward(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t,
                                enum nl_statistics statistics, unsigned across)
{
    double products = 0.0, sums = 0.0;
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_of(l, t, slice, across);
        float xhat[EACH], grad[EACH];
        double product, sum;
        struct nl_statistic statistic = read_back_sums<MOST>(op, l, t, s, statistics, xhat, grad, &product, &sum);
        write_dx(op, l, t, s, statistic, means_of(op, l, s.end - s.first, product, sum), xhat, grad);
        products += product;
        sums += sum;
        if (slice + 1 == t.slices && s.ty == 0 && s.real)
            write_gradients(op, l, s.c, products, sums);
    }
}

} /* namespace nl_columns */

#endif
