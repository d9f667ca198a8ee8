/* What a matrix product reads and writes: operands, tiles of them on their way to shared memory, and where the product goes.
 *
 * An operand is a type that says how four neighbouring elements are fetched, so that a convolution is the same product as a fully
 * connected layer (implicit GEMM: the patches are never written out):
 *
 *     along_k    its rows lie along k in memory: the four are (line, k .. k+3); else (line .. line+3, k)
 *     line(i)    what can be worked out once for row (or first row) i
 *     load       the four, with zeros beyond the operand
 */
#ifndef NL_BACKEND_CUDA_GEMM_OPERANDS_CUH
#define NL_BACKEND_CUDA_GEMM_OPERANDS_CUH

#include "backend/cuda/cuda.h"

struct nl_gemm_size {
    int m, n, k, chunk; /* chunk: of k, a multiple of 16 */
};

/* Where the product goes: c(m, n) + bias, and sums(n) = sum over k of B(k, n), or NULL. Where k is cut, a chunk's product goes first to
 * parts[r][chunk][m n + n], and the last one of a tile to be done joins them. */
struct nl_gemm_out {
    float *c, *sums;
    const float *bias; /* or NULL */
    float *parts;      /* scratch, or NULL */
    size_t part;       /* elements of a chunk's */
    unsigned *tickets; /* [r][tile], with parts */
};

/* C = A B. */
template <class A, class B> struct nl_product {
    A a;
    B b;
    struct nl_gemm_out out;
    struct nl_gemm_size size;
};

/* Whether four neighbours can be fetched at once from dense rows of so many floats. Images start at multiples of 64 bytes. */
static inline bool nl_fours(const void *at, int columns)
{
    return (uintptr_t)at % 16 == 0 && columns % 4 == 0;
}

/* A dense matrix (rows, k). */
struct nl_along_k {
    static constexpr bool along_k = true;
    const float *at;
    int rows, k;
    bool vector; /* four can be fetched at once */

    typedef const float *line_type;
    __device__ line_type line(int row) const { return row < rows ? at + (size_t)row * k : NULL; }
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

static inline struct nl_along_k nl_along(const void *at, int rows, int k)
{
    return {(const float *)at, rows, k, nl_fours(at, k)};
}

/* A dense matrix (k, lines). */
struct nl_across_k {
    static constexpr bool along_k = false;
    const float *at;
    int lines, k;
    bool vector;

    typedef int line_type;
    __device__ line_type line(int first) const { return first; }
    __device__ void load(line_type first, int from, float v[4]) const
    {
        const float *row = at + (size_t)from * lines + first;
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

static inline struct nl_across_k nl_across(const void *at, int lines, int k)
{
    return {(const float *)at, lines, k, nl_fours(at, lines)};
}

/* A tile of one operand, EDGE x DEPTH, on its way from memory through registers to shared memory. */
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

    /* store(edge, k, four): of the tile; along_k says where the other three are. */
    template <class Store> __device__ void put(Store store) const
    {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int four = (int)threadIdx.x + i * THREADS;
            if (FOURS % THREADS == 0 || four < FOURS)
                store(edge_of(four), depth_of(four), value[i]);
        }
    }
};

/* A block's part of the product: rows from m0, columns from n0, which tile that is, and which chunk of k. */
struct nl_gemm_part {
    int m0, n0, chunk, begin, end;
    unsigned tile, tiles, chunks;
};

/* Of block (x, y) of the grid below. */
template <int M, int N> static __device__ struct nl_gemm_part nl_gemm_part_of(const struct nl_gemm_size &size, unsigned x, unsigned y)
{
    unsigned row_tiles = (size.m + M - 1) / M, column_tiles = (size.n + N - 1) / N, column = y % column_tiles;
    int chunk = y / column_tiles, begin = chunk * size.chunk;
    return {(int)x * M, (int)column * N, chunk, begin, min(begin + size.chunk, size.k), x * column_tiles + column, row_tiles * column_tiles,
            (unsigned)((size.k + size.chunk - 1) / size.chunk)};
}

template <int M, int N> static dim3 nl_gemm_grid(const struct nl_run *run, const struct nl_gemm_size &size)
{
    return dim3(nl_blocks(size.m, M), nl_blocks(size.n, N) * nl_blocks(size.k, size.chunk), (unsigned)run->replicas);
}

/* Large tiles where there are enough of them to fill a device, else small ones: one for each multiprocessor of an H100. */
enum { NL_ENOUGH_BLOCKS = 132 };

static inline bool nl_gemm_is_large(const struct nl_run *run, const struct nl_gemm_size &size)
{
    size_t blocks = (size_t)nl_blocks(size.m, 128) * nl_blocks(size.n, 64) * nl_blocks(size.k, size.chunk) * run->replicas;
    return size.m > 32 && blocks >= NL_ENOUGH_BLOCKS;
}

/* Where a chunk's numbers lie in this replica's parts: c, and the column sums after it. */
static __device__ inline float *nl_gemm_chunk(const struct nl_gemm_out &out, const struct nl_gemm_size &size, int chunk)
{
    size_t chunks = (size.k + size.chunk - 1) / size.chunk;
    return out.parts + (blockIdx.z * chunks + chunk) * out.part;
}

/* Ends a block whose chunk is in its place: the last one of the tile adds all chunks, in order. */
template <int M, int N> static __device__ void nl_gemm_join(const struct nl_gemm_out &out, const struct nl_gemm_size &size, const struct nl_gemm_part &part, size_t stride)
{
    unsigned chunks = part.chunks;
    if (!nl_last_block(&out.tickets[blockIdx.z * part.tiles + part.tile], chunks))
        return;
    const float *first = nl_gemm_chunk(out, size, 0);
    float *c = nl_at(out.c, stride), *sums = nl_at(out.sums, stride);
    bool vector = size.n % 4 == 0 && (uintptr_t)c % 16 == 0;
    for (int at = threadIdx.x * 4; at < M * N; at += blockDim.x * 4) {
        int row = part.m0 + at / N, column = part.n0 + at % N;
        if (row >= size.m || column >= size.n)
            continue;
        size_t place = (size_t)row * size.n + column;
        if (vector) {
            float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
            for (unsigned s = 0; s < chunks; s++) {
                float4 four = *(const float4 *)(first + s * out.part + place);
                sum.x += four.x, sum.y += four.y, sum.z += four.z, sum.w += four.w;
            }
            *(float4 *)(c + place) = sum;
        } else {
            for (int e = 0; e < 4 && column + e < size.n; e++) {
                float sum = 0.0f;
                for (unsigned s = 0; s < chunks; s++)
                    sum += first[s * out.part + place + e];
                c[place + e] = sum;
            }
        }
    }
    for (int n = part.n0 + threadIdx.x; sums && part.m0 == 0 && n < min(part.n0 + N, size.n); n += blockDim.x) {
        float sum = 0.0f;
        for (unsigned s = 0; s < chunks; s++)
            sum += first[s * out.part + (size_t)size.m * size.n + n];
        sums[n] = sum;
    }
}

#endif
