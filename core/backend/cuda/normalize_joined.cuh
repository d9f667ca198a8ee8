/* Batch normalization in the launches of the convolutions beside it (joined.cu): what it makes is computed on the way
 * into a product, and its sums are taken of the tiles that a product has written.
 *
 * Bits. A sum runs over parts of 32 rows, by a thread each, then over groups of 32 parts, then over the groups, in an
 * order that follows from the rows alone: whatever the tiles are, and where nothing is joined (normalize_joined.cu).
 * What is fetched has the bits of `apply` and `write_dx`. */
#ifndef NL_BACKEND_CUDA_NORMALIZE_JOINED_CUH
#define NL_BACKEND_CUDA_NORMALIZE_JOINED_CUH

#include "backend/cuda/normalize_columns.cuh"

namespace nl_columns {

/* A normalizer whose sets are channels of the whole batch. */
struct joined {
    struct nl_normalize op;
    struct nl_layout l;
    enum nl_statistics statistics;
};

static inline struct joined joined_of(const struct nl_run *run, const struct nl_normalize *op)
{
    return {*op, nl_cuda_layout_of(run, op), run->statistics};
}

/* ---- sources ---- */

/* What a channel is normalized with, and what backward takes away: a row each of a table in shared memory. */
enum coefficient { SHIFT, REST, RSTD, GAMMA, BETA, GRAD, PRODUCT, COEFFICIENTS };

struct channel_table {
    unsigned from, channels; /* from: bytes of NL_ROOM before it. A pointer that is a member may point anywhere, for all
                                that the compiler knows. */

    static __host__ __device__ size_t room(unsigned channels)
    {
        return (COEFFICIENTS * channels + 3) / 4 * 4 * sizeof(float);
    }

    /* [COEFFICIENTS][C] */
    __device__ float *at() const
    {
        NL_ROOM(room);
        return (float *)(room + from);
    }

    __device__ void fill(const struct joined &n, bool back, unsigned before)
    {
        from = before;
        channels = n.l.channels;
        for (unsigned c = threadIdx.x; c < channels; c += blockDim.x) {
            struct coordinates s = {};
            s.c = c, s.real = true;
            struct nl_statistic statistic = statistic_of(n.op, n.l, n.statistics, 0, c);
            struct affine a = affine_of(n.op, n.l, s);
            struct means mean = {0.0f, 0.0f};
            if (back)
                mean = ((const struct means *)nl_at(n.op.sums, n.l.stride))[c];
            const float of[COEFFICIENTS] = {statistic.shift, statistic.rest, statistic.rstd, a.gamma,
                                            a.beta,          mean.grad,      mean.product};
#pragma unroll
            for (int i = 0; i < COEFFICIENTS; i++)
                at()[i * channels + c] = of[i];
        }
        __syncthreads();
    }

    __device__ float one(int which, unsigned c) const { return at()[which * channels + c]; }
    __device__ float4 four(int which, unsigned c) const { return *(const float4 *)(at() + which * channels + c); }
};

static __device__ inline void put_four(const float4 &from, float to[4])
{
    to[0] = from.x, to[1] = from.y, to[2] = from.z, to[3] = from.w;
}

/* Activations as they are, or, where `normalizes`, y of a normalizer without a residual. */
struct normalized {
    const float *x;
    bool normalizes;
    struct joined by;
    struct channel_table table;

    __host__ __device__ size_t room() const { return normalizes ? channel_table::room(by.l.channels) : 0; }

    __device__ void settle(size_t stride, unsigned before)
    {
        x = nl_at(x, stride);
        if (normalizes)
            table.fill(by, false, before);
    }

    __device__ float of(float value, float shift, float rest, float rstd, float gamma, float beta) const
    {
        float y = nl_xhat({shift, rest, rstd}, value) * gamma + beta;
        return by.l.relu && y < 0 ? 0.0f : y; /* NaN stays NaN */
    }

    __device__ void four(int64_t first, unsigned c, float v[4]) const
    {
        put_four(*(const float4 *)(x + first), v);
        if (!normalizes)
            return;
        float k[BETA + 1][4];
#pragma unroll
        for (int i = 0; i <= BETA; i++)
            put_four(table.four(i, c), k[i]);
#pragma unroll
        for (int e = 0; e < 4; e++)
            v[e] = of(v[e], k[SHIFT][e], k[REST][e], k[RSTD][e], k[GAMMA][e], k[BETA][e]);
    }

    __device__ float one(int64_t at, unsigned c) const
    {
        return normalizes ? of(x[at], table.one(SHIFT, c), table.one(REST, c), table.one(RSTD, c), table.one(GAMMA, c),
                               table.one(BETA, c))
                          : x[at];
    }
};

/* A gradient as it is, or, where `normalizes`, dx of a normalizer, whose sums are there. */
struct normalized_gradient {
    const float *dy;
    bool normalizes;
    const float *y; /* whose sign is the ReLU's mask; NULL: dy has been masked, or there is no ReLU, or its mask follows
                       from x */
    struct joined by;
    struct channel_table table;

    __host__ __device__ size_t room() const { return normalizes ? channel_table::room(by.l.channels) : 0; }

    __device__ void settle(size_t stride, unsigned before)
    {
        dy = nl_at(dy, stride);
        y = nl_at(y, stride);
        by.op.x = nl_at(by.op.x, stride);
        if (normalizes)
            table.fill(by, true, before);
    }

    __device__ float of(float grad, float x, const float k[COEFFICIENTS]) const
    {
        float xhat = nl_xhat({k[SHIFT], k[REST], k[RSTD]}, x), scale = k[GAMMA] * k[RSTD];
        if (by.l.relu && !by.op.residual && !(k[GAMMA] * xhat + k[BETA] > 0))
            grad = 0.0f;
        return scale * ((grad - k[GRAD]) - xhat * k[PRODUCT]);
    }

    __device__ void four(int64_t first, unsigned c, float v[4]) const
    {
        put_four(*(const float4 *)(dy + first), v);
        if (!normalizes)
            return;
        float x[4], k[COEFFICIENTS][4];
        put_four(*(const float4 *)((const float *)by.op.x + first), x);
#pragma unroll
        for (int i = 0; i < COEFFICIENTS; i++)
            put_four(table.four(i, c), k[i]);
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const float own[COEFFICIENTS] = {k[SHIFT][e], k[REST][e], k[RSTD][e],   k[GAMMA][e],
                                             k[BETA][e],  k[GRAD][e], k[PRODUCT][e]};
            v[e] = of(y && !(y[first + e] > 0) ? 0.0f : v[e], x[e], own);
        }
    }

    __device__ float one(int64_t at, unsigned c) const
    {
        if (!normalizes)
            return dy[at];
        float own[COEFFICIENTS];
#pragma unroll
        for (int i = 0; i < COEFFICIENTS; i++)
            own[i] = table.one(i, c);
        return of(y && !(y[at] > 0) ? 0.0f : dy[at], ((const float *)by.op.x)[at], own);
    }
};

/* The gradient that a normalizer's backward makes, after its sums. The residual's gradient, where it is wanted, has
 * the mask already. */
static inline struct normalized_gradient gradient_by(const struct nl_run *run, const struct nl_normalize *op)
{
    struct normalized_gradient source = {(const float *)op->dy, true, NULL, joined_of(run, op), {}};
    if (op->residual && op->dresidual)
        source.dy = (const float *)op->dresidual;
    else if (op->residual && op->relu)
        source.y = (const float *)op->y;
    return source;
}

/* ---- sums ---- */

enum { PART_ROWS = 32, GROUP_PARTS = 32, LANES = 8, NARROWEST_TILE = 16, WIDEST_TILE = 64 };

struct pair {
    double a, b;
};

/* Mean, and sum of squared deviations from it. */
struct moments_of_rows {
    static __device__ struct pair of_part(const struct joined &n, unsigned first, unsigned count, unsigned c)
    {
        const float *x = (const float *)nl_at(n.op.x, n.l.stride) + (size_t)first * n.l.channels + c;
        float value[PART_ROWS], shift, part = 0.0f, part_squares = 0.0f;
#pragma unroll
        for (unsigned i = 0; i < PART_ROWS; i++)
            value[i] = i < count ? x[i * n.l.channels] : 0.0f;
        shift = value[0];
#pragma unroll
        for (unsigned i = 0; i < PART_ROWS; i++)
            part += i < count ? value[i] - shift : 0.0f;
        double mean = shift + (double)part / count, var;
        struct nl_statistic centre = {(float)mean, (float)(mean - (float)mean), 1.0f};
        part = 0.0f;
#pragma unroll
        for (unsigned i = 0; i < PART_ROWS; i++) {
            float d = i < count ? (value[i] - centre.shift) - centre.rest : 0.0f;
            part += d;
            part_squares += d * d;
        }
        nl_finalize_moments(count, part, part_squares, true, mean, &mean, &var);
        return {mean, var * count};
    }

    /* What `count` rows add to a sum of deviations from the mean of the first ones, and of their squares. */
    static __device__ struct pair term(const struct pair &of, const struct pair &first, unsigned count)
    {
        double d = of.a - first.a;
        return {d * count, of.b + d * d * count};
    }

    static __device__ struct pair sum(const struct pair &terms, const struct pair &first, unsigned count)
    {
        double mean, var;
        nl_finalize_moments(count, terms.a, terms.b, true, first.a, &mean, &var);
        return {mean, var * count};
    }

    static __device__ void finish(const struct joined &n, unsigned c, const struct pair &of)
    {
        struct coordinates s = {};
        s.c = c;
        keep_moments(n.op, n.l, s, n.statistics, of.a, of.b / n.l.all_rows);
    }

    static __device__ void end(const struct joined &n) { advance(n.op, n.l, n.statistics, 1, n.l.all_rows); }
};

/* Sums of the gradients' products with xhat, and of the gradients. The gradient of a residual is written on the way. */
struct gradients_of_rows {
    static __device__ struct pair of_part(const struct joined &n, unsigned first, unsigned count, unsigned c)
    {
        enum { AT_ONCE = 8 }; /* nothing is fetched past a write */
        const size_t at = (size_t)first * n.l.channels + c;
        const float *x = (const float *)nl_at(n.op.x, n.l.stride) + at,
                    *dy = (const float *)nl_at(n.op.dy, n.l.stride) + at;
        const float *y = n.op.residual ? (const float *)nl_at(n.op.y, n.l.stride) + at : (const float *)NULL;
        float *dresidual =
            n.op.residual && n.op.dresidual ? (float *)nl_at(n.op.dresidual, n.l.stride) + at : (float *)NULL;
        struct coordinates s = {};
        s.c = c, s.real = true;
        struct nl_statistic statistic = statistic_of(n.op, n.l, n.statistics, 0, c);
        struct affine a = affine_of(n.op, n.l, s);
        float part = 0.0f, part_product = 0.0f;
        for (unsigned begin = 0; begin < count; begin += AT_ONCE) {
            float grad[AT_ONCE];
#pragma unroll
            for (unsigned i = 0; i < AT_ONCE; i++) {
                const unsigned to = (begin + i) * n.l.channels;
                grad[i] = 0.0f;
                if (begin + i >= count)
                    continue;
                float xhat = nl_xhat(statistic, x[to]);
                grad[i] = dy[to];
                if (n.l.relu && !((y ? y[to] : a.gamma * xhat + a.beta) > 0))
                    grad[i] = 0.0f;
                part += grad[i];
                part_product += grad[i] * xhat;
            }
#pragma unroll
            for (unsigned i = 0; i < AT_ONCE; i++)
                if (dresidual && begin + i < count)
                    dresidual[(begin + i) * n.l.channels] = grad[i];
        }
        return {part_product, part};
    }

    static __device__ struct pair term(const struct pair &of, const struct pair &, unsigned) { return of; }
    static __device__ struct pair sum(const struct pair &terms, const struct pair &, unsigned) { return terms; }

    static __device__ void finish(const struct joined &n, unsigned c, const struct pair &of)
    {
        ((struct means *)nl_at(n.op.sums, n.l.stride))[c] = means_of(n.op, n.l, n.l.all_rows, of.a, of.b);
        write_gradients(n.op, n.l, c, of.a, of.b);
    }

    static __device__ void end(const struct joined &) {}
};

/* Joins what `count` items have of columns c0 .. c0 + columns: [item][2][C], of `each` rows each, of `rows` in all.
 * take(c, sum) */
template <class Rows, class Take>
static __device__ void join_columns(const double *item, unsigned count, unsigned each, unsigned rows, unsigned channels,
                                    unsigned c0, unsigned columns, Take take)
{
    __shared__ double lane[2][LANES][WIDEST_TILE];
    auto fetch = [&](unsigned i, unsigned column) {
        const double *at = item + (size_t)i * 2 * channels + c0 + column;
        return pair{at[0], at[channels]};
    };
    for (unsigned at = threadIdx.x; at < LANES * columns; at += blockDim.x) {
        unsigned own = at / columns, column = at % columns;
        struct pair first = fetch(0, column), sum = {0.0, 0.0};
        for (unsigned i = own; i < count; i += LANES) {
            struct pair term = Rows::term(fetch(i, column), first, min(each, rows - i * each));
            sum.a += term.a;
            sum.b += term.b;
        }
        lane[0][own][column] = sum.a;
        lane[1][own][column] = sum.b;
    }
    __syncthreads();
    for (unsigned column = threadIdx.x; column < columns; column += blockDim.x) {
        struct pair sum = {0.0, 0.0};
        for (unsigned i = 0; i < LANES; i++) {
            sum.a += lane[0][i][column];
            sum.b += lane[1][i][column];
        }
        take(c0 + column, Rows::sum(sum, fetch(0, column), rows));
    }
    __syncthreads(); /* the room may be used again */
}

/* Takes a normalizer's sums of the tiles of a product (struct nl_nothing_after): what its kernel `reduce` or
 * `backward_reduce` does. */
template <class Rows> struct sums_after {
    struct joined n;
    bool wanted;
    double *part;      /* [r][parts, then groups][2][C] */
    unsigned *tickets; /* [r][1 + tiles of groups] */

    __host__ __device__ unsigned parts() const { return nl_blocks(n.l.all_rows, PART_ROWS); }
    __host__ __device__ unsigned groups() const { return nl_blocks(parts(), GROUP_PARTS); }
    __host__ __device__ size_t doubles() const { return (size_t)(parts() + groups()) * 2 * n.l.channels; }
    __host__ __device__ size_t own_tickets() const
    {
        return 1 + (size_t)groups() * nl_blocks(n.l.channels, NARROWEST_TILE);
    }

    size_t floats(const struct nl_run *run) const { return wanted ? run->replicas * doubles() * 2 : 0; }
    size_t zeros(const struct nl_run *run) const { return wanted ? run->replicas * own_tickets() : 0; }
    void place(float *scratch, unsigned *zero)
    {
        part = (double *)scratch;
        tickets = zero;
    }

    template <int M, int N> __device__ void of_tile(int m0, int n0) const
    {
        if (!wanted)
            return;
        const unsigned rows = n.l.all_rows, channels = n.l.channels, columns = min((unsigned)N, channels - n0),
                       across = nl_blocks(channels, N);
        double *const own = part + blockIdx.z * doubles(), *const of_groups = own + (size_t)parts() * 2 * channels;
        unsigned *const ticket = tickets + blockIdx.z * own_tickets();
        auto put = [=](double *item, unsigned i, unsigned c, const struct pair &of) {
            double *at = item + (size_t)i * 2 * channels + c;
            at[0] = of.a;
            at[channels] = of.b;
        };
        __syncthreads(); /* all threads have written the tile */
        for (unsigned at = threadIdx.x; at < M / PART_ROWS * columns; at += blockDim.x) {
            unsigned first = m0 + at / columns * PART_ROWS, c = n0 + at % columns;
            if (first < rows)
                put(own, first / PART_ROWS, c, Rows::of_part(n, first, min((unsigned)PART_ROWS, rows - first), c));
        }
        const unsigned group_rows = PART_ROWS * GROUP_PARTS, group = m0 / group_rows,
                       count = min(group_rows, rows - group * group_rows);
        if (!nl_last_block(ticket + 1 + group * across + n0 / N, nl_blocks(count, M)))
            return;
        join_columns<Rows>(own + (size_t)group * GROUP_PARTS * 2 * channels, nl_blocks(count, PART_ROWS), PART_ROWS,
                           count, channels, n0, columns,
                           [&](unsigned c, const struct pair &of) { put(of_groups, group, c, of); });
        if (!nl_last_block(ticket, groups() * across))
            return;
        for (unsigned c = 0; c < channels; c += WIDEST_TILE)
            join_columns<Rows>(of_groups, groups(), group_rows, rows, channels, c,
                               min((unsigned)WIDEST_TILE, channels - c),
                               [&](unsigned column, const struct pair &of) { Rows::finish(n, column, of); });
        if (threadIdx.x == 0)
            Rows::end(n);
    }
};

template <class Rows>
static inline struct sums_after<Rows> sums_of(const struct nl_run *run, const struct nl_normalize *op, bool wanted) {
    return {joined_of(run, op), wanted, NULL, NULL};
}

} /* namespace nl_columns */

#endif
