/* Normalizers whose sets lie within a sample (LN, GN, IN, RMSNorm): a block of threads takes a set, and keeps it in registers where it
 * fits, so that memory is read once. The gradients of gamma and beta run across the sets: sums down the columns, in two stages. */
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
            unsigned a = affine(l, s, e + i * blockDim.x * VECTOR + v);
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

/* Fetches VECTOR elements from e on as xhat and dxhat: the gradient past the ReLU, times gamma. The residual takes the gradient as it is. */
template <int VECTOR>
static __device__ inline void fetch_back(const struct nl_normalize &op, const struct nl_layout &l, const struct set &s, const struct nl_statistic &t,
                                         unsigned e, float xhat[VECTOR], float dxhat[VECTOR])
{
    const float *gamma = (const float *)nl_at(op.gamma, l.stride), *beta = (const float *)nl_at(op.beta, l.stride);
    size_t at = place(l, s, e);
    float after[VECTOR]; /* the ReLU */
    read<VECTOR>((const float *)nl_at(op.x, l.stride) + at, xhat);
    read<VECTOR>((const float *)nl_at(op.dy, l.stride) + at, dxhat);
    if (op.residual)
        read<VECTOR>((const float *)nl_at(op.y, l.stride) + at, after);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
        unsigned a = affine(l, s, e + v);
        xhat[v] = nl_xhat(t, xhat[v]);
        if (!op.residual)
            after[v] = (gamma ? gamma[a] * xhat[v] : xhat[v]) + (beta ? beta[a] : 0.0f);
        if (l.relu && !(after[v] > 0))
            dxhat[v] = 0.0f;
    }
    if (op.residual)
        write<VECTOR>(dxhat, (float *)nl_at(op.dresidual, l.stride) + at);
#pragma unroll
    for (int v = 0; gamma && v < VECTOR; v++)
        dxhat[v] *= gamma[affine(l, s, e + v)];
}

template <int VECTOR, bool WHOLE> __global__ void __launch_bounds__(1024) sets_dx(struct nl_normalize op, struct nl_layout l)
{
    struct set s = set_of(l, blockIdx.x);
    float *dx = (float *)nl_at(op.dx, l.stride);
    struct nl_statistic t =
        nl_statistic_of(nl_at((double *)op.mean, l.stride)[blockIdx.x], nl_at((double *)op.var, l.stride)[blockIdx.x], nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
    float xhat[ITEMS][VECTOR], dxhat[ITEMS][VECTOR], part = 0.0f, part_xhat = 0.0f;
    FOR_TURNS(s)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count)
                fetch_back<VECTOR>(op, l, s, t, e + i * blockDim.x * VECTOR, xhat[i], dxhat[i]);
        FOR_ITEMS(s)
        {
            part += dxhat[i][v];
            part_xhat += dxhat[i][v] * xhat[i][v];
        }
    }
    double sum = part, sum_xhat = part_xhat;
    nl_block_sum(&sum, &sum_xhat);
    float mean = l.norm.centers ? (float)(sum / s.count) : 0.0f, mean_xhat = (float)(sum_xhat / s.count);
    if (!dx)
        return;
    FOR_TURNS(s)
    {
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (e + i * blockDim.x * VECTOR < s.count) {
                if (!WHOLE)
                    fetch_back<VECTOR>(op, l, s, t, e + i * blockDim.x * VECTOR, xhat[i], dxhat[i]);
#pragma unroll
                for (int v = 0; v < VECTOR; v++)
                    dxhat[i][v] = t.rstd * ((dxhat[i][v] - mean) - xhat[i][v] * mean_xhat);
                write<VECTOR>(dxhat[i], dx + place(l, s, e + i * blockDim.x * VECTOR));
            }
    }
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

#define LAUNCH_KIND(kernel, run, layout, kind, op)                                        \
    do {                                                                                  \
        dim3 grid(nl_layout_sets(layout), 1, (unsigned)(run)->replicas);                  \
        if ((kind).vector && (kind).whole)                                                \
            NL_LAUNCH((kernel<4, true>), grid, (kind).threads, op, *(layout));            \
        else if ((kind).vector)                                                           \
            NL_LAUNCH((kernel<4, false>), grid, (kind).threads, op, *(layout));           \
        else if ((kind).whole)                                                            \
            NL_LAUNCH((kernel<1, true>), grid, (kind).threads, op, *(layout));            \
        else                                                                              \
            NL_LAUNCH((kernel<1, false>), grid, (kind).threads, op, *(layout));           \
    } while (0)

void nl_cuda_sets_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    LAUNCH_KIND(sets_forward, run, layout, kind, *op);
}

void nl_cuda_sets_dx(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    struct launch_kind kind = launch_kind_of(layout, op);
    LAUNCH_KIND(sets_dx, run, layout, kind, *op);
}

/* ---- gradients of gamma and beta ---- */

static const unsigned COLUMNS = 32, DEEP = 8, EACH = 16, CHUNK = DEEP * EACH; /* a block: 32 columns, 8 threads deep, each 16 rows */

/* statistic[r][set], worked out once instead of for each element. */
static __global__ void prepare(struct nl_normalize op, struct nl_layout l, unsigned sets, struct nl_statistic *statistic)
{
    size_t at = nl_element();
    if (at < sets)
        statistic[(size_t)blockIdx.z * sets + at] =
            nl_statistic_of(nl_at((double *)op.mean, l.stride)[at], nl_at((double *)op.var, l.stride)[at], nl_own_or(op.eps, nl_at(op.hyper, l.stride)->norm_eps));
}

/* Column a of gamma: `columns` of them, `rows` elements each. part[r][chunk][2][columns]: sums of dy xhat and of dy over the chunk's rows. */
static __global__ void sets_gradients(struct nl_normalize op, struct nl_layout l, unsigned columns, unsigned rows, unsigned sets,
                                      const struct nl_statistic *statistic, double *part)
{
    __shared__ double sums[2][DEEP][COLUMNS];
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, chunk = blockIdx.x / tiles, chunks = gridDim.x / tiles;
    unsigned tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS, a = blockIdx.x % tiles * COLUMNS + tx;
    const float *x = (const float *)nl_at(op.x, l.stride), *dy = (const float *)nl_at(op.dy, l.stride),
                *y = op.residual ? (const float *)nl_at(op.y, l.stride) : NULL;
    float product = 0.0f, sum = 0.0f;
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
            product += grad * xhat;
            sum += grad;
        }
    }
    sums[0][ty][tx] = product;
    sums[1][ty][tx] = sum;
    __syncthreads();
    if (ty < 2 && a < columns) {
        double total = 0.0;
        for (unsigned i = 0; i < DEEP; i++)
            total += sums[ty][i][tx];
        part[(((size_t)blockIdx.z * chunks + chunk) * 2 + ty) * columns + a] = total;
    }
}

/* A warp a column: joins the chunks' sums. */
static __global__ void join_gradients(struct nl_normalize op, size_t stride, unsigned columns, unsigned chunks, const double *part)
{
    size_t a = nl_element() / 32;
    unsigned lane = threadIdx.x % 32;
    if (a >= columns)
        return;
    double product = 0.0, sum = 0.0;
    for (unsigned chunk = lane; chunk < chunks; chunk += 32) {
        const double *at = part + ((size_t)blockIdx.z * chunks + chunk) * 2 * columns + a;
        product += at[0];
        sum += at[columns];
    }
    product = nl_warp_sum(product);
    sum = nl_warp_sum(sum);
    if (lane != 0)
        return;
    ((float *)nl_at(op.dgamma, stride))[a] = (float)product;
    if (op.dbeta)
        ((float *)nl_at(op.dbeta, stride))[a] = (float)sum;
}

void nl_cuda_sets_gradients(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout)
{
    unsigned columns = (unsigned)op->affine_count, sets = nl_layout_sets(layout), replicas = (unsigned)run->replicas;
    unsigned rows = layout->elements ? (unsigned)run->samples : layout->all_rows, chunks = nl_blocks(rows, CHUNK);
    size_t parts = (size_t)replicas * chunks * 2 * columns;
    double *part = (double *)nl_cuda_scratch(parts * sizeof *part + (size_t)replicas * sets * sizeof(struct nl_statistic));
    struct nl_statistic *statistic = (struct nl_statistic *)(part + parts);
    NL_LAUNCH(prepare, nl_grid_over(run, sets), NL_THREADS, *op, *layout, sets, statistic);
    NL_LAUNCH(sets_gradients, dim3(nl_blocks(columns, COLUMNS) * chunks, 1, replicas), COLUMNS * DEEP, *op, *layout, columns, rows, sets, statistic, part);
    NL_LAUNCH(join_gradients, nl_grid_over(run, columns * 32), NL_THREADS, *op, run->stride, columns, chunks, part);
}
