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

/* A block's part of the product: rows from m0, columns from n0, and which chunk of k. */
struct nl_gemm_part {
    int m0, n0, chunk, begin, end;
};

template <int M, int N> static __device__ struct nl_gemm_part nl_gemm_part_of(const struct nl_gemm_size &size)
{
    int column_tiles = (size.n + N - 1) / N, chunk = blockIdx.y / column_tiles, begin = chunk * size.chunk;
    return {(int)blockIdx.x * M, (int)blockIdx.y % column_tiles * N, chunk, begin, min(begin + size.chunk, size.k)};
}

template <int M, int N> static dim3 nl_gemm_grid(const struct nl_run *run, const struct nl_gemm_size &size)
{
    return dim3(nl_blocks(size.m, M), nl_blocks(size.n, N) * nl_blocks(size.k, size.chunk), (unsigned)run->replicas);
}

/* Large tiles where there are enough of them to fill a device, else small ones. */
enum { NL_ENOUGH_BLOCKS = 128 };

static inline bool nl_gemm_is_large(const struct nl_run *run, const struct nl_gemm_size &size)
{
    size_t blocks = (size_t)nl_blocks(size.m, 128) * nl_blocks(size.n, 64) * nl_blocks(size.k, size.chunk) * run->replicas;
    return size.m > 32 && blocks >= NL_ENOUGH_BLOCKS;
}

/* Where the block's replica and chunk have their numbers. */
static __device__ inline float *nl_gemm_place(float *first, const struct nl_gemm_out &out, int chunk)
{
    return (float *)((char *)first + blockIdx.z * out.stride) + chunk * out.part;
}

#endif
