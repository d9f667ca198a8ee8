/* What a matrix product reads and writes: operands, tiles of them on their way to shared memory, and where the product
 * goes.
 *
 * An operand is a type that says how four neighbouring elements are fetched, so that a convolution is the same product
 * as a fully connected layer (implicit GEMM: the patches are never written out):
 *
 *     along_k    its rows lie along k in memory: the four are (line, k .. k+3); else (line .. line+3, k)
 *     room()     bytes of shared memory that it needs
 *     settle     finds its places in the replica of the block, and fills that memory, from so many bytes of NL_ROOM on;
 *                by all threads of the block
 *     line(i)    what can be worked out once for row (or first row) i
 *     load       the four, with zeros beyond the operand
 */
#ifndef NL_BACKEND_CUDA_GEMM_OPERANDS_CUH
#define NL_BACKEND_CUDA_GEMM_OPERANDS_CUH

#include "backend/cuda/cuda.h"

/* A sum runs over the first chunk of k, and those of the other chunks are added to it in order. */
struct nl_gemm_size {
    int m, n, k, chunk; /* chunk: a multiple of 16 */
    int blocks;         /* of a tile: each takes a chunk; 1: one takes all, in turn */
};

/* Where the product goes: c(m, n) + bias, and sums(n) = sum over k of B(k, n), or NULL. Where each chunk has a block,
 * its product goes first to parts[r][chunk][m n + n], and the blocks of a tile that are done last join them. */
struct nl_gemm_out {
    float *c, *sums;
    const float *bias; /* or NULL */
    bool adds;         /* what is at c is added to the product */
    bool fours;        /* four neighbours of c can be written at once */
    float *parts;      /* scratch, or NULL */
    size_t part;       /* elements of a chunk's */
    unsigned *tickets; /* [r][tile][1 + groups], with parts */
};

/* What a product may do with a tile of C that is there: nothing.
 *
 *     floats, zeros    scratch, in whole float4, and tickets (nl_cuda_tickets) that it needs in a run
 *     place            gives it those
 *     of_tile          by the block that has written the tile M x N from row m0 and column n0 on
 */
struct nl_nothing_after {
    size_t floats(const struct nl_run *) const { return 0; }
    size_t zeros(const struct nl_run *) const { return 0; }
    void place(float *, unsigned *) {}
    template <int M, int N> __device__ void of_tile(int, int) const {}
};

/* C = A B. */
template <class OF_A, class OF_B, class AFTER = nl_nothing_after> struct nl_product {
    typedef OF_A A;
    typedef OF_B B;
    OF_A a;
    OF_B b;
    struct nl_gemm_out out;
    struct nl_gemm_size size;
    AFTER after;

    size_t room() const { return a.room() + b.room(); }
};

/* Operands of a block, in its replica. */
template <class A, class B> static __device__ __forceinline__ void nl_gemm_settle(A &a, B &b, size_t stride)
{
    a.settle(stride, 0);
    b.settle(stride, (unsigned)a.room());
}

/* An operand that is fetched from memory as it is. */
struct nl_as_it_is {
    const float *at;

    __host__ __device__ size_t room() const { return 0; }
    __device__ void settle(size_t stride, unsigned) { at = nl_at(at, stride); }
};

/* Whether four neighbours can be fetched at once from dense rows of so many floats. Images start at multiples of 64
 * bytes. */
static inline bool nl_fours(const void *at, int columns)
{
    return (uintptr_t)at % 16 == 0 && columns % 4 == 0;
}

/* A dense matrix (rows, k). */
struct nl_along_k : nl_as_it_is {
    static constexpr bool along_k = true;
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
    return {{(const float *)at}, rows, k, nl_fours(at, k)};
}

/* A dense matrix (k, lines). */
struct nl_across_k : nl_as_it_is {
    static constexpr bool along_k = false;
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
    return {{(const float *)at}, lines, k, nl_fours(at, lines)};
}

/* The number, of which the compiler does not know that it was there before: what follows from it is worked out in each
 * turn of a loop, and takes no registers outside of it. */
static __device__ __forceinline__ int nl_anew(int number)
{
    asm volatile("" : "+r"(number));
    return number;
}

/* A tile of one operand, EDGE x DEPTH, on its way from memory through registers to shared memory. */
template <class Operand, int EDGE, int DEPTH, int THREADS> struct nl_tile_loader {
    static constexpr int FOURS = EDGE * DEPTH / 4, EACH = (FOURS + THREADS - 1) / THREADS;
    typename Operand::line_type line[EACH];
    float value[EACH][4];
    int thread;

    static __device__ int edge_of(int four) { return Operand::along_k ? four / (DEPTH / 4) : four % (EDGE / 4) * 4; }
    static __device__ int depth_of(int four) { return Operand::along_k ? four % (DEPTH / 4) * 4 : four / (EDGE / 4); }

    __device__ void begin(const Operand &operand, int first, int of_thread)
    {
        thread = of_thread;
#pragma unroll
        for (int i = 0; i < EACH; i++)
            line[i] = operand.line(first + edge_of(thread + i * THREADS));
    }

    __device__ void fetch(const Operand &operand, int k)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int four = thread + i * THREADS;
            if (FOURS % THREADS == 0 || four < FOURS)
                operand.load(line[i], k + depth_of(four), value[i]);
        }
    }

    /* store(edge, k, four): of the tile; along_k says where the other three are. */
    template <class Store> __device__ void put(Store store) const
    {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int four = thread + i * THREADS;
            if (FOURS % THREADS == 0 || four < FOURS)
                store(edge_of(four), depth_of(four), value[i]);
        }
    }
};

/* A block's part of the product: rows from m0, columns from n0, which tile that is, and k from begin to end: of one
 * chunk or of all. */
struct nl_gemm_part {
    int m0, n0, chunk, begin, end;
    unsigned tile, tiles;
};

/* The part of block (x, y) of the grid below. */
template <int M, int N>
static __device__ struct nl_gemm_part nl_gemm_part_of(const struct nl_gemm_size &size, unsigned x, unsigned y)
{
    unsigned row_tiles = (size.m + M - 1) / M, column_tiles = (size.n + N - 1) / N, column = y % column_tiles;
    int chunk = y / column_tiles, begin = chunk * size.chunk;
    return {(int)x * M,
            (int)column * N,
            chunk,
            begin,
            size.blocks > 1 ? min(begin + size.chunk, size.k) : size.k,
            x * column_tiles + column,
            row_tiles * column_tiles};
}

template <class Tile> static dim3 nl_gemm_grid(const struct nl_run *run, const struct nl_gemm_size &size)
{
    return dim3(nl_blocks(size.m, Tile::M), nl_blocks(size.n, Tile::N) * (unsigned)size.blocks,
                (unsigned)run->replicas);
}

/* Large tiles where there are enough of them to fill a device, else small ones: one for each multiprocessor of an
 * H100. */
enum { NL_ENOUGH_BLOCKS = 132 };

static inline bool nl_gemm_is_large(const struct nl_run *run, const struct nl_gemm_size &size)
{
    size_t blocks = (size_t)nl_blocks(size.m, 128) * nl_blocks(size.n, 64) * size.blocks * run->replicas;
    return size.m > 32 && blocks >= NL_ENOUGH_BLOCKS;
}

/* How k is cut, into so many chunks at most, where a device has room for more than so many tiles. It follows from the
 * shape alone, and so do the bits. */
static inline int nl_gemm_chunk_of(size_t tiles, int k, int most)
{
    enum { SHORTEST = 128 };
    int wanted = (int)((NL_ENOUGH_BLOCKS + tiles - 1) / tiles),
        chunks = max(min(min(wanted, most), k / (int)SHORTEST), 1);
    return ((k + chunks - 1) / chunks + 15) / 16 * 16;
}

/* Where a chunk's numbers lie in this replica's parts: c, and the column sums after it. */
static __device__ inline float *nl_gemm_chunk(const struct nl_gemm_out &out, const struct nl_gemm_size &size, int chunk)
{
    return out.parts + ((size_t)blockIdx.z * size.blocks + chunk) * out.part;
}

/* Adds up `count` chunks of a tile, each so many elements after the one before, in order: to what is at c, or to the
 * first. */
template <int M, int N, int THREADS>
static __device__ __forceinline__ void nl_gemm_add(const float *first, size_t step, unsigned count, float *c, bool adds,
                                                   bool fours, const float *bias, const struct nl_gemm_size &size,
                                                   const struct nl_gemm_part &part)
{
    constexpr int EACH = M * N / 4 / THREADS, TOGETHER = EACH < 4 ? EACH : 4; /* fetches under way at once */
    if (!fours) {
        for (int at = threadIdx.x; at < M * N; at += THREADS) {
            int row = part.m0 + at / N, column = part.n0 + at % N;
            size_t place = (size_t)row * size.n + column;
            if (row >= size.m || column >= size.n)
                continue;
            float sum = adds ? c[place] : first[place];
            for (unsigned s = !adds; s < count; s++)
                sum += first[s * step + place];
            c[place] = bias ? sum + bias[column] : sum;
        }
        return;
    }
#pragma unroll 1
    for (int begin = 0; begin < EACH; begin += TOGETHER) {
        float4 sum[TOGETHER];
        auto visit = [&](auto work) {
#pragma unroll
            for (int i = 0; i < TOGETHER; i++) {
                int at = ((int)threadIdx.x + (begin + i) * THREADS) * 4, row = part.m0 + at / N,
                    column = part.n0 + at % N;
                if (row < size.m && column < size.n)
                    work(sum[i], (size_t)row * size.n + column, column);
            }
        };
        visit([&](float4 &to, size_t place, int) { to = *(const float4 *)((adds ? c : first) + place); });
#pragma unroll 2
        for (unsigned s = !adds; s < count; s++)
            visit([&](float4 &to, size_t place, int) {
                float4 four = *(const float4 *)(first + s * step + place);
                to.x += four.x, to.y += four.y, to.z += four.z, to.w += four.w;
            });
        visit([&](float4 &to, size_t place, int column) {
            if (bias)
                to.x += bias[column], to.y += bias[column + 1], to.z += bias[column + 2], to.w += bias[column + 3];
            *(float4 *)(c + place) = to;
        });
    }
}

/* Adds up the column sums of the parts, which the tiles of the first rows have. */
template <int N, int THREADS>
static __device__ __forceinline__ void nl_gemm_add_sums(const float *first, size_t step, unsigned count, float *sums,
                                                        const struct nl_gemm_size &size,
                                                        const struct nl_gemm_part &part)
{
    for (int n = part.n0 + (int)threadIdx.x; sums && part.m0 == 0 && n < min(part.n0 + N, size.n); n += THREADS) {
        float sum = first[n];
        for (unsigned s = 1; s < count; s++)
            sum += first[s * step + n];
        sums[n] = sum;
    }
}

/* Chunks that are joined by one block. Where there are more the block of such a group that is done last joins the
 * group, and the last of these the groups. */
enum { NL_GEMM_GROUP = 8 };

static __host__ __device__ inline unsigned nl_gemm_groups(const struct nl_gemm_size &size)
{
    return (unsigned)(size.blocks + NL_GEMM_GROUP - 1) / NL_GEMM_GROUP;
}

/* Ends a block whose chunk is in its place. Whether the tile is done with it. */
template <int M, int N, int THREADS>
static __device__ bool nl_gemm_join(const struct nl_gemm_out &out, const struct nl_gemm_size &size,
                                    const struct nl_gemm_part &part, size_t stride)
{
    unsigned groups = nl_gemm_groups(size), count = (unsigned)size.blocks, group = (unsigned)part.chunk / NL_GEMM_GROUP;
    unsigned *ticket = out.tickets + (size_t)(blockIdx.z * part.tiles + part.tile) * (groups + 1);
    size_t step = out.part, product = (size_t)size.m * size.n;
    if (groups > 1) {
        float *own = nl_gemm_chunk(out, size, (int)group * NL_GEMM_GROUP);
        count = min((unsigned)NL_GEMM_GROUP, count - group * NL_GEMM_GROUP);
        if (!nl_last_block(ticket + 1 + group, count))
            return false;
        nl_gemm_add<M, N, THREADS>(own, step, count, own, false, out.fours, NULL, size, part);
        nl_gemm_add_sums<N, THREADS>(own + product, step, count, out.sums ? own + product : (float *)NULL, size, part);
        count = groups;
        step *= NL_GEMM_GROUP;
    }
    if (!nl_last_block(ticket, count))
        return false;
    const float *first = nl_gemm_chunk(out, size, 0);
    nl_gemm_add<M, N, THREADS>(first, step, count, nl_at(out.c, stride), out.adds, out.fours, nl_at(out.bias, stride),
                               size, part);
    nl_gemm_add_sums<N, THREADS>(first + product, step, count, nl_at(out.sums, stride), size, part);
    return true;
}

#endif
