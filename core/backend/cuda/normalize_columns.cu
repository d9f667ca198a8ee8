/* Batch normalization: sets of one channel, sums down the columns. A block takes some neighbouring channels and as many rows as its
 * registers hold. Where that can be a whole slice of the batch one launch does everything; else the rows are cut into chunks, whose
 * moments the last block of a column joins (Chan, Golub and LeVeque 1979), and a second launch applies them. */
#include "backend/cuda/normalize.cuh"
#include "norm/momentum.h"

/* Of a block: channels, 32 for whole lines of memory, 8 for whole sectors; threads; rows that each holds. */
static const unsigned COLUMNS = 32, FEWEST_COLUMNS = 8, THREADS = NL_THREADS, FEW_THREADS = 512, MOST_THREADS = 1024, EACH = 16;
static const unsigned AHEAD = 4; /* rows of the residual that a thread fetches before it writes: nothing is fetched past a write */

/* Where a thread of a block stands: its column, and every deep-th row of a chunk. */
struct tile {
    unsigned threads;
    unsigned columns, deep, tiles; /* columns of a block: a power of two; tiles: blocks across */
    unsigned slices, chunks;       /* chunks a slice */
};

static struct tile tile_of(const struct nl_layout *l)
{
    struct tile t;
    unsigned widest = 1;
    while (widest < l->channels && widest < COLUMNS)
        widest *= 2;
    t.columns = widest;
    t.threads = THREADS;
    while (l->rows > t.threads / t.columns * EACH && t.columns > FEWEST_COLUMNS)
        t.columns /= 2;
    while (l->rows > t.threads / t.columns * EACH && t.threads < MOST_THREADS)
        t.threads *= 2;
    if (l->rows > t.threads / t.columns * EACH) { /* too many even so: in chunks */
        t.columns = widest;
        t.threads = THREADS;
    }
    t.deep = t.threads / t.columns;
    t.tiles = nl_blocks(l->channels, t.columns);
    t.slices = nl_blocks(l->all_rows, l->rows);
    t.chunks = nl_blocks(l->rows, t.deep * EACH);
    return t;
}

struct coordinates {
    unsigned tx, ty, c, slice, chunk;
    unsigned first, end; /* rows */
    unsigned step;       /* elements from one of the thread's rows to the next */
    size_t at;           /* of the thread's first row */
    bool real;           /* there is such a column */
};

/* part: which chunk of which slice, slices first. */
static __device__ struct coordinates coordinates_of(const struct nl_layout &l, const struct tile &t, unsigned part)
{
    struct coordinates s;
    s.tx = threadIdx.x % t.columns;
    s.ty = threadIdx.x / t.columns;
    s.c = blockIdx.x % t.tiles * t.columns + s.tx;
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

#define FOR_SOME_ROWS(s, t, from, count) \
    _Pragma("unroll") for (unsigned i = (from); i < (from) + (count); i++) if ((s).real && (s).first + i * (t).deep + (s).ty < (s).end)
#define FOR_ROWS(s, t) FOR_SOME_ROWS(s, t, 0, EACH)

/* Sums of a and b over the threads of a column, in a fixed order; each of them has them. */
static __device__ void column_sum(const struct tile &t, const struct coordinates &s, double *a, double *b)
{
    __shared__ double sums[2][MOST_THREADS];
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
static __device__ double learn(const struct nl_normalize &op, const struct nl_layout &l, unsigned c, double momentum, const struct nl_prediction &prediction)
{
    const struct nl_hyper *hyper = nl_at(op.hyper, l.stride);
    float *learned = (float *)nl_at(op.learned, l.stride) + c;
    struct nl_learned_momentum own;
    for (unsigned row = 0; row < NL_MOMENTUM_ROWS; row++)
        own.row[row] = learned[row * l.channels];
    momentum = nl_learn_momentum(&own, &prediction, momentum, hyper->norm_numbers[NL_MOMENTUM_RATE], nl_own_or(op.eps, hyper->norm_eps));
    for (unsigned row = 0; row < NL_MOMENTUM_ROWS; row++)
        learned[row * l.channels] = (float)own.row[row];
    return momentum;
}

/* Takes a slice's moments of channel c in, after so many slices and rows of this call; the counts are those before the call (advance). */
static __device__ void follow(const struct nl_normalize &op, const struct nl_layout &l, enum nl_statistics statistics, unsigned c, unsigned slice, double rows,
                              double m, double mean, double var)
{
    if (statistics == NL_STATS_TRAIN && (op.followed == 0 || slice < (unsigned)op.followed)) {
        float *running_mean = (float *)nl_at(op.running_mean, l.stride) + c, *running_var = (float *)nl_at(op.running_var, l.stride) + c;
        double momentum = nl_own_or(op.momentum, nl_at(op.hyper, l.stride)->norm_momentum);
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
static __device__ void advance(const struct nl_normalize &op, const struct nl_layout &l, enum nl_statistics statistics, unsigned slices, double rows)
{
    if (statistics == NL_STATS_TRAIN)
        *nl_at(op.updates, l.stride) += op.followed > 0 ? min((unsigned)op.followed, slices) : slices;
    if (statistics == NL_STATS_COLLECT)
        *nl_at(op.precise_count, l.stride) += rows;
}

/* What the slice's channel is normalized with. */
static __device__ struct nl_statistic statistic_of(const struct nl_normalize &op, const struct nl_layout &l, enum nl_statistics statistics,
                                                   unsigned slice, unsigned c)
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
    return nl_statistic_of(mean, var, nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
}

/* gamma and beta of a channel. */
struct affine {
    float gamma, beta;
};

static __device__ struct affine affine_of(const struct nl_normalize &op, const struct nl_layout &l, const struct coordinates &s)
{
    struct affine a = {1.0f, 0.0f};
    if (s.real && op.gamma)
        a.gamma = ((const float *)nl_at(op.gamma, l.stride))[s.c];
    if (s.real && op.beta)
        a.beta = ((const float *)nl_at(op.beta, l.stride))[s.c];
    return a;
}

/* Of the thread's row i. */
static __device__ inline size_t place(const struct coordinates &s, unsigned i)
{
    return s.at + i * s.step;
}

/* ---- forward ---- */

static __device__ void read(const struct tile &t, const struct coordinates &s, const float *x, float value[EACH])
{
    FOR_ROWS(s, t)
    value[i] = x[place(s, i)];
}

/* Mean and variance of the column's rows in registers. */
static __device__ void moments(const struct nl_layout &l, const struct tile &t, const struct coordinates &s, const float *x, const float value[EACH],
                               double *mean, double *var)
{
    double m = s.end - s.first, sum = 0.0, squares = 0.0;
    float shift = s.real && s.first < s.end ? x[(size_t)s.first * l.channels + s.c] : 0.0f, part = 0.0f, part_squares = 0.0f;
    FOR_ROWS(s, t)
    part += value[i] - shift;
    sum = part;
    column_sum(t, s, &sum, &squares);
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
    column_sum(t, s, &sum, &squares);
    nl_finalize_moments(m, sum, squares, true, *mean, mean, var);
}

static __device__ void apply(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                             const struct nl_statistic &statistic, const float value[EACH])
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

/* A slice fits the block's registers: everything at once, slice after slice. MOST: of threads; the fewer there are, the more registers has each. */
template <unsigned MOST>
static __global__ void __launch_bounds__(MOST) forward_whole(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics, unsigned *tickets)
{
    const float *x = (const float *)nl_at(op.x, l.stride);
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_of(l, t, slice);
        float value[EACH];
        double mean, var;
        read(t, s, x, value);
        moments(l, t, s, x, value, &mean, &var);
        apply(op, l, t, s, nl_statistic_of(mean, var, nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps)), value);
        if (s.ty == 0 && s.real) { /* now that the registers are free */
            nl_at((double *)op.mean, l.stride)[slice * l.channels + s.c] = mean;
            nl_at((double *)op.var, l.stride)[slice * l.channels + s.c] = var;
            follow(op, l, statistics, s.c, slice, (double)slice * l.rows, s.end - s.first, mean, var);
        }
    }
    if (nl_last_block(&tickets[blockIdx.z], t.tiles) && threadIdx.x == 0)
        advance(op, l, statistics, t.slices, l.all_rows);
}

/* The block's columns, whose chunks are all done: their moments make those of the slices. */
static __device__ void join_moments(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                    enum nl_statistics statistics, const double *part)
{
    unsigned chunk_rows = t.deep * EACH;
    for (unsigned slice = 0; slice < t.slices; slice++) {
        const double *from = part + ((size_t)blockIdx.z * t.slices + slice) * t.chunks * 2 * l.channels + s.c;
        unsigned rows = min(l.rows, l.all_rows - slice * l.rows);
        double sum = 0.0, squares = 0.0, nothing = 0.0;
        for (unsigned chunk = s.ty; s.real && chunk * chunk_rows < rows; chunk += t.deep)
            sum += from[(size_t)chunk * 2 * l.channels] * min(chunk_rows, rows - chunk * chunk_rows);
        column_sum(t, s, &sum, &nothing);
        double mean = sum / rows;
        for (unsigned chunk = s.ty; s.real && chunk * chunk_rows < rows; chunk += t.deep) {
            double delta = from[(size_t)chunk * 2 * l.channels] - mean;
            squares += from[((size_t)chunk * 2 + 1) * l.channels] + delta * delta * min(chunk_rows, rows - chunk * chunk_rows);
        }
        column_sum(t, s, &squares, &nothing);
        if (s.ty == 0 && s.real) {
            nl_at((double *)op.mean, l.stride)[slice * l.channels + s.c] = mean;
            nl_at((double *)op.var, l.stride)[slice * l.channels + s.c] = squares / rows;
            follow(op, l, statistics, s.c, slice, (double)slice * l.rows, rows, mean, squares / rows);
        }
    }
}

/* part[r][slice][chunk][2][C]: mean of the chunk, and sum of squared deviations from it. */
static __global__ void __launch_bounds__(THREADS) forward_chunk(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                                                                double *part, unsigned *tickets)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles);
    const float *x = (const float *)nl_at(op.x, l.stride);
    float value[EACH];
    double mean, var;
    read(t, s, x, value);
    moments(l, t, s, x, value, &mean, &var);
    if (s.ty == 0 && s.real && s.first < s.end) {
        double *to = part + (((size_t)blockIdx.z * t.slices + s.slice) * t.chunks + s.chunk) * 2 * l.channels + s.c;
        to[0] = mean;
        to[l.channels] = var * (s.end - s.first);
    }
    if (nl_last_block(&tickets[blockIdx.z * t.tiles + blockIdx.x % t.tiles], t.slices * t.chunks))
        join_moments(op, l, t, s, statistics, part);
}

/* The statistic of the block's columns, worked out once each. */
static __device__ struct nl_statistic shared_statistic(const struct nl_normalize &op, const struct nl_layout &l, const struct coordinates &s,
                                                       enum nl_statistics statistics)
{
    __shared__ struct nl_statistic shared[COLUMNS];
    if (s.ty == 0 && s.real)
        shared[s.tx] = statistic_of(op, l, statistics, s.slice, s.c);
    __syncthreads();
    return shared[s.tx];
}

static __global__ void __launch_bounds__(MOST_THREADS) forward_apply(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles);
    float value[EACH];
    read(t, s, (const float *)nl_at(op.x, l.stride), value);
    apply(op, l, t, s, shared_statistic(op, l, s, statistics), value);
    if (blockIdx.x == 0 && threadIdx.x == 0)
        advance(op, l, statistics, t.slices, l.all_rows);
}

/* A thread a channel: slice after slice, but for those without a row that counts. */
static __global__ void track(struct nl_normalize op, struct nl_layout l, enum nl_statistics statistics, unsigned slices, unsigned *tickets)
{
    size_t c = nl_element();
    unsigned taken = 0, followed = op.followed > 0 && statistics == NL_STATS_TRAIN ? (unsigned)op.followed : slices;
    double before = 0.0;
    for (unsigned slice = 0; slice < followed; slice++) {
        unsigned rows = nl_rows_that_count(op, l, slice);
        if (rows == 0)
            continue;
        if (c < l.channels)
            follow(op, l, statistics, (unsigned)c, taken, before, rows, nl_at((double *)op.mean, l.stride)[slice * l.channels + c],
                   nl_at((double *)op.var, l.stride)[slice * l.channels + c]);
        taken++;
        before += rows;
    }
    if (nl_last_block(&tickets[blockIdx.z], gridDim.x) && threadIdx.x == 0)
        advance(op, l, statistics, taken, before);
}

void nl_cuda_columns_track(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct nl_normalize tracked = *op;
    tracked.unbiased = op->unbiased && nl_norm_spread_is_variance(op->norm);
    unsigned *tickets = nl_cuda_tickets((size_t)run->replicas); /* before the launch, which asks whether there was memory for them */
    NL_LAUNCH(track, nl_grid_over(run, layout->channels), NL_THREADS, tracked, *layout, run->statistics, nl_blocks(layout->all_rows, layout->rows), tickets);
}

void nl_cuda_columns_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    unsigned replicas = (unsigned)run->replicas;
    dim3 all(t.tiles * t.slices * t.chunks, 1, replicas);
    unsigned *tickets = nl_cuda_tickets((size_t)replicas * t.tiles);
    if (!layout->fixed && t.chunks == 1) {
        if (t.threads <= FEW_THREADS)
            NL_LAUNCH(forward_whole<FEW_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t, run->statistics, tickets);
        else
            NL_LAUNCH(forward_whole<MOST_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t, run->statistics, tickets);
        return;
    }
    if (!layout->fixed) {
        double *part = (double *)nl_cuda_scratch((size_t)replicas * t.slices * t.chunks * 2 * layout->channels * sizeof *part);
        NL_LAUNCH(forward_chunk, all, t.threads, *op, *layout, t, run->statistics, part, tickets);
    }
    NL_LAUNCH(forward_apply, all, t.threads, *op, *layout, t, run->statistics);
}

void nl_cuda_columns_apply(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    dim3 all(t.tiles * t.slices * t.chunks, 1, (unsigned)run->replicas);
    NL_LAUNCH(forward_apply, all, t.threads, *op, *layout, t, NL_STATS_BATCH);
}

/* ---- backward ---- */

/* Reads x and dy as xhat and the gradient past the ReLU; sums of their products and of the gradients. */
static __device__ void read_back(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                 const struct nl_statistic &statistic, float xhat[EACH], float grad[EACH], double *product, double *sum)
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

/* What is taken away from the gradient: its means over the set, times gamma; nothing where the statistics are fixed. */
struct means {
    float grad, product;
};

static __device__ struct means means_of(const struct nl_normalize &op, const struct nl_layout &l, unsigned rows, double product, double sum)
{
    double m = rows * nl_batches_of(op, l.stride);
    struct means to = {l.fixed ? 0.0f : (float)(sum / m), l.fixed ? 0.0f : (float)(product / m)};
    return to;
}

/* Of the residual too: it takes the gradient as it is. */
static __device__ void write_dx(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                const struct nl_statistic &statistic, const struct means &mean, const float xhat[EACH], const float grad[EACH])
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

static __device__ void write_gradients(const struct nl_normalize &op, const struct nl_layout &l, unsigned c, double product, double sum)
{
    if (op.dgamma)
        ((float *)nl_at(op.dgamma, l.stride))[c] = (float)product;
    if (op.dbeta)
        ((float *)nl_at(op.dbeta, l.stride))[c] = (float)sum;
}

template <unsigned MOST>
static __global__ void __launch_bounds__(MOST) backward_whole(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics)
{
    double products = 0.0, sums = 0.0;
    for (unsigned slice = 0; slice < t.slices; slice++) {
        struct coordinates s = coordinates_of(l, t, slice);
        float xhat[EACH], grad[EACH];
        double product, sum;
        struct nl_statistic statistic = {0.0f, 0.0f, 0.0f};
        if (s.real)
            statistic = statistic_of(op, l, statistics, slice, s.c);
        read_back(op, l, t, s, statistic, xhat, grad, &product, &sum);
        column_sum(t, s, &product, &sum);
        write_dx(op, l, t, s, statistic, means_of(op, l, s.end - s.first, product, sum), xhat, grad);
        products += product;
        sums += sum;
        if (slice + 1 == t.slices && s.ty == 0 && s.real)
            write_gradients(op, l, s.c, products, sums);
    }
}

/* The block's columns, whose chunks are all done: the gradients of gamma and beta; mean[r][slice][C] for dx. */
static __device__ void join_gradients(const struct nl_normalize &op, const struct nl_layout &l, const struct tile &t, const struct coordinates &s,
                                      const double *part, struct means *mean)
{
    double products = 0.0, sums = 0.0;
    for (unsigned slice = 0; slice < t.slices; slice++) {
        size_t set = (size_t)blockIdx.z * t.slices + slice;
        double product = 0.0, sum = 0.0;
        for (unsigned chunk = s.ty; s.real && chunk < t.chunks; chunk += t.deep) {
            const double *from = part + (set * t.chunks + chunk) * 2 * l.channels + s.c;
            product += from[0];
            sum += from[l.channels];
        }
        column_sum(t, s, &product, &sum);
        products += product;
        sums += sum;
        if (s.ty == 0 && s.real)
            mean[set * l.channels + s.c] = means_of(op, l, min(l.rows, l.all_rows - slice * l.rows), product, sum);
    }
    if (s.ty == 0 && s.real)
        write_gradients(op, l, s.c, products, sums);
}

/* part[r][slice][chunk][2][C]: sums of the products and of the gradients. */
static __global__ void __launch_bounds__(THREADS) backward_chunk(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                                                                 double *part, struct means *mean, unsigned *tickets)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles);
    float xhat[EACH], grad[EACH];
    double product, sum;
    read_back(op, l, t, s, shared_statistic(op, l, s, statistics), xhat, grad, &product, &sum);
    column_sum(t, s, &product, &sum);
    if (s.ty == 0 && s.real) {
        double *to = part + (((size_t)blockIdx.z * t.slices + s.slice) * t.chunks + s.chunk) * 2 * l.channels + s.c;
        to[0] = product;
        to[l.channels] = sum;
    }
    if (nl_last_block(&tickets[blockIdx.z * t.tiles + blockIdx.x % t.tiles], t.slices * t.chunks))
        join_gradients(op, l, t, s, part, mean);
}

static __global__ void __launch_bounds__(THREADS) backward_dx(struct nl_normalize op, struct nl_layout l, struct tile t, enum nl_statistics statistics,
                                                              const struct means *mean)
{
    struct coordinates s = coordinates_of(l, t, blockIdx.x / t.tiles);
    float xhat[EACH], grad[EACH];
    double product, sum;
    struct nl_statistic statistic = shared_statistic(op, l, s, statistics);
    read_back(op, l, t, s, statistic, xhat, grad, &product, &sum);
    struct means own = {0.0f, 0.0f};
    if (s.real)
        own = mean[((size_t)blockIdx.z * t.slices + s.slice) * l.channels + s.c];
    write_dx(op, l, t, s, statistic, own, xhat, grad);
}

void nl_cuda_columns_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct tile t = tile_of(layout);
    unsigned replicas = (unsigned)run->replicas;
    if (t.chunks == 1) {
        if (t.threads <= FEW_THREADS)
            NL_LAUNCH(backward_whole<FEW_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t, run->statistics);
        else
            NL_LAUNCH(backward_whole<MOST_THREADS>, dim3(t.tiles, 1, replicas), t.threads, *op, *layout, t, run->statistics);
        return;
    }
    dim3 all(t.tiles * t.slices * t.chunks, 1, replicas);
    size_t sets = (size_t)replicas * t.slices * layout->channels, parts = sets * t.chunks * 2;
    double *part = (double *)nl_cuda_scratch(parts * sizeof *part + sets * sizeof(struct means));
    struct means *mean = (struct means *)(part + parts);
    unsigned *tickets = nl_cuda_tickets((size_t)replicas * t.tiles);
    NL_LAUNCH(backward_chunk, all, THREADS, *op, *layout, t, run->statistics, part, mean, tickets);
    if (op->dx || op->residual)
        NL_LAUNCH(backward_dx, all, THREADS, *op, *layout, t, run->statistics, mean);
}
