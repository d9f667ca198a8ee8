/* Normalizers whose sets lie within a sample (LN, GN, IN, RMSNorm): a block of threads takes a set, and keeps it in registers where it
 * fits, so that memory is read once. The gradients of gamma and beta run across the sets: where a set has several rows its block adds those up, and the last one of
 * the same channels adds the sets; else they are sums down the columns, in launches of their own. */
#include "backend/cuda/normalize_set.cuh"
#include "base/divisor.h"

static const int ITEMS = 4; /* fetches that a thread has under way */

template <int VECTOR> static __device__ inline void read(const float *from, float *to)
{
    if (VECTOR == 4) {
        float4 four = *(const float4 *)from;
        to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
    } else {
        to[0] = *from;
    }
}

template <int VECTOR> static __device__ inline void write(const float *from, float *to)
{
    if (VECTOR == 4) {
        float4 four = {from[0], from[1], from[2], from[3]};
        *(float4 *)to = four;
    } else {
        to[0] = *from;
    }
}

/* The thread's fetches from element `e` on. WHOLE: one turn of a walk covers the set, and what was fetched is kept. */
template <int VECTOR> struct fragment {
    float value[ITEMS][VECTOR];

    __device__ void fetch(const struct nl_layout &l, const struct set &s, const float *x, unsigned e)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                read<VECTOR>(x + place(l, s, e + i * blockDim.x * VECTOR), value[i]);
    }
};

#define FOR_TURNS(set) for (unsigned e = threadIdx.x * VECTOR; e < (set).count; e += blockDim.x * VECTOR * ITEMS)
#define FOR_ITEMS(set)                                                                                                        \
    _Pragma("unroll") for (int i = 0; i < ITEMS; i++) if (e + i * blockDim.x * VECTOR < (set).count) _Pragma("unroll") for (int v = 0; \
                                                                                                                    v < VECTOR; v++)

template <int VECTOR, bool WHOLE> __global__ void __launch_bounds__(1024) sets_forward(struct nl_normalize op, struct nl_layout l)
{
    struct set s = set_of(l, blockIdx.x);
    const float *x = (const float *)nl_at(op.x, l.stride), *gamma = (const float *)nl_at(op.gamma, l.stride),
                *beta = (const float *)nl_at(op.beta, l.stride), *residual = (const float *)nl_at(op.residual, l.stride);
    float *y = (float *)nl_at(op.y, l.stride);
    struct fragment<VECTOR> h;
    double m = s.count, sum = 0.0, squares = 0.0, mean = 0.0, var;
    struct nl_statistic t = {0.0f, 0.0f, 1.0f};
    if (l.norm.centers) { /* first the mean: from the set's first element, so that the second shift is close */
        t.shift = x[place(l, s, 0)];
        float part = 0.0f;
        FOR_TURNS(s)
        {
            h.fetch(l, s, x, e);
            FOR_ITEMS(s)
            part += h.value[i][v] - t.shift;
        }
        sum = part;
        nl_block_sum(&sum, &squares);
        mean = t.shift + sum / m;
        t = nl_statistic_of(mean, 1.0, 0.0);
    }
    float part = 0.0f, part_squares = 0.0f;
    FOR_TURNS(s)
    {
        if (!WHOLE || !l.norm.centers)
            h.fetch(l, s, x, e);
        FOR_ITEMS(s)
        {
            float d = (h.value[i][v] - t.shift) - t.rest;
            part += d;
            part_squares += d * d;
        }
    }
    sum = part;
    squares = part_squares;
    nl_block_sum(&sum, &squares);
    nl_finalize_moments(m, sum, squares, l.norm.centers, mean, &mean, &var);
    if (threadIdx.x == 0) {
        nl_at((double *)op.mean, l.stride)[blockIdx.x] = mean;
        nl_at((double *)op.var, l.stride)[blockIdx.x] = var;
    }
    t = nl_statistic_of(mean, var, nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
    FOR_TURNS(s)
    {
        if (!WHOLE)
            h.fetch(l, s, x, e);
        FOR_ITEMS(s)
        {
            unsigned a = affine(l, s, e + i * blockDim.x * VECTOR) + v;
            float value = nl_xhat(t, h.value[i][v]);
            if (gamma)
                value *= gamma[a];
            if (beta)
                value += beta[a];
            if (residual)
                value += residual[place(l, s, e + i * blockDim.x * VECTOR) + v];
            h.value[i][v] = l.relu && value < 0 ? 0.0f : value; /* NaN stays NaN */
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                write<VECTOR>(h.value[i], y + place(l, s, e + i * blockDim.x * VECTOR));
    }
}

/* Fetches VECTOR elements from e on, which lie in one row, as xhat and the gradient past the ReLU. It writes nothing: the compiler moves no fetch before a write. */
template <int VECTOR>
static __device__ inline void fetch_back(const struct nl_normalize &op, const struct nl_layout &l, const struct set &s, const struct nl_statistic &t,
                                         unsigned e, float xhat[VECTOR], float grad[VECTOR])
{
    const float *gamma = (const float *)nl_at(op.gamma, l.stride), *beta = (const float *)nl_at(op.beta, l.stride);
    size_t at = place(l, s, e);
    float after[VECTOR]; /* the ReLU */
    read<VECTOR>((const float *)nl_at(op.x, l.stride) + at, xhat);
    read<VECTOR>((const float *)nl_at(op.dy, l.stride) + at, grad);
    if (op.residual)
        read<VECTOR>((const float *)nl_at(op.y, l.stride) + at, after);
    unsigned first = affine(l, s, e);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
        unsigned a = first + v;
        xhat[v] = nl_xhat(t, xhat[v]);
        if (!op.residual)
            after[v] = (gamma ? gamma[a] * xhat[v] : xhat[v]) + (beta ? beta[a] : 0.0f);
        if (l.relu && !(after[v] > 0))
            grad[v] = 0.0f;
    }
}

/* What the blocks of one launch add to the gradients of gamma and beta: a row of a set is `period` fetches, and the block fetches whole rows at once, so that a
 * thread has the same columns in all its fetches. */
struct shares {
    unsigned period, blocks; /* blocks: sets of the same channels */
    double *part;            /* [r][block][2][C]: sums over a set of dy xhat and of dy */
    unsigned *tickets;       /* [r][channels / width] */
};

/* Sums of a and b over the threads t, t + period, t + 2 period ..., in a fixed order; the first `period` threads have them. */
static __device__ void add_up(unsigned period, double *a, double *b)
{
    __shared__ double room[2][1024];
    unsigned t = threadIdx.x, row = t / period;
    __syncthreads(); /* the room may still be read from the last time */
    room[0][t] = *a;
    room[1][t] = *b;
    for (unsigned rows = blockDim.x / period, half; rows > 1; rows = half) {
        half = (rows + 1) / 2;
        __syncthreads();
        if (row + half < rows) {
            room[0][t] += room[0][t + half * period];
            room[1][t] += room[1][t + half * period];
        }
    }
    *a = room[0][t];
    *b = room[1][t];
}

/* What the block's set adds: from each thread's sums in its columns. */
template <int VECTOR>
static __device__ void share(const struct nl_layout &l, const struct set &s, const struct shares &shares, const float products[VECTOR], const float sums[VECTOR])
{
    double *to = shares.part + ((size_t)blockIdx.z * shares.blocks + blockIdx.x * l.width / l.channels) * 2 * l.channels + s.c + threadIdx.x * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
        double product = products[v], sum = sums[v];
        add_up(shares.period, &product, &sum);
        if (threadIdx.x < shares.period) {
            to[v] = product;
            to[l.channels + v] = sum;
        }
    }
}

/* The gradients of gamma and beta from shares [r][share][2][columns], by the block that is done last: of column a, which is that of all threads t + n period. */
static __device__ void join_shares(const struct nl_normalize &op, const struct nl_layout &l, const double *part, unsigned shares, unsigned columns, unsigned a, unsigned period)
{
    unsigned row = threadIdx.x / period, rows = blockDim.x / period;
    double product = 0.0, sum = 0.0;
#pragma unroll 4
    for (unsigned share = row; a < columns && row < rows && share < shares; share += rows) {
        const double *from = part + ((size_t)blockIdx.z * shares + share) * 2 * columns + a;
        product += from[0];
        sum += from[columns];
    }
    add_up(period, &product, &sum);
    if (row > 0 || a >= columns)
        return;
    ((float *)nl_at(op.dgamma, l.stride))[a] = (float)product;
    if (op.dbeta)
        ((float *)nl_at(op.dbeta, l.stride))[a] = (float)sum;
}

/* SHARES: with the gradients of gamma and beta. THREADS: at most; the fewer there are, the more registers has each. */
template <int VECTOR, bool WHOLE, bool SHARES, unsigned THREADS>
__global__ void __launch_bounds__(THREADS) sets_backward(struct nl_normalize op, struct nl_layout l, struct shares shares)
{
    struct set s = set_of(l, blockIdx.x);
    const float *gamma = (const float *)nl_at(op.gamma, l.stride);
    float *dx = (float *)nl_at(op.dx, l.stride), *dresidual = op.residual ? (float *)nl_at(op.dresidual, l.stride) : NULL;
    struct nl_statistic t =
        nl_statistic_of(nl_at((double *)op.mean, l.stride)[blockIdx.x], nl_at((double *)op.var, l.stride)[blockIdx.x], nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
    float xhat[ITEMS][VECTOR], dxhat[ITEMS][VECTOR], part = 0.0f, part_xhat = 0.0f, products[VECTOR] = {}, sums[VECTOR] = {};
    FOR_TURNS(s)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                fetch_back<VECTOR>(op, l, s, t, e + i * blockDim.x * VECTOR, xhat[i], dxhat[i]);
#pragma unroll
        for (int i = 0; dresidual && i < ITEMS; i++) /* it takes the gradient as it is */
            if (e + i * blockDim.x * VECTOR < s.count)
                write<VECTOR>(dxhat[i], dresidual + place(l, s, e + i * blockDim.x * VECTOR));
        FOR_ITEMS(s)
        {
            if (SHARES) {
                products[v] += dxhat[i][v] * xhat[i][v];
                sums[v] += dxhat[i][v];
            }
            if (gamma)
                dxhat[i][v] *= gamma[affine(l, s, e + i * blockDim.x * VECTOR) + v];
            part += dxhat[i][v];
            part_xhat += dxhat[i][v] * xhat[i][v];
        }
    }
    if (SHARES)
        share<VECTOR>(l, s, shares, products, sums);
    double sum = part, sum_xhat = part_xhat;
    nl_block_sum(&sum, &sum_xhat);
    float mean = l.norm.centers ? (float)(sum / s.count) : 0.0f, mean_xhat = (float)(sum_xhat / s.count);
    for (unsigned e = threadIdx.x * VECTOR; dx && e < s.count; e += blockDim.x * VECTOR * ITEMS) {
#pragma unroll
        for (int i = 0; !WHOLE && i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                fetch_back<VECTOR>(op, l, s, t, e + i * blockDim.x * VECTOR, xhat[i], dxhat[i]);
        FOR_ITEMS(s)
        {
            if (!WHOLE && gamma)
                dxhat[i][v] *= gamma[affine(l, s, e + i * blockDim.x * VECTOR) + v];
            dxhat[i][v] = t.rstd * ((dxhat[i][v] - mean) - xhat[i][v] * mean_xhat);
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                write<VECTOR>(dxhat[i], dx + place(l, s, e + i * blockDim.x * VECTOR));
    }
    if (SHARES && nl_last_block(&shares.tickets[(size_t)blockIdx.z * (l.channels / l.width) + s.c / l.width], shares.blocks))
        join_shares(op, l, shares.part, shares.blocks, l.channels, s.c + threadIdx.x % l.width, l.width);
}

/* How a set of m elements is taken: four at a time where it lies so, by as many threads as keep it in registers. */
struct launch_kind {
    bool vector, whole;
    unsigned threads;
};

static struct launch_kind launch_kind_of(const struct nl_layout *l, const struct nl_normalize *op)
{
    const void *places[] = {op->x, op->residual, op->y, op->dy, op->dx, op->dresidual};
    unsigned m = l->rows * l->width;
    bool vector = l->width % 4 == 0;
    for (const void *place : places)
        vector = vector && (uintptr_t)place % 16 == 0;
    unsigned each = (vector ? 4 : 1) * ITEMS, threads = nl_blocks(nl_blocks(m, each), 32) * 32;
    return {vector, threads <= 1024, threads <= 1024 ? threads : 1024};
}

void nl_cuda_sets_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    dim3 grid(nl_layout_sets(layout), 1, (unsigned)run->replicas);
    if (kind.vector && kind.whole)
        NL_LAUNCH((sets_forward<4, true>), grid, kind.threads, *op, *layout);
    else if (kind.vector)
        NL_LAUNCH((sets_forward<4, false>), grid, kind.threads, *op, *layout);
    else if (kind.whole)
        NL_LAUNCH((sets_forward<1, true>), grid, kind.threads, *op, *layout);
    else
        NL_LAUNCH((sets_forward<1, false>), grid, kind.threads, *op, *layout);
}

/* ---- gradients of gamma and beta, where no launch of sets has them ---- */

static const unsigned COLUMNS = 32, DEEP = 8, EACH = 16, CHUNK = DEEP * EACH; /* a block: 32 columns, 8 threads deep, each 16 rows */

/* statistic[r][set], worked out once instead of for each element. */
static __global__ void prepare(struct nl_normalize op, struct nl_layout l, unsigned sets, struct nl_statistic *statistic)
{
    size_t at = nl_element();
    if (at < sets)
        statistic[(size_t)blockIdx.z * sets + at] =
            nl_statistic_of(nl_at((double *)op.mean, l.stride)[at], nl_at((double *)op.var, l.stride)[at], nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
}

/* Column a of gamma: `columns` of them, `rows` elements each. part[r][chunk][2][columns]: sums of dy xhat and of dy over the chunk's rows.
 * tickets[r][tile of columns] */
static __global__ void sets_gradients(struct nl_normalize op, struct nl_layout l, unsigned columns, unsigned rows, unsigned sets,
                                      const struct nl_statistic *statistic, double *part, unsigned *tickets)
{
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, chunk = blockIdx.x / tiles, chunks = gridDim.x / tiles;
    unsigned tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS, a = blockIdx.x % tiles * COLUMNS + tx;
    const float *x = (const float *)nl_at(op.x, l.stride), *dy = (const float *)nl_at(op.dy, l.stride),
                *y = op.residual ? (const float *)nl_at(op.y, l.stride) : NULL;
    float own_product = 0.0f, own_sum = 0.0f;
    if (a < columns) {
        float gamma = ((const float *)nl_at(op.gamma, l.stride))[a], beta = op.beta ? ((const float *)nl_at(op.beta, l.stride))[a] : 0.0f;
        unsigned c = a % l.channels;
#pragma unroll 4
        for (unsigned i = 0; i < EACH; i++) {
            unsigned row = chunk * CHUNK + i * DEEP + ty;
            if (row >= rows)
                break;
            unsigned position = columns == l.channels ? row : row * l.positions + a / l.channels; /* of x's rows */
            size_t at = (size_t)position * l.channels + c;
            struct nl_statistic t = statistic[(size_t)blockIdx.z * sets + index_of(l, position, c)];
            float xhat = nl_xhat(t, x[at]), after = y ? y[at] : gamma * xhat + beta, grad = l.relu && !(after > 0) ? 0.0f : dy[at];
            own_product += grad * xhat;
            own_sum += grad;
        }
    }
    double product = own_product, sum = own_sum;
    add_up(COLUMNS, &product, &sum);
    if (ty == 0 && a < columns) {
        double *to = part + ((size_t)blockIdx.z * chunks + chunk) * 2 * columns + a;
        to[0] = product;
        to[columns] = sum;
    }
    if (nl_last_block(&tickets[(size_t)blockIdx.z * tiles + blockIdx.x % tiles], chunks))
        join_shares(op, l, part, chunks, columns, a, COLUMNS);
}

static void launch_gradients(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    unsigned columns = (unsigned)op->affine_count, sets = nl_layout_sets(layout), replicas = (unsigned)run->replicas;
    unsigned rows = layout->elements ? (unsigned)run->samples : layout->all_rows, chunks = nl_blocks(rows, CHUNK), tiles = nl_blocks(columns, COLUMNS);
    size_t parts = (size_t)replicas * chunks * 2 * columns;
    double *part = (double *)nl_cuda_scratch(parts * sizeof *part + (size_t)replicas * sets * sizeof(struct nl_statistic));
    struct nl_statistic *statistic = (struct nl_statistic *)(part + parts);
    unsigned *tickets = nl_cuda_tickets((size_t)replicas * tiles); /* before the launch, which asks whether there was memory for them */
    NL_LAUNCH(prepare, nl_grid_over(run, sets), NL_THREADS, *op, *layout, sets, statistic);
    NL_LAUNCH(sets_gradients, dim3(tiles * chunks, 1, replicas), COLUMNS * DEEP, *op, *layout, columns, rows, sets, statistic, part, tickets);
}

/* ---- backward ---- */

/* Threads of blocks that can share the gradients of gamma and beta; 0: there are none, or sets have so few rows that their shares would be as many as their elements. */
static unsigned sharing_threads(const struct nl_normalize *op, const struct nl_layout *l, const struct launch_kind *kind, unsigned period)
{
    enum { FEWEST_ROWS = 16 };
    unsigned unit = 32 / (unsigned)nl_greatest_divisor(32, period) * period, threads = nl_blocks(kind->threads, unit) * unit;
    bool shares = op->affine_count > 0 && !l->elements && l->rows >= FEWEST_ROWS && kind->whole && threads <= 1024;
    return shares ? threads : 0;
}

template <bool SHARES>
static void launch_whole(const struct nl_normalize *op, const struct nl_layout *layout, dim3 grid, unsigned threads, bool vector, const struct shares &shares)
{
    if (vector && threads <= 512)
        NL_LAUNCH((sets_backward<4, true, SHARES, 512>), grid, threads, *op, *layout, shares);
    else if (vector)
        NL_LAUNCH((sets_backward<4, true, SHARES, 1024>), grid, threads, *op, *layout, shares);
    else
        NL_LAUNCH((sets_backward<1, true, SHARES, 1024>), grid, threads, *op, *layout, shares);
}

void nl_cuda_sets_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    unsigned sets = nl_layout_sets(layout), replicas = (unsigned)run->replicas, groups = layout->channels / layout->width;
    struct shares shares = {kind.vector ? layout->width / 4 : layout->width, sets / groups, NULL, NULL};
    unsigned sharing = sharing_threads(op, layout, &kind, shares.period);
    dim3 grid(sets, 1, replicas);
    if (sharing) {
        shares.part = (double *)nl_cuda_scratch((size_t)replicas * shares.blocks * 2 * layout->channels * sizeof *shares.part);
        shares.tickets = nl_cuda_tickets((size_t)replicas * groups);
        launch_whole<true>(op, layout, grid, sharing, kind.vector, shares);
        return;
    }
    if (op->affine_count > 0)
        launch_gradients(run, op, layout);
    if (!op->dx && !op->residual)
        return;
    if (kind.whole)
        launch_whole<false>(op, layout, grid, kind.threads, kind.vector, shares);
    else if (kind.vector)
        NL_LAUNCH((sets_backward<4, false, false, 1024>), grid, kind.threads, *op, *layout, shares);
    else
        NL_LAUNCH((sets_backward<1, false, false, 1024>), grid, kind.threads, *op, *layout, shares);
}
