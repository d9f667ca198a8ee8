/* Matrix products for linear.cu and conv.cu: C(m, n) = sum over k of A(m, k) B(k, n), in every replica, on the FFMA units.
 *
 * An operand is a type that says how four neighbouring elements are fetched, so that a convolution is the same product as a fully
 * connected layer (implicit GEMM: the patches are never written out):
 *
 *     along_k    its rows lie along k in memory: the four are (line, k .. k+3); else (line .. line+3, k)
 *     line(i)    what can be worked out once for row (or first row) i
 *     load       the four, with zeros beyond the operand
 *
 * A sum runs over k in order, one FMA after the other, whatever the tile: tiles are picked by speed alone. Where m and n are too
 * small to fill a device (gradients of weights) k is cut into chunks, whose number follows from the shape, never from the number of
 * replicas; the chunks' sums are joined in order by a second kernel.
 */
#ifndef NL_BACKEND_CUDA_GEMM_CUH
#define NL_BACKEND_CUDA_GEMM_CUH

#include "backend/cuda/cuda.h"

struct nl_gemm_size {
    int m, n, k, chunk; /* chunk: of k, a multiple of 16 */
};

/* Where the product goes: c(m, n) + bias; chunk s goes `part` elements further. sums(n) = sum over k of B(k, n), or NULL. */
struct nl_gemm_out {
    float *c, *sums;
    const float *bias; /* in the images, or NULL */
    size_t stride;     /* bytes from one replica's c to the next */
    size_t part;
};

/* A matrix whose rows lie along k: element (row, k) = at[row * pitch + k]. */
struct nl_along_k {
    static constexpr bool along_k = true;
    const float *at;
    int rows, k, pitch;
    bool vector; /* four can be fetched at once: pitch and address are multiples of four elements */

    typedef const float *line_type;
    __device__ line_type line(int row) const { return row < rows ? at + (size_t)row * pitch : NULL; }
    __device__ void load(line_type row, int from, float v[4]) const
    {
        for (int i = 0; i < 4; i++)
            v[i] = 0.0f;
        if (!row || from >= k)
            return;
        if (vector && from + 3 < k) {
            float4 four = *(const float4 *)(row + from);
            v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
        } else {
            for (int i = 0; i < 4; i++)
                if (from + i < k)
                    v[i] = row[from + i];
        }
    }
};

/* A matrix whose rows lie across k: element (line, k) = at[k * pitch + line]. */
struct nl_across_k {
    static constexpr bool along_k = false;
    const float *at;
    int lines, k, pitch;
    bool vector;

    typedef int line_type;
    __device__ line_type line(int first) const { return first; }
    __device__ void load(line_type first, int from, float v[4]) const
    {
        const float *row = at + (size_t)from * pitch + first;
        for (int i = 0; i < 4; i++)
            v[i] = 0.0f;
        if (from >= k)
            return;
        if (vector && first + 3 < lines) {
            float4 four = *(const float4 *)row;
            v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
        } else {
            for (int i = 0; i < 4; i++)
                if (first + i < lines)
                    v[i] = row[i];
        }
    }
};

/* Whether four neighbours can be fetched at once from rows of `pitch` floats. Images start at multiples of 64 bytes. */
static inline bool nl_fours(const void *at, int pitch)
{
    return (uintptr_t)at % 16 == 0 && pitch % 4 == 0;
}

/* A tile of one operand, EDGE x DEPTH, on its way from memory through registers to shared memory, laid out [k][edge]. */
template <class Operand, int EDGE, int DEPTH, int THREADS> struct nl_tile_loader {
    static constexpr int FOURS = EDGE * DEPTH / 4, EACH = (FOURS + THREADS - 1) / THREADS;
    typename Operand::line_type line[EACH];
    float value[EACH][4];

    static __device__ int edge_of(int four) { return Operand::along_k ? four / (DEPTH / 4) : four % (EDGE / 4) * 4; }
    static __device__ int depth_of(int four) { return Operand::along_k ? four % (DEPTH / 4) * 4 : four / (EDGE / 4); }

    __device__ void begin(const Operand &operand, int first)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
            line[i] = operand.line(first + edge_of((int)threadIdx.x + i * THREADS));
    }

    __device__ void fetch(const Operand &operand, int k)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int four = (int)threadIdx.x + i * THREADS;
            if (FOURS % THREADS == 0 || four < FOURS)
                operand.load(line[i], k + depth_of(four), value[i]);
        }
    }

    __device__ void put(float (*tile)[EDGE + 4]) const
    {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int four = (int)threadIdx.x + i * THREADS, edge = edge_of(four), depth = depth_of(four);
            if (FOURS % THREADS != 0 && four >= FOURS)
                continue;
#pragma unroll
            for (int e = 0; e < 4; e++)
                tile[Operand::along_k ? depth + e : depth][Operand::along_k ? edge : edge + e] = value[i][e];
        }
    }
};

/* Tile M x N of C by DEPTH of k; each thread TM x TN of it, in pieces of four columns (rows) that lie apart, so that a warp's
 * reads of shared memory meet no bank twice. Double-buffered: the next tile is fetched while this one is multiplied. */
template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class A, class B>
__global__ void __launch_bounds__(M / TM *N / TN) nl_gemm_kernel(A a, B b, struct nl_gemm_out out, struct nl_gemm_size size, size_t stride)
{
    constexpr int ACROSS = N / TN, THREADS = M / TM * ACROSS, LINE_M = M + 4, LINE_N = N + 4;
    __shared__ __align__(16) float tile_a[2][DEPTH][LINE_M], tile_b[2][DEPTH][LINE_N];
    int column_tiles = (size.n + N - 1) / N, chunk = blockIdx.y / column_tiles;
    int m0 = blockIdx.x * M, n0 = blockIdx.y % column_tiles * N, begin = chunk * size.chunk, end = min(begin + size.chunk, size.k);
    int tx = threadIdx.x % ACROSS, ty = threadIdx.x / ACROSS;
    a.at = nl_at(a.at, stride);
    b.at = nl_at(b.at, stride);

    nl_tile_loader<A, M, DEPTH, THREADS> loader_a;
    nl_tile_loader<B, N, DEPTH, THREADS> loader_b;
    loader_a.begin(a, m0);
    loader_b.begin(b, n0);
    loader_a.fetch(a, begin);
    loader_b.fetch(b, begin);
    loader_a.put(tile_a[0]);
    loader_b.put(tile_b[0]);
    __syncthreads();

    float sum[TM][TN], column[TN];
#pragma unroll
    for (int j = 0; j < TN; j++) {
        column[j] = 0.0f;
#pragma unroll
        for (int i = 0; i < TM; i++)
            sum[i][j] = 0.0f;
    }
    for (int k = begin, buffer = 0; k < end; k += DEPTH, buffer ^= 1) {
        bool more = k + DEPTH < end;
        if (more) {
            loader_a.fetch(a, k + DEPTH);
            loader_b.fetch(b, k + DEPTH);
        }
#pragma unroll
        for (int d = 0; d < DEPTH; d++) {
            float left[TM], right[TN];
#pragma unroll
            for (int i = 0; i < TM; i++)
                left[i] = tile_a[buffer][d][i / 4 * (M / (TM / 4)) + ty * 4 + i % 4];
#pragma unroll
            for (int j = 0; j < TN; j++)
                right[j] = tile_b[buffer][d][j / 4 * (N / (TN / 4)) + tx * 4 + j % 4];
#pragma unroll
            for (int j = 0; j < TN; j++) {
                if (SUMS)
                    column[j] += right[j];
#pragma unroll
                for (int i = 0; i < TM; i++)
                    sum[i][j] += left[i] * right[j];
            }
        }
        if (more) {
            loader_a.put(tile_a[buffer ^ 1]);
            loader_b.put(tile_b[buffer ^ 1]);
        }
        __syncthreads();
    }

    float *c = (float *)((char *)out.c + blockIdx.z * out.stride) + chunk * out.part;
    const float *bias = nl_at(out.bias, stride);
#pragma unroll
    for (int i = 0; i < TM; i++) {
        int row = m0 + i / 4 * (M / (TM / 4)) + ty * 4 + i % 4;
        if (row >= size.m)
            continue;
#pragma unroll
        for (int j = 0; j < TN; j++) {
            int to = n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
            if (to < size.n)
                c[(size_t)row * size.n + to] = bias ? sum[i][j] + bias[to] : sum[i][j];
        }
    }
    if (SUMS && blockIdx.x == 0 && ty == 0) {
        float *sums = (float *)((char *)out.sums + blockIdx.z * out.stride) + chunk * out.part;
#pragma unroll
        for (int j = 0; j < TN; j++) {
            int to = n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
            if (to < size.n)
                sums[to] = column[j];
        }
    }
}

template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class A, class B>
static void nl_gemm_launch(const struct nl_run *run, const A &a, const B &b, const struct nl_gemm_out &out, const struct nl_gemm_size &size)
{
    unsigned chunks = nl_blocks(size.k, size.chunk);
    dim3 grid(nl_blocks(size.m, M), nl_blocks(size.n, N) * chunks, (unsigned)run->replicas);
    NL_LAUNCH((nl_gemm_kernel<M, N, DEPTH, TM, TN, SUMS, A, B>), grid, M / TM * N / TN, a, b, out, size, run->stride);
}

/* Large tiles where there are enough of them to fill a device, else small ones. */
enum { NL_ENOUGH_BLOCKS = 128 };

template <bool SUMS, class A, class B>
static void nl_gemm(const struct nl_run *run, const A &a, const B &b, const struct nl_gemm_out &out, const struct nl_gemm_size &size)
{
    size_t blocks = (size_t)nl_blocks(size.m, 128) * nl_blocks(size.n, 64) * nl_blocks(size.k, size.chunk) * run->replicas;
    if (size.m <= 32 || blocks < NL_ENOUGH_BLOCKS)
        nl_gemm_launch<32, 32, 16, 4, 4, SUMS>(run, a, b, out, size);
    else if (size.n > 32)
        nl_gemm_launch<128, 64, 8, 8, 8, SUMS>(run, a, b, out, size);
    else if (size.n > 16)
        nl_gemm_launch<128, 32, 8, 8, 4, SUMS>(run, a, b, out, size);
    else
        nl_gemm_launch<128, 16, 8, 4, 4, SUMS>(run, a, b, out, size);
}

/* y = A B + bias, into the images. */
template <class A, class B>
static void nl_gemm_forward(const struct nl_run *run, const A &a, const B &b, void *y, const void *bias, int m, int n, int k)
{
    struct nl_gemm_out out = {(float *)y, NULL, (const float *)bias, run->stride, 0};
    struct nl_gemm_size size = {m, n, k, (k + 15) / 16 * 16};
    nl_gemm<false>(run, a, b, out, size);
}

/* c[e] = sum over parts of part[s][e], e < count; those from `first_sums` on go to sums. */
static __global__ void nl_gemm_join(const float *part, int parts, size_t count, size_t first_sums, float *c, float *sums, size_t stride)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *from = part + (size_t)blockIdx.z * parts * count + at;
    float sum = 0.0f;
    for (int s = 0; s < parts; s++)
        sum += from[(size_t)s * count];
    if (at < first_sums)
        nl_at(c, stride)[at] = sum;
    else
        nl_at(sums, stride)[at - first_sums] = sum;
}

/* dw = A B, and db = the column sums of B unless it is NULL: k runs over samples (and positions), and is cut. */
template <class A, class B>
static void nl_gemm_weights(const struct nl_run *run, const A &a, const B &b, void *dw, void *db, int m, int n, int k)
{
    enum { SHORTEST = 128 }; /* a chunk */
    size_t tiles = (size_t)nl_blocks(m, 128) * nl_blocks(n, 64), wanted = (NL_ENOUGH_BLOCKS + tiles - 1) / tiles;
    int chunk = (int)(((size_t)k + wanted - 1) / wanted);
    chunk = ((chunk < SHORTEST ? (int)SHORTEST : chunk) + 15) / 16 * 16;
    int parts = (k + chunk - 1) / chunk;
    size_t count = (size_t)m * n + (db ? n : 0);
    struct nl_gemm_size size = {m, n, k, chunk};
    struct nl_gemm_out out = {(float *)dw, (float *)db, NULL, run->stride, 0};
    if (parts > 1) {
        float *part = (float *)nl_cuda_scratch((size_t)run->replicas * parts * count * sizeof *part);
        out = {part, part + (size_t)m * n, NULL, parts * count * sizeof *part, count};
    }
    if (db)
        nl_gemm<true>(run, a, b, out, size);
    else
        nl_gemm<false>(run, a, b, out, size);
    if (parts > 1)
        NL_LAUNCH(nl_gemm_join, nl_grid_over(run, count), NL_THREADS, out.c, parts, count, (size_t)m * n, (float *)dw, (float *)db, run->stride);
}

#endif
