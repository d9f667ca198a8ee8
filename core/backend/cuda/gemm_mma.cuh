/* Matrix products on the tensor cores (device.precision): elements are rounded on their way into shared memory, to tf32
 * (10 bits after the point, ties away from zero) or bf16 (7 bits, ties to even), their products are exact, and sums are
 * float32. NaN stays NaN.
 *
 * 3xtf32 is float32 but for the last bit or two: an element is a tf32 number and, in another, what that leaves of it,
 * and of the four products of two elements the one of both rests, below 2^-22 of the largest, is left out (CUTLASS
 * example 27, "3xTF32"). Infinity becomes NaN.
 *
 * A sum runs over a chunk of k in steps of one instruction, the same in every tile; what happens within an instruction
 * is the device's own, the same at each place. Column sums are no products: they are of the elements as they were, in
 * the order and with the bits of gemm_ffma.cuh.
 *
 * Instruction and layout of its fragments: PTX ISA, "Matrix Fragments for mma.m16n8k8" and "m16n8k16"; from compute
 * capability 8.0 on.
 */
#ifndef NL_BACKEND_CUDA_GEMM_MMA_CUH
#define NL_BACKEND_CUDA_GEMM_MMA_CUH

#include "backend/cuda/gemm_operands.cuh"

/* What a warp's instruction takes, counted in words of 32 bits: A is 16 rows by 8 words along k, B 8 words by 8
 * columns, C 16 by 8 floats. */
enum { NL_MMA_M = 16, NL_MMA_N = 8, NL_MMA_WORDS = 8 };

/* A word of shared memory is so many words of fragments; of two the first is the larger. */
struct nl_words_as_they_are {
    static constexpr int TERMS = 1;

    static __device__ uint32_t term(uint32_t word, int) { return word; }
};

/* One element a word. */
struct nl_tf32 : nl_words_as_they_are {
    static constexpr int PER_WORD = 1;

    static __device__ uint32_t round(float v)
    {
        uint32_t bits;
#if __CUDA_ARCH__ >= 800
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
#else
        memcpy(&bits, &v, sizeof bits);
        bits = isnan(v) ? bits | 0x400000u : (bits + 0x1000u) & ~0x1fffu;
#endif
        return bits;
    }

    template <bool ALONG_K, class Word> static __device__ void put(int edge, int k, const float v[4], Word word)
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
            *word(ALONG_K ? k + e : k, ALONG_K ? edge : edge + e) = round(v[e]);
    }

    static __device__ void multiply(float c[4], const uint32_t a[4], const uint32_t b[2])
    {
#ifndef __CUDACC__
        host_cuda_mma(c, a, b, [](uint32_t left, uint32_t right) {
            return (double)host_cuda_float(left) * host_cuda_float(right);
        });
#elif __CUDA_ARCH__ >= 800
        asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
        __trap(); /* refused before it comes to this: nl_cuda_multiplies */
#endif
    }
};

struct nl_3xtf32 {
    static constexpr int PER_WORD = 1, TERMS = 2;

    static __device__ float number(uint32_t bits)
    {
        float v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }

    template <bool ALONG_K, class Word> static __device__ void put(int edge, int k, const float v[4], Word word)
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
            memcpy(word(ALONG_K ? k + e : k, ALONG_K ? edge : edge + e), &v[e], sizeof v[e]);
    }

    static __device__ uint32_t term(uint32_t word, int number_of)
    {
        uint32_t first = nl_tf32::round(number(word));
        return number_of == 0 ? first : nl_tf32::round(number(word) - number(first));
    }

    static __device__ void multiply(float c[4], const uint32_t a[4], const uint32_t b[2])
    {
        nl_tf32::multiply(c, a, b);
    }
};

/* Two neighbours along k a word, the first in its lower half. */
struct nl_bf16 : nl_words_as_they_are {
    static constexpr int PER_WORD = 2;

    static __device__ uint32_t round(float low, float high)
    {
        uint32_t word;
#if __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
#else
        uint32_t bits[2];
        memcpy(&bits[0], &low, sizeof low);
        memcpy(&bits[1], &high, sizeof high);
        for (int i = 0; i < 2; i++)
            bits[i] = isnan(i ? high : low) ? bits[i] >> 16 | 0x40u : (bits[i] + 0x7fffu + (bits[i] >> 16 & 1u)) >> 16;
        word = bits[0] | bits[1] << 16;
#endif
        return word;
    }

    template <bool ALONG_K, class Word> static __device__ void put(int edge, int k, const float v[4], Word word)
    {
        if constexpr (ALONG_K) {
            *word(k / 2, edge) = round(v[0], v[1]);
            *word(k / 2 + 1, edge) = round(v[2], v[3]);
        } else {
#pragma unroll
            for (int e = 0; e < 4; e++)
                ((uint16_t *)word(k / 2, edge + e))[k % 2] = (uint16_t)round(v[e], 0.0f);
        }
    }

    static __device__ void multiply(float c[4], const uint32_t a[4], const uint32_t b[2])
    {
#ifndef __CUDACC__
        host_cuda_mma(c, a, b, [](uint32_t left, uint32_t right) {
            return (double)host_cuda_float(left << 16) * host_cuda_float(right << 16) +
                   (double)host_cuda_float(left & 0xffff0000u) * host_cuda_float(right & 0xffff0000u);
        });
#elif __CUDA_ARCH__ >= 800
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
        __trap();
#endif
    }
};

/* A tile in shared memory: [word of k][edge]. Lines are 8 words apart modulo the 32 banks, and every four of them
 * turned by another 8 columns: neither a fragment's 4 words by 8 columns nor what a warp stores along k meets a bank
 * twice. */
static __device__ inline int nl_mma_column(int word, int edge)
{
    return edge ^ word / 4 % 4 * 8;
}

/* visit(c, place, column) of what a lane has of C; m0, n0: where its first element stands. */
template <int EDGES_M, int EDGES_N, class Visit>
static __device__ __forceinline__ void nl_mma_visit(float (&c)[EDGES_M][EDGES_N][4], const struct nl_gemm_size &size,
                                                    int m0, int n0, Visit visit)
{
#pragma unroll
    for (int i = 0; i < EDGES_M; i++)
#pragma unroll
        for (int j = 0; j < EDGES_N; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) { /* rows group and group + 8, columns 2 quad and 2 quad + 1 */
                int m = m0 + i * NL_MMA_M + e / 2 * 8, n = n0 + j * NL_MMA_N + e % 2;
                if (m < size.m && n < size.n)
                    visit(c[i][j][e], (size_t)m * size.n + n, n);
            }
}

/* A block's tiles of an operand, as nl_ffma_tiles. */
template <char OPERAND, int WORDS, int EDGE>
static __device__ __forceinline__ uint32_t (*nl_mma_tiles())[WORDS][EDGE + 8]
{
    __shared__ __align__(16) uint32_t tiles[2][WORDS][EDGE + 8];
    return tiles;
}

/* Block (x, y) of a product: tile M x N of C; each warp WM x WN of it. Double-buffered, as nl_ffma_block. */
template <class Format, int M, int N, int WM, int WN, bool SUMS, class Product>
static __device__ __forceinline__ void nl_mma_block(const Product &p, size_t stride, unsigned x, unsigned y)
{
    typedef typename Product::A A;
    typedef typename Product::B B;
    constexpr int TERMS = Format::TERMS, DEPTH = 16, WORDS = DEPTH / Format::PER_WORD, THREADS = M / WM * N / WN * 32,
                  EDGES_M = WM / NL_MMA_M, EDGES_N = WN / NL_MMA_N;
    static_assert(M % 32 == 0 && N % 32 == 0 && N <= THREADS,
                  "turned columns stay in their tile, and each column of sums has a thread");
    auto tile_a = nl_mma_tiles<'a', WORDS, M>();
    auto tile_b = nl_mma_tiles<'b', WORDS, N>();
    __shared__ float plain[2][SUMS ? DEPTH : 1][SUMS ? N : 1];
    const struct nl_gemm_out &out = p.out;
    const struct nl_gemm_size &size = p.size;
    struct nl_gemm_part part = nl_gemm_part_of<M, N>(size, x, y);
    bool sums = SUMS && part.m0 == 0;
    A a = p.a;
    B b = p.b;
    nl_gemm_settle(a, b, stride);

    nl_tile_loader<A, M, DEPTH, THREADS> loader_a;
    nl_tile_loader<B, N, DEPTH, THREADS> loader_b;
    auto put = [&](int buffer) {
        loader_a.put([&](int edge, int k, const float v[4]) {
            Format::template put<A::along_k>(
                edge, k, v, [&](int word, int at) { return &tile_a[buffer][word][nl_mma_column(word, at)]; });
        });
        loader_b.put([&](int edge, int k, const float v[4]) {
            Format::template put<B::along_k>(
                edge, k, v, [&](int word, int at) { return &tile_b[buffer][word][nl_mma_column(word, at)]; });
            for (int e = 0; SUMS && e < 4; e++)
                plain[buffer][B::along_k ? k + e : k][B::along_k ? edge : edge + e] = v[e];
        });
    };
    float *to = out.parts ? nl_gemm_chunk(out, size, part.chunk) : nl_at(out.c, stride), column_sum = 0.0f;
    for (int first = part.begin; first < part.end; first += size.chunk) {
        int end = min(first + size.chunk, part.end);
        int thread = nl_anew((int)threadIdx.x), warp = thread / 32, group = thread % 32 / 4, quad = thread % 4;
        int row = warp / (N / WN) * WM + group,
            column = warp % (N / WN) * WN + group; /* of the warp's first fragments */
        loader_a.begin(a, part.m0, thread);
        loader_b.begin(b, part.n0, thread);
        loader_a.fetch(a, first);
        loader_b.fetch(b, first);
        put(0);
        __syncthreads();

        float c[EDGES_M][EDGES_N][4] = {};
        for (int k = first, buffer = 0; k < end; k += DEPTH, buffer ^= 1) {
            bool more = k + DEPTH < end;
            if (more) {
                loader_a.fetch(a, k + DEPTH);
                loader_b.fetch(b, k + DEPTH);
            }
#pragma unroll
            for (int word = 0; word < WORDS; word += NL_MMA_WORDS) {
                uint32_t left[TERMS][EDGES_M][4], right[TERMS][EDGES_N][2];
#pragma unroll
                for (int i = 0; i < EDGES_M; i++)
#pragma unroll
                    for (int e = 0; e < 4; e++) { /* rows group and group + 8, words quad and quad + 4 */
                        int w = word + quad + e / 2 * 4;
                        uint32_t found = tile_a[buffer][w][nl_mma_column(w, row + i * NL_MMA_M + e % 2 * 8)];
#pragma unroll
                        for (int t = 0; t < TERMS; t++)
                            left[t][i][e] = Format::term(found, t);
                    }
#pragma unroll
                for (int j = 0; j < EDGES_N; j++)
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        int w = word + quad + e * 4;
                        uint32_t found = tile_b[buffer][w][nl_mma_column(w, column + j * NL_MMA_N)];
#pragma unroll
                        for (int t = 0; t < TERMS; t++)
                            right[t][j][e] = Format::term(found, t);
                    }
#pragma unroll
                for (int i = 0; i < EDGES_M; i++)
#pragma unroll
                    for (int j = 0; j < EDGES_N; j++) {
                        if (TERMS == 2) { /* the small products first */
                            Format::multiply(c[i][j], left[TERMS - 1][i], right[0][j]);
                            Format::multiply(c[i][j], left[0][i], right[TERMS - 1][j]);
                        }
                        Format::multiply(c[i][j], left[0][i], right[0][j]);
                    }
            }
            for (int d = 0; sums && threadIdx.x < N && d < DEPTH; d++)
                column_sum += plain[buffer][d][threadIdx.x];
            if (more)
                put(buffer ^ 1);
            __syncthreads();
        }
        const float *bias = end == size.k && !out.parts ? nl_at(out.bias, stride) : NULL;
        int m0 = part.m0 + row, n0 = part.n0 + column - group + 2 * quad;
        if (!out.parts && (first > 0 || out.adds))
            nl_mma_visit(c, size, m0, n0, [&](float &v, size_t place, int) { v = to[place] + v; });
        nl_mma_visit(c, size, m0, n0, [&](float &v, size_t place, int n) { to[place] = bias ? v + bias[n] : v; });
    }
    if (sums && threadIdx.x < N && part.n0 + (int)threadIdx.x < size.n)
        (out.parts ? to + (size_t)size.m * size.n : nl_at(out.sums, stride))[part.n0 + threadIdx.x] = column_sum;
    if (!out.parts || nl_gemm_join<M, N, THREADS>(out, size, part, stride))
        p.after.template of_tile<M, N>(part.m0, part.n0);
}

/* A tile as a type, as nl_ffma_tile. Large ones do not come in pairs: they would be six more kernels for each pair of
 * operands. */
template <class Format, int ROWS, int COLUMNS, int WM, int WN> struct nl_mma_tile {
    static constexpr int M = ROWS, N = COLUMNS, THREADS = M / WM * N / WN * 32;
    static constexpr bool PAIRS = M == 32;

    template <class Product> static constexpr int blocks() { return 512 / THREADS; }

    template <bool SUMS, class Product>
    static __device__ __forceinline__ void block(const Product &p, size_t stride, unsigned x, unsigned y)
    {
        nl_mma_block<Format, M, N, WM, WN, SUMS>(p, stride, x, y);
    }
};

template <class Format, class Visit> static void nl_mma_visit_tile(bool large, int n, Visit visit)
{
    if (!large)
        visit(nl_mma_tile<Format, 32, 32, 16, 16>{});
    else if (n > 32)
        visit(nl_mma_tile<Format, 128, 64, 32, 32>{});
    else
        visit(nl_mma_tile<Format, 128, 32, 32, 16>{});
}

#endif
