/* What a block of threads does with the steps of a replica that fit its shared memory (one_launch.cu): the list of
 * calls as it takes it, and the calls themselves. */
#ifndef NL_BACKEND_CUDA_ONE_LAUNCH_CUH
#define NL_BACKEND_CUDA_ONE_LAUNCH_CUH

#include "backend/cuda/ends.cuh"
#include "backend/cuda/normalize_columns.cuh"
#include "backend/cuda/normalize_sets.cuh"
#include "backend/cuda/pointwise.cuh"
#include "backend/cuda/update.cuh"
#include "operation/linear.h"

/* What a call is. */
enum kind {
    ACTIVATE,
    ACTIVATE_BACK,
    ADD,
    ADD_BACK,
    CROSS_ENTROPY,
    DROPOUT,
    DROPOUT_BACK,
    LINEAR,
    LINEAR_BACK,
    COLUMNS_FORWARD,
    COLUMNS_BACK,
    SETS_FORWARD,
    SETS_BACK,
    SQUARED_ERROR,
};

/* The arguments of a normalizer: over the batch, or by sets within samples. */
struct by_columns {
    struct nl_normalize op;
    struct nl_layout layout;
    struct nl_columns::tile tile;
};

struct by_sets {
    struct nl_normalize op;
    struct nl_layout layout;
    unsigned sets;
    bool vector;
};

struct encoded_call {
    enum kind kind;
    unsigned first; /* word of its arguments */
};

/* Eight bytes of arguments. */
struct word {
    uint64_t value;
    uint64_t is_place; /* 1: bytes from `begin`, to become an address in the room */
};

enum { MOST_CALLS = 128 }; /* more are deep networks, which do not fit */

/* A step, as the kernel takes it. The room in shared memory: what a replica's state has from `begin` on, the calls'
 * arguments, and what a call needs beside them. */
struct encoded_step {
    size_t stride;       /* from one replica's state to the next */
    const char *begin;   /* in replica 0's state */
    unsigned kept, size; /* bytes of it: those that outlive a step, and all */
    unsigned
        words; /* of arguments, of eight bytes; an even number, so that what comes after them is fetched by fours */
    const struct word *word;
    struct nl_gather gather;
    struct nl_update update;
    int samples;
    enum nl_statistics statistics;
    int calls;
    struct encoded_call call[MOST_CALLS];
};

/* What lies in shared memory is fetched from there, without asking where it is. */
template <typename T> static __device__ inline T *in_shared(T *place)
{
#ifdef __CUDACC__
    __builtin_assume(__isShared(place));
#endif
    return place;
}

static __device__ inline void fetch_four(const float *from, float to[4])
{
    float4 four = *(const float4 *)from;
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

static __device__ inline bool in_fours(const float *at, int line)
{
    return (uintptr_t)at % 16 == 0 && line % 4 == 0;
}

/* What a thread multiplies: rows of A from m0, columns of b from n0. A is a (m, k), or, where it is TURNED, the
 * transpose of a (k, m); b (k, n) has rows `line` apart. Past the end of either come its last ones, for nothing. */
struct factors {
    const float *a, *b;
    int m, n, k, line, m0, n0;
};

/* Adds ROWS x 4 elements of A b up, over k in order, one FMA after the other. FOURS_A, FOURS_B: four neighbours can be
 * fetched at once. */
template <int ROWS, bool TURNED, bool FOURS_A, bool FOURS_B>
static __device__ inline void add_products(const struct factors &f, float sum[ROWS][4])
{
    constexpr int STEP = FOURS_A && !TURNED ? 4 : 1;
    const float *a[ROWS], *b[4];
#pragma unroll
    for (int i = 0; i < ROWS; i++)
        a[i] = f.a + min(f.m0 + i, f.m - 1) * (TURNED ? 1 : f.k);
#pragma unroll
    for (int j = 0; j < 4; j++)
        b[j] = f.b + min(f.n0 + j, f.n - 1);
#pragma unroll(STEP == 4 ? 2 : 4)
    for (int from = 0; from < f.k; from += STEP) {
        float left[ROWS][4], right[STEP][4]; /* left: along what is contiguous in a */
#pragma unroll
        for (int i = 0; i < (FOURS_A && TURNED ? 1 : ROWS); i++) {
            const float *at = a[i] + from * (TURNED ? f.m : 1);
            if (FOURS_A)
                fetch_four(at, left[i]);
            else
                left[i][0] = *at;
        }
#pragma unroll
        for (int d = 0; d < STEP; d++) {
            if (FOURS_B)
                fetch_four(b[0] + (from + d) * f.line, right[d]);
#pragma unroll
            for (int j = 0; !FOURS_B && j < 4; j++)
                right[d][j] = b[j][(from + d) * f.line];
        }
#pragma unroll
        for (int d = 0; d < STEP; d++)
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[i][j] += (FOURS_A && TURNED ? left[0][i] : left[i][d]) * right[d][j];
    }
}

/* c (m, n) = A b + bias, or that added to what is there. */
template <int ROWS, bool TURNED>
static __device__ void multiply(const float *a, const float *b, float *c, const float *bias, bool adds, int m, int n,
                                int k, int line)
{
    const int across = (n + 3) / 4, tiles = (m + ROWS - 1) / ROWS * across;
    c = in_shared(c);
    for (int tile = threadIdx.x; tile < tiles; tile += blockDim.x) {
        const struct factors f = {in_shared(a), in_shared(b), m, n, k, line, tile / across * ROWS, tile % across * 4};
        const bool fours_a = in_fours(a, TURNED ? m : k) && (!TURNED || (ROWS == 4 && f.m0 + 4 <= m)),
                   fours_b = in_fours(b, line) && f.n0 + 4 <= n;
        float sum[ROWS][4] = {};
        if (fours_a && fours_b)
            add_products<ROWS, TURNED, true, true>(f, sum);
        else if (fours_a)
            add_products<ROWS, TURNED, true, false>(f, sum);
        else
            add_products<ROWS, TURNED, false, false>(f, sum);
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                if (f.m0 + i < m && f.n0 + j < n) {
                    float *to = c + (f.m0 + i) * n + f.n0 + j, value = bias ? sum[i][j] + bias[f.n0 + j] : sum[i][j];
                    *to = adds ? *to + value : value;
                }
    }
}

static __device__ void linear(const struct nl_linear &op, int samples)
{
    multiply<2, false>((const float *)op.x, (const float *)op.w, (float *)op.y, (const float *)op.b, false,
                       samples * op.positions, op.out, op.in, op.out);
}

/* Floats from one row of the turned w to the next, such that a warp's reads of it meet different banks. */
static __host__ __device__ inline int turned_line(const struct nl_linear &op)
{
    return op.in + 4;
}

/* room: of w turned (O, I). */
static __device__ void linear_back(const struct nl_linear &op, int samples, float *room)
{
    int rows = samples * op.positions, in = op.in, out = op.out, line = turned_line(op);
    const float *dy = in_shared((const float *)op.dy), *w = in_shared((const float *)op.w);
    for (int i = threadIdx.x / 32; op.dx && i < in; i += blockDim.x / 32)
        for (int o = threadIdx.x % 32; o < out; o += 32)
            room[o * line + i] = w[i * out + o];
    __syncthreads();
    if (op.dx)
        multiply<2, false>(dy, room, (float *)op.dx, NULL, op.adds, rows, in, out, line);
    if (op.dw)
        multiply<4, true>((const float *)op.x, dy, (float *)op.dw, NULL, false, in, out, rows, out);
    for (int o = threadIdx.x; op.db && o < out; o += blockDim.x) {
        float sum = 0.0f;
        for (int row = 0; row < rows; row++)
            sum += dy[row * out + o];
        ((float *)op.db)[o] = sum;
    }
}

static __device__ void columns_forward(const struct by_columns &call, enum nl_statistics statistics)
{
    for (unsigned across = 0; across < call.tile.tiles; across++)
        nl_columns::forward<NL_THREADS>(call.op, call.layout, call.tile, statistics, across);
    __syncthreads();
    if (threadIdx.x == 0)
        nl_columns::advance(call.op, call.layout, statistics, call.tile.slices, call.layout.all_rows);
}

/* Set after set, by warps. */
#define FOR_SETS(call) for (unsigned set = threadIdx.x / 32; set < (call).sets; set += blockDim.x / 32)

static __device__ void sets_forward(const struct by_sets &call)
{
    FOR_SETS(call)
    if (call.vector)
        set_forward<4, true>(call.op, call.layout, nl_warp(), set);
    else
        set_forward<1, true>(call.op, call.layout, nl_warp(), set);
}

/* room: of a statistic for each set. */
static __device__ void sets_back(const struct by_sets &call, struct nl_statistic *room)
{
    const struct nl_normalize &op = call.op;
    const struct nl_layout &l = call.layout;
    unsigned columns = (unsigned)op.affine_count, rows = l.elements ? l.all_rows / l.positions : l.all_rows;
    for (unsigned set = threadIdx.x; columns > 0 && set < call.sets; set += blockDim.x)
        room[set] = statistic_of(op, l, set);
    __syncthreads();
    for (unsigned tile = 0; tile * COLUMNS < columns; tile++) {
        double product, sum;
        unsigned a = tile * COLUMNS + threadIdx.x;
        sum_column(op, l, columns, rows, tile, 0, room, &product, &sum);
        if (threadIdx.x >= COLUMNS || a >= columns)
            continue;
        ((float *)op.dgamma)[a] = (float)product;
        if (op.dbeta)
            ((float *)op.dbeta)[a] = (float)sum;
    }
    __syncthreads(); /* dx may lie where dy does */
    FOR_SETS(call)
    if (op.dx || op.residual) {
        if (call.vector)
            set_backward<4, true, false, 32>(op, l, nl_warp(), set, {});
        else
            set_backward<1, true, false, 32>(op, l, nl_warp(), set, {});
    }
}

#define FOR_ELEMENTS(count) for (size_t at = threadIdx.x; at < (count); at += blockDim.x)

static __device__ void make_call(const struct encoded_step &step, enum kind kind, const char *arguments, char *room,
                                 const struct nl_cuda_moment *now)
{
    size_t samples = (size_t)step.samples;
    bool training = nl_is_step(step.statistics);
    switch (kind) {
    case ACTIVATE: {
        const struct nl_activate &op = *(const struct nl_activate *)arguments;
        FOR_ELEMENTS(samples * op.count)
        activate_element(op, 0, at);
        return;
    }
    case ACTIVATE_BACK: {
        const struct nl_activate &op = *(const struct nl_activate *)arguments;
        FOR_ELEMENTS(samples * op.count)
        activate_element_back(op, 0, at);
        return;
    }
    case ADD: {
        const struct nl_add &op = *(const struct nl_add *)arguments;
        FOR_ELEMENTS(samples * op.height * op.width * op.channels)
        add_element(op, 0, at);
        return;
    }
    case ADD_BACK: {
        const struct nl_add &op = *(const struct nl_add *)arguments;
        FOR_ELEMENTS(add_elements_back(op, step.samples))
        add_element_back(op, 0, samples * op.height * op.width * op.channels, at);
        return;
    }
    case CROSS_ENTROPY:
        block_cross_entropy(*(const struct nl_cross_entropy *)arguments, 0, step.samples, step.statistics, now);
        return;
    case DROPOUT: {
        const struct nl_dropout &op = *(const struct nl_dropout *)arguments;
        FOR_ELEMENTS(samples * op.count)
        drop_element(op, op.x, op.y, 0, 0, training, now->step, at);
        return;
    }
    case DROPOUT_BACK: {
        const struct nl_dropout &op = *(const struct nl_dropout *)arguments;
        FOR_ELEMENTS(samples * op.count)
        drop_element(op, op.dy, op.dx, 0, 0, training, now->step, at);
        return;
    }
    case LINEAR:
        linear(*(const struct nl_linear *)arguments, step.samples);
        return;
    case LINEAR_BACK:
        linear_back(*(const struct nl_linear *)arguments, step.samples, (float *)room);
        return;
    case COLUMNS_FORWARD:
        columns_forward(*(const struct by_columns *)arguments, step.statistics);
        return;
    case COLUMNS_BACK: {
        const struct by_columns &call = *(const struct by_columns *)arguments;
        for (unsigned across = 0; across < call.tile.tiles; across++)
            nl_columns::backward<NL_THREADS>(call.op, call.layout, call.tile, step.statistics, across);
        return;
    }
    case SETS_FORWARD:
        sets_forward(*(const struct by_sets *)arguments);
        return;
    case SETS_BACK:
        sets_back(*(const struct by_sets *)arguments, (struct nl_statistic *)room);
        return;
    case SQUARED_ERROR:
        block_squared_error(*(const struct nl_squared_error *)arguments, 0, step.samples, now);
        return;
    }
}

/* Elements that a thread fetches before it writes the first. */
enum { AT_ONCE = 4 };
#define FOR_SOME(from, count) \
    _Pragma("unroll") for (unsigned i = 0, at = (from); i < AT_ONCE; i++, at += blockDim.x) if (at < (count))

/* The place in the room of one in replica 0's state; NULL stays NULL. */
template <typename T> static __device__ inline T *brought(const struct encoded_step &step, char *room, T *place)
{
    return place ? (T *)(room + ((const char *)place - step.begin)) : (T *)nullptr;
}

static __device__ void gather_batch(const struct encoded_step &step, char *room, const int32_t *index)
{
    const struct nl_gather &op = step.gather;
    unsigned samples = (unsigned)step.samples, channels = (unsigned)op.channels,
             image = (unsigned)(op.height * op.width) * channels;
    float *x = (float *)brought(step, room, (char *)op.x);
    for (unsigned from = threadIdx.x; x && from < samples * image;
         from += AT_ONCE * blockDim.x) { /* nothing is fetched past a write */
        float value[AT_ONCE];
        FOR_SOME(from, samples * image)
        value[i] = sample_value(op, step.stride, (size_t)index[at / image] * image + at % image, at % image % channels);
        FOR_SOME(from, samples * image)
        x[at] = value[i];
    }
    for (int i = 0; i < op.rows; i++) {
        unsigned width = (unsigned)op.row[i].width;
        uint32_t *to = (uint32_t *)brought(step, room, (char *)op.row[i].to);
        for (unsigned at = threadIdx.x; at < samples * width; at += blockDim.x)
            to[at] = row_of_sample(op.row[i], step.stride, index[at / width])[at % width];
    }
}

/* By a block of NL_THREADS. */
static __device__ void make_update(const struct nl_update &op, int64_t before)
{
    __shared__ double part[NL_NORM_BLOCKS];
    __shared__ struct scalars shared;
    int parts = nl_norm_parts(op.count);
    for (int share = 0; op.clips && share < parts; share++) {
        double sum = squares_of_share((const float *)op.grad, op.count, (unsigned)share, (unsigned)parts);
        if (threadIdx.x == 0)
            part[share] = sum;
    }
    if (threadIdx.x == 0)
        shared = scalars_of(op, op.hyper, (double)before + 1, part, parts);
    __syncthreads();
    const struct scalars s = shared;
    for (unsigned from = threadIdx.x; from < op.count; from += AT_ONCE * blockDim.x) {
        struct parameter p[AT_ONCE];
        FOR_SOME(from, op.count)
        p[i] = fetch_parameter(op, 0, at);
        FOR_SOME(from, op.count)
        put_parameter(op, 0, at, stepped(op, s, at < op.decayed, p[i]));
    }
}

/* Both of 16 bytes, at multiples of them. */
static __device__ void copy(const char *from, char *to, unsigned bytes)
{
    for (unsigned at = threadIdx.x * 16; at < bytes; at += blockDim.x * 16)
        *(float4 *)(to + at) = *(const float4 *)(from + at);
}

/* A block a replica: steps from `before` on. rates: (steps) in the state, or NULL. */
static __global__ void __launch_bounds__(NL_THREADS, 1)
    run_steps(const struct encoded_step step, int64_t before, const int32_t *index, struct nl_loss_sums *sums,
              const struct nl_hyper *rates, int steps)
{
    NL_ROOM(room);
    __shared__ struct nl_cuda_moment now;
    uint64_t *words = (uint64_t *)(room + step.size);
    char *scratch = (char *)(words + step.words), *state = nl_at((char *)step.begin, step.stride);
    struct nl_update op = step.update;
    op.w = brought(step, room, (char *)op.w), op.grad = brought(step, room, (char *)op.grad);
    op.first = brought(step, room, (char *)op.first), op.second = brought(step, room, (char *)op.second);
    struct nl_hyper *hyper = (struct nl_hyper *)brought(step, room, (char *)op.hyper);
    op.hyper = hyper;
    index = nl_at(index, step.stride);
    copy(state, room, step.kept);
    for (unsigned i = threadIdx.x; i < step.words; i += blockDim.x)
        words[i] = step.word[i].value + step.word[i].is_place * (uint64_t)(uintptr_t)room;
    __syncthreads();
    for (int s = 0; s < steps; s++) {
        if (threadIdx.x == 0)
            now = {before + s, 0, 0, NULL, nl_at(sums, step.stride) + s};
        if (threadIdx.x == 0 && rates)
            *hyper = nl_at(rates, step.stride)[s];
        gather_batch(step, room, index + (size_t)s * step.samples);
        __syncthreads();
        for (int i = 0; i < step.calls; i++) {
            make_call(step, step.call[i].kind, (const char *)(words + step.call[i].first), scratch, &now);
            __syncthreads();
        }
        make_update(op, before + s);
        __syncthreads();
    }
    copy(room, state, step.kept);
}

#endif
