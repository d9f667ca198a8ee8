/* Normalizers whose sets lie within a sample, by a team of threads a set: what normalize_sets.cu launches, and
 * one_launch.cu has a block do among other work.
 */
#ifndef NL_BACKEND_CUDA_NORMALIZE_SETS_CUH
#define NL_BACKEND_CUDA_NORMALIZE_SETS_CUH

#include "backend/cuda/normalize_set.cuh"

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

    __device__ void fetch(const struct nl_layout &l, const struct set &s, const struct nl_team &team, const float *x,
                          unsigned e)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * team.size * VECTOR < s.count)
                read<VECTOR>(x + place(l, s, e + i * team.size * VECTOR), value[i]);
    }
};

#define FOR_TURNS(set) for (unsigned e = team.rank * VECTOR; e < (set).count; e += team.size * VECTOR * ITEMS)
#define FOR_ITEMS(set)                                                                                                 \
    _Pragma("unroll") for (int i = 0; i < ITEMS; i++) if (e + i * team.size * VECTOR < (set).count)                    \
        _Pragma("unroll") for (int v = 0; v < VECTOR; v++)

/* A team's set, number `index`. */
template <int VECTOR, bool WHOLE>
static __device__ void set_forward(const struct nl_normalize &op, const struct nl_layout &l, const struct nl_team &team,
                                   unsigned index)
{
    struct set s = set_of(l, index);
    const float *x = (const float *)nl_at(op.x, l.stride), *gamma = (const float *)nl_at(op.gamma, l.stride),
                *beta = (const float *)nl_at(op.beta, l.stride),
                *residual = (const float *)nl_at(op.residual, l.stride);
    float *y = (float *)nl_at(op.y, l.stride);
    struct fragment<VECTOR> h;
    double m = s.count, sum = 0.0, squares = 0.0, mean = 0.0, var;
    struct nl_statistic t = {0.0f, 0.0f, 1.0f};
    if (l.norm.centers) { /* first the mean: from the set's first element, so that the second shift is close */
        t.shift = x[place(l, s, 0)];
        float part = 0.0f;
        FOR_TURNS(s)
        {
            h.fetch(l, s, team, x, e);
            FOR_ITEMS(s)
            part += h.value[i][v] - t.shift;
        }
        sum = part;
        nl_team_sum(team, &sum, &squares);
        mean = t.shift + sum / m;
        t = nl_statistic_of(mean, 1.0, 0.0);
    }
    float part = 0.0f, part_squares = 0.0f;
    FOR_TURNS(s)
    {
        if (!WHOLE || !l.norm.centers)
            h.fetch(l, s, team, x, e);
        FOR_ITEMS(s)
        {
            float d = (h.value[i][v] - t.shift) - t.rest;
            part += d;
            part_squares += d * d;
        }
    }
    sum = part;
    squares = part_squares;
    nl_team_sum(team, &sum, &squares);
    nl_finalize_moments(m, sum, squares, l.norm.centers, mean, &mean, &var);
    if (team.rank == 0) {
        nl_at((double *)op.mean, l.stride)[index] = mean;
        nl_at((double *)op.var, l.stride)[index] = var;
    }
    t = nl_statistic_of(mean, var, nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
    FOR_TURNS(s)
    {
        if (!WHOLE)
            h.fetch(l, s, team, x, e);
        FOR_ITEMS(s)
        {
            unsigned a = affine(l, s, e + i * team.size * VECTOR) + v;
            float value = nl_xhat(t, h.value[i][v]);
            if (gamma)
                value *= gamma[a];
            if (beta)
                value += beta[a];
            if (residual)
                value += residual[place(l, s, e + i * team.size * VECTOR) + v];
            h.value[i][v] = l.relu && value < 0 ? 0.0f : value; /* NaN stays NaN */
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * team.size * VECTOR < s.count)
                write<VECTOR>(h.value[i], y + place(l, s, e + i * team.size * VECTOR));
    }
}

/* The statistic of a set, from what forward has left. */
static __device__ struct nl_statistic statistic_of(const struct nl_normalize &op, const struct nl_layout &l,
                                                   unsigned set)
{
    double eps = nl_override_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps);
    return nl_statistic_of(nl_at((double *)op.mean, l.stride)[set], nl_at((double *)op.var, l.stride)[set], eps);
}

/* Fetches VECTOR elements of a row, from e on, as xhat and the gradient past the ReLU. It writes nothing: the compiler
 * moves no fetch before a write. */
template <int VECTOR>
static __device__ inline void fetch_back(const struct nl_normalize &op, const struct nl_layout &l, const struct set &s,
                                         const struct nl_statistic &t, unsigned e, float xhat[VECTOR],
                                         float grad[VECTOR])
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

/* Sums of a and b over the threads t, t + period, t + 2 period ..., in a fixed order; the first `period` threads have
 * them. MOST: a bound on the threads. */
template <unsigned MOST> static __device__ void add_up(unsigned period, double *a, double *b)
{
    __shared__ double room[2][MOST];
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

/* The gradients of gamma and beta from shares [r][share][2][columns], by the block that is done last: of column a,
 * which is that of all threads t + n period.
 */
template <unsigned MOST>
static __device__ void join_shares(const struct nl_normalize &op, const struct nl_layout &l, const double *part,
                                   unsigned shares, unsigned columns, unsigned a, unsigned period)
{
    unsigned row = threadIdx.x / period, rows = blockDim.x / period;
    double product = 0.0, sum = 0.0;
#pragma unroll 4
    for (unsigned share = row; a < columns && row < rows && share < shares; share += rows) {
        const double *from = part + ((size_t)blockIdx.z * shares + share) * 2 * columns + a;
        product += from[0];
        sum += from[columns];
    }
    add_up<MOST>(period, &product, &sum);
    if (row > 0 || a >= columns)
        return;
    ((float *)nl_at(op.dgamma, l.stride))[a] = (float)product;
    if (op.dbeta)
        ((float *)nl_at(op.dbeta, l.stride))[a] = (float)sum;
}

/* What the blocks of one launch add to the gradients of gamma and beta: a row of a set is `period` fetches, and the
 * block fetches whole rows at once, so that a thread has the same columns in all its fetches. */
struct shares {
    unsigned period, blocks; /* blocks: sets of the same channels */
    double *part;            /* [r][block][2][C]: sums over a set of dy xhat and of dy */
    unsigned *tickets;       /* [r][channels / width] */
};

/* What the block's set adds: from each thread's sums in its columns. */
template <int VECTOR, unsigned MOST>
static __device__ void share(const struct nl_layout &l, const struct set &s, unsigned index,
                             const struct shares &shares, const float products[VECTOR], const float sums[VECTOR])
{
    double *to = shares.part + ((size_t)blockIdx.z * shares.blocks + index * l.width / l.channels) * 2 * l.channels +
                 s.c + threadIdx.x * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
        double product = products[v], sum = sums[v];
        add_up<MOST>(shares.period, &product, &sum);
        if (threadIdx.x < shares.period) {
            to[v] = product;
            to[l.channels + v] = sum;
        }
    }
}

/* A team's set, number `index`. SHARES: with what it adds to the gradients of gamma and beta; the team is a block of
 * MOST threads, at most. */
template <int VECTOR, bool WHOLE, bool SHARES, unsigned MOST>
static __device__ void set_backward(const struct nl_normalize &op, const struct nl_layout &l,
                                    const struct nl_team &team, unsigned index, const struct shares &shares)
{
    struct set s = set_of(l, index);
    const float *gamma = (const float *)nl_at(op.gamma, l.stride);
    float *dx = (float *)nl_at(op.dx, l.stride),
          *dresidual = op.residual ? (float *)nl_at(op.dresidual, l.stride) : NULL;
    struct nl_statistic t = statistic_of(op, l, index);
    float xhat[ITEMS][VECTOR], dxhat[ITEMS][VECTOR], part = 0.0f, part_xhat = 0.0f, products[VECTOR] = {},
                                                     sums[VECTOR] = {};
    FOR_TURNS(s)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * team.size * VECTOR < s.count)
                fetch_back<VECTOR>(op, l, s, t, e + i * team.size * VECTOR, xhat[i], dxhat[i]);
#pragma unroll
        for (int i = 0; dresidual && i < ITEMS; i++) /* it takes the gradient as it is */
            if (e + i * team.size * VECTOR < s.count)
                write<VECTOR>(dxhat[i], dresidual + place(l, s, e + i * team.size * VECTOR));
        FOR_ITEMS(s)
        {
            if (SHARES) {
                products[v] += dxhat[i][v] * xhat[i][v];
                sums[v] += dxhat[i][v];
            }
            if (gamma)
                dxhat[i][v] *= gamma[affine(l, s, e + i * team.size * VECTOR) + v];
            part += dxhat[i][v];
            part_xhat += dxhat[i][v] * xhat[i][v];
        }
    }
    if (SHARES)
        share<VECTOR, MOST>(l, s, index, shares, products, sums);
    double sum = part, sum_xhat = part_xhat;
    nl_team_sum(team, &sum, &sum_xhat);
    float mean = l.norm.centers ? (float)(sum / s.count) : 0.0f, mean_xhat = (float)(sum_xhat / s.count);
    for (unsigned e = team.rank * VECTOR; dx && e < s.count; e += team.size * VECTOR * ITEMS) {
#pragma unroll
        for (int i = 0; !WHOLE && i < ITEMS; i++)
            if (e + i * team.size * VECTOR < s.count)
                fetch_back<VECTOR>(op, l, s, t, e + i * team.size * VECTOR, xhat[i], dxhat[i]);
        FOR_ITEMS(s)
        {
            if (!WHOLE && gamma)
                dxhat[i][v] *= gamma[affine(l, s, e + i * team.size * VECTOR) + v];
            dxhat[i][v] = t.rstd * ((dxhat[i][v] - mean) - xhat[i][v] * mean_xhat);
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * team.size * VECTOR < s.count)
                write<VECTOR>(dxhat[i], dx + place(l, s, e + i * team.size * VECTOR));
    }
}

/* Sums of dy xhat and of dy in a column of gamma and beta, of `columns` in all, over a chunk of its `rows` elements. A
 * block: 32 columns, 8 threads deep, each 16 rows; the first 32 threads have them. statistic: of each set. */
static const unsigned COLUMNS = 32, DEEP = 8, EACH = 16, CHUNK = DEEP * EACH;

static __device__ inline void sum_column(const struct nl_normalize &op, const struct nl_layout &l, unsigned columns,
                                         unsigned rows, unsigned tile, unsigned chunk,
                                         const struct nl_statistic *statistic, double *product, double *sum)
{
    unsigned ty = threadIdx.x / COLUMNS, a = tile * COLUMNS + threadIdx.x % COLUMNS;
    const float *x = (const float *)nl_at(op.x, l.stride), *dy = (const float *)nl_at(op.dy, l.stride),
                *y = op.residual ? (const float *)nl_at(op.y, l.stride) : NULL;
    float own_product = 0.0f, own_sum = 0.0f;
    if (a < columns) {
        float gamma = ((const float *)nl_at(op.gamma, l.stride))[a],
              beta = op.beta ? ((const float *)nl_at(op.beta, l.stride))[a] : 0.0f;
        unsigned c = a % l.channels;
#pragma unroll 4
        for (unsigned i = 0; i < EACH; i++) {
            unsigned row = chunk * CHUNK + i * DEEP + ty;
            if (row >= rows)
                break;
            unsigned position = columns == l.channels ? row : row * l.positions + a / l.channels; /* of x's rows */
            size_t at = (size_t)position * l.channels + c;
            struct nl_statistic t = statistic[index_of(l, position, c)];
            float xhat = nl_xhat(t, x[at]), after = y ? y[at] : gamma * xhat + beta,
                  grad = l.relu && !(after > 0) ? 0.0f : dy[at];
            own_product += grad * xhat;
            own_sum += grad;
        }
    }
    *product = own_product;
    *sum = own_sum;
    add_up<COLUMNS * DEEP>(COLUMNS, product, sum);
}

#endif
