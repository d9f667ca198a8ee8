/* Matrix products in float32 on the FFMA units. A sum runs over k in order, one FMA after the other, whatever the tile. */
#ifndef NL_BACKEND_CUDA_GEMM_FFMA_CUH
#define NL_BACKEND_CUDA_GEMM_FFMA_CUH

#include "backend/cuda/gemm_operands.cuh"

/* Puts four elements of an operand into its tile, laid out [k][edge]. */
template <class Operand, int LINE> static __device__ auto nl_ffma_store(float (*tile)[LINE])
{
    return [=](int edge, int k, const float v[4]) {
#pragma unroll
        for (int e = 0; e < 4; e++)
            tile[Operand::along_k ? k + e : k][Operand::along_k ? edge : edge + e] = v[e];
    };
}

/* Writes a thread's column sums, of `count` columns in all; n0: the tile's first, tx: the thread's place across the tile. */
template <int N, int TN> static __device__ __forceinline__ void nl_ffma_write_sums(const float (&column)[TN], float *sums, int n0, int count, int tx)
{
#pragma unroll
    for (int j = 0; j < TN; j++) {
        int to = n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
        if (to < count)
            sums[to] = column[j];
    }
}

/* Block (x, y) of a product: tile M x N of C by DEPTH of k; each thread TM x TN of it, in pieces of four columns (rows) that lie apart, so that a warp's
 * reads of shared memory meet no bank twice. Double-buffered: the next tile is fetched while this one is multiplied. */
template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class A, class B>
static __device__ __forceinline__ void nl_ffma_block(A a, B b, const struct nl_gemm_out &out, const struct nl_gemm_size &size, size_t stride, unsigned x, unsigned y)
{
    constexpr int ACROSS = N / TN, THREADS = M / TM * ACROSS, LINE_M = M + 4, LINE_N = N + 4;
    __shared__ __align__(16) float tile_a[2][DEPTH][LINE_M], tile_b[2][DEPTH][LINE_N];
    struct nl_gemm_part part = nl_gemm_part_of<M, N>(size, x, y);
    int tx = threadIdx.x % ACROSS, ty = threadIdx.x / ACROSS;
    a.at = nl_at(a.at, stride);
    b.at = nl_at(b.at, stride);

    nl_tile_loader<A, M, DEPTH, THREADS> loader_a;
    nl_tile_loader<B, N, DEPTH, THREADS> loader_b;
    loader_a.begin(a, part.m0);
    loader_b.begin(b, part.n0);
    loader_a.fetch(a, part.begin);
    loader_b.fetch(b, part.begin);
    loader_a.put(nl_ffma_store<A>(tile_a[0]));
    loader_b.put(nl_ffma_store<B>(tile_b[0]));
    __syncthreads();

    float sum[TM][TN], column[TN];
#pragma unroll
    for (int j = 0; j < TN; j++) {
        column[j] = 0.0f;
#pragma unroll
        for (int i = 0; i < TM; i++)
            sum[i][j] = 0.0f;
    }
    for (int k = part.begin, buffer = 0; k < part.end; k += DEPTH, buffer ^= 1) {
        bool more = k + DEPTH < part.end;
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
            loader_a.put(nl_ffma_store<A>(tile_a[buffer ^ 1]));
            loader_b.put(nl_ffma_store<B>(tile_b[buffer ^ 1]));
        }
        __syncthreads();
    }

    float *c = out.parts ? nl_gemm_chunk(out, size, part.chunk) : nl_at(out.c, stride);
    const float *bias = nl_at(out.bias, stride);
#pragma unroll
    for (int i = 0; i < TM; i++) {
        int row = part.m0 + i / 4 * (M / (TM / 4)) + ty * 4 + i % 4;
        if (row >= size.m)
            continue;
#pragma unroll
        for (int j = 0; j < TN; j++) {
            int to = part.n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
            if (to < size.n)
                c[(size_t)row * size.n + to] = bias ? sum[i][j] + bias[to] : sum[i][j];
        }
    }
    if (SUMS && part.m0 == 0 && ty == 0)
        nl_ffma_write_sums<N>(column, out.parts ? c + (size_t)size.m * size.n : nl_at(out.sums, stride), part.n0, size.n, tx);
    if (out.parts)
        nl_gemm_join<M, N>(out, size, part, stride);
}

template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class A, class B>
__global__ void __launch_bounds__(M / TM *N / TN) nl_ffma_kernel(A a, B b, struct nl_gemm_out out, struct nl_gemm_size size, size_t stride)
{
    nl_ffma_block<M, N, DEPTH, TM, TN, SUMS>(a, b, out, size, stride, blockIdx.x, blockIdx.y);
}

/* Two products in one launch, in small tiles: the blocks of the first, then those of the second. */
template <bool SUMS, class A, class B, class C, class D>
__global__ void __launch_bounds__(64) nl_ffma_pair_kernel(struct nl_product<A, B> first, struct nl_product<C, D> second, unsigned first_blocks, size_t stride)
{
    unsigned block = blockIdx.x, rows;
    if (block < first_blocks) {
        rows = (first.size.m + 31) / 32;
        nl_ffma_block<32, 32, 16, 4, 4, SUMS>(first.a, first.b, first.out, first.size, stride, block % rows, block / rows);
    } else {
        block -= first_blocks;
        rows = (second.size.m + 31) / 32;
        nl_ffma_block<32, 32, 16, 4, 4, false>(second.a, second.b, second.out, second.size, stride, block % rows, block / rows);
    }
}

template <bool SUMS, class A, class B, class C, class D>
static void nl_ffma_pair(const struct nl_run *run, const struct nl_product<A, B> &first, const struct nl_product<C, D> &second)
{
    dim3 one = nl_gemm_grid<32, 32>(run, first.size), other = nl_gemm_grid<32, 32>(run, second.size);
    NL_LAUNCH((nl_ffma_pair_kernel<SUMS, A, B, C, D>), dim3(one.x * one.y + other.x * other.y, 1, one.z), 64, first, second, one.x * one.y, run->stride);
}

template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class A, class B>
static void nl_ffma_launch(const struct nl_run *run, const A &a, const B &b, const struct nl_gemm_out &out, const struct nl_gemm_size &size)
{
    NL_LAUNCH((nl_ffma_kernel<M, N, DEPTH, TM, TN, SUMS, A, B>), (nl_gemm_grid<M, N>(run, size)), M / TM * N / TN, a, b, out, size, run->stride);
}

template <bool SUMS, class A, class B>
static void nl_ffma(const struct nl_run *run, const A &a, const B &b, const struct nl_gemm_out &out, const struct nl_gemm_size &size)
{
    if (!nl_gemm_is_large(run, size))
        nl_ffma_launch<32, 32, 16, 4, 4, SUMS>(run, a, b, out, size);
    else if (size.n > 32)
        nl_ffma_launch<128, 64, 8, 8, 8, SUMS>(run, a, b, out, size);
    else if (size.n > 16)
        nl_ffma_launch<128, 32, 8, 8, 4, SUMS>(run, a, b, out, size);
    else
        nl_ffma_launch<128, 16, 8, 4, 4, SUMS>(run, a, b, out, size);
}

#endif
