/* Matrix products in float32 on the FFMA units. A sum runs over a chunk of k in order, one FMA after the other,
 * whatever the tile. */
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

/* Writes a thread's column sums, of `count` columns in all; n0: the tile's first, tx: the thread's place across the
 * tile. */
template <int N, int TN>
static __device__ __forceinline__ void nl_ffma_write_sums(const float (&column)[TN], float *sums, int n0, int count,
                                                          int tx)
{
#pragma unroll
    for (int j = 0; j < TN; j++) {
        int to = n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
        if (to < count)
            sums[to] = column[j];
    }
}

/* visit(sum, place, column) of a thread's elements of a tile, which are at `place` in C. */
template <int M, int N, int TM, int TN, class Visit>
static __device__ __forceinline__ void nl_ffma_visit(float (&sum)[TM][TN], const struct nl_gemm_size &size,
                                                     const struct nl_gemm_part &part, int tx, int ty, Visit visit)
{
#pragma unroll
    for (int i = 0; i < TM; i++) {
        int row = part.m0 + i / 4 * (M / (TM / 4)) + ty * 4 + i % 4;
        if (row >= size.m)
            continue;
#pragma unroll
        for (int j = 0; j < TN; j++) {
            int to = part.n0 + j / 4 * (N / (TN / 4)) + tx * 4 + j % 4;
            if (to < size.n)
                visit(sum[i][j], (size_t)row * size.n + to, to);
        }
    }
}

/* A block's tiles of an operand in shared memory. They have a name of their own, so that two products of a launch have
 * the same. */
template <char OPERAND, int DEPTH, int EDGE> static __device__ __forceinline__ float (*nl_ffma_tiles())[DEPTH][EDGE + 4]
{
    __shared__ __align__(16) float tiles[2][DEPTH][EDGE + 4];
    return tiles;
}

/* Block (x, y) of a product: tile M x N of C by DEPTH of k; each thread TM x TN of it, in pieces of four columns (rows)
 * that lie apart, so that a warp's reads of shared memory meet no bank twice. Double-buffered: the next tile is fetched
 * while this one is multiplied. */
template <int M, int N, int DEPTH, int TM, int TN, bool SUMS, class Product>
static __device__ __forceinline__ void nl_ffma_block(const Product &p, size_t stride, unsigned x, unsigned y)
{
    typedef typename Product::A A;
    typedef typename Product::B B;
    constexpr int ACROSS = N / TN, THREADS = M / TM * ACROSS;
    auto tile_a = nl_ffma_tiles<'a', DEPTH, M>();
    auto tile_b = nl_ffma_tiles<'b', DEPTH, N>();
    const struct nl_gemm_out &out = p.out;
    const struct nl_gemm_size &size = p.size;
    struct nl_gemm_part part = nl_gemm_part_of<M, N>(size, x, y);
    A a = p.a;
    B b = p.b;
    nl_gemm_settle(a, b, stride);

    nl_tile_loader<A, M, DEPTH, THREADS> loader_a;
    nl_tile_loader<B, N, DEPTH, THREADS> loader_b;
    float *c = out.parts ? nl_gemm_chunk(out, size, part.chunk) : nl_at(out.c, stride), column[TN];
#pragma unroll
    for (int j = 0; j < TN; j++)
        column[j] = 0.0f;
    for (int first = part.begin; first < part.end; first += size.chunk) {
        int end = min(first + size.chunk, part.end);
        int thread = nl_anew((int)threadIdx.x), tx = thread % ACROSS, ty = thread / ACROSS;
        loader_a.begin(a, part.m0, thread);
        loader_b.begin(b, part.n0, thread);
        loader_a.fetch(a, first);
        loader_b.fetch(b, first);
        loader_a.put(nl_ffma_store<A>(tile_a[0]));
        loader_b.put(nl_ffma_store<B>(tile_b[0]));
        __syncthreads();

        float sum[TM][TN];
#pragma unroll
        for (int j = 0; j < TN; j++)
#pragma unroll
            for (int i = 0; i < TM; i++)
                sum[i][j] = 0.0f;
        for (int k = first, buffer = 0; k < end; k += DEPTH, buffer ^= 1) {
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
                loader_a.put(nl_ffma_store<A>(tile_a[buffer ^ 1]));
                loader_b.put(nl_ffma_store<B>(tile_b[buffer ^ 1]));
            }
            __syncthreads();
        }
        const float *bias = end == size.k && !out.parts ? nl_at(out.bias, stride) : NULL;
        if (!out.parts && (first > 0 || out.adds)) /* before anything is written: nothing is fetched past a write */
            nl_ffma_visit<M, N>(sum, size, part, tx, ty, [&](float &v, size_t place, int) { v = c[place] + v; });
        nl_ffma_visit<M, N>(sum, size, part, tx, ty,
                            [&](float &v, size_t place, int to) { c[place] = bias ? v + bias[to] : v; });
    }
    if (SUMS && part.m0 == 0 && threadIdx.x < ACROSS)
        nl_ffma_write_sums<N>(column, out.parts ? c + (size_t)size.m * size.n : nl_at(out.sums, stride), part.n0,
                              size.n, (int)threadIdx.x);
    if (!out.parts || nl_gemm_join<M, N, THREADS>(out, size, part, stride))
        p.after.template of_tile<M, N>(part.m0, part.n0);
}

/* A tile as a type. PAIRS: both gradients of a layer may be one launch. blocks: that a multiprocessor is to hold of a
 * product at least, so that what a block adds at its end takes no more registers than the product. */
template <int ROWS, int COLUMNS, int DEPTH, int TM, int TN> struct nl_ffma_tile {
    static constexpr int M = ROWS, N = COLUMNS, THREADS = M / TM * N / TN;
    static constexpr bool PAIRS = true;

    template <class Product> static constexpr int blocks()
    {
        int registers = TM * TN + (Product::A::along_k ? 64 : 96);
        return 65536 / (THREADS * (registers < 96 ? 96 : registers));
    }

    template <bool SUMS, class Product>
    static __device__ __forceinline__ void block(const Product &p, size_t stride, unsigned x, unsigned y)
    {
        nl_ffma_block<M, N, DEPTH, TM, TN, SUMS>(p, stride, x, y);
    }
};

/* visit(tile) of that which products of n columns come in. */
template <class Visit> static void nl_ffma_visit_tile(bool large, int n, Visit visit)
{
    if (!large)
        visit(nl_ffma_tile<32, 32, 16, 4, 4>{});
    else if (n > 32)
        visit(nl_ffma_tile<128, 64, 8, 8, 8>{});
    else if (n > 16)
        visit(nl_ffma_tile<128, 32, 8, 8, 4>{});
    else
        visit(nl_ffma_tile<128, 16, 8, 4, 4>{});
}

#endif
