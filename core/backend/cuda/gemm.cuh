/* Matrix products for linear.cu and conv.cu: C(m, n) = sum over k of A(m, k) B(k, n), in every replica, in float32
 * (gemm_ffma.cuh) or of rounded elements on the tensor cores (gemm_mma.cuh).
 *
 * Bits do not depend on the tile: tiles are picked by speed alone. Where the tiles of one replica are too few to fill a
 * device k is cut into chunks, whose number follows from the shape, never from the number of replicas. A chunk has a
 * block of its own, and those of a tile that are done last add the chunks' sums, in order; or, where many replicas fill
 * the device, a block takes all chunks in turn and adds each to what it has written, in that order.
 */
#ifndef NL_BACKEND_CUDA_GEMM_CUH
#define NL_BACKEND_CUDA_GEMM_CUH

#include "backend/cuda/gemm_ffma.cuh"
#include "backend/cuda/gemm_mma.cuh"

#include <type_traits>

/* visit(tile) of that in which a product comes. */
template <class Visit>
static void nl_gemm_visit_tile(const struct nl_run *run, enum nl_precision precision, const struct nl_gemm_size &size,
                               Visit visit)
{
    bool large = nl_gemm_is_large(run, size);
    switch (precision) {
    case NL_FLOAT32:
        nl_ffma_visit_tile(large, size.n, visit);
        break;
    case NL_TF32:
        nl_mma_visit_tile<struct nl_tf32>(large, size.n, visit);
        break;
    case NL_BF16:
        nl_mma_visit_tile<struct nl_bf16>(large, size.n, visit);
        break;
    case NL_3XTF32:
        nl_mma_visit_tile<struct nl_3xtf32>(large, size.n, visit);
        break;
    }
}

/* y = A B + bias, into the images. */
template <class A, class B, class After = nl_nothing_after>
static struct nl_product<A, B, After> nl_forward_product(const struct nl_run *run, const A &a, const B &b, void *y,
                                                         const void *bias, int m, int n, int k,
                                                         const After &after = {}) {
    int chunk = nl_gemm_chunk_of((size_t)nl_blocks(m, 32) * nl_blocks(n, 32), k,
                                 min((int)NL_GEMM_GROUP, nl_cuda_most_chunks()));
    struct nl_gemm_size size = {m, n, k, chunk, 1};
    if (!nl_gemm_is_large(run, size))
        size.blocks = (k + chunk - 1) / chunk;
    return {
        a, b, {(float *)y, NULL, (const float *)bias, false, nl_fours(y, n), NULL, (size_t)m *n, NULL}, size, after};
}

/* dw = A B, and db = the column sums of B unless it is NULL: k runs over samples (and positions). */
template <class A, class B>
static struct nl_product<A, B> nl_weights_product(const A &a, const B &b, void *dw, void *db, int m, int n, int k) {
    int chunk = nl_gemm_chunk_of((size_t)nl_blocks(m, 128) * nl_blocks(n, 64), k, NL_ENOUGH_BLOCKS);
    struct nl_gemm_out out = {(float *)dw, (float *)db, NULL, false, nl_fours(dw, n), NULL, (size_t)m *n + (db ? n : 0),
                              NULL};
    return {a, b, out, {m, n, k, chunk, (k + chunk - 1) / chunk}, {}};
}

/* What a product needs: floats of scratch, in whole float4, and tickets, of the smallest tiles. First those of chunks
 * that have blocks, then those of what comes after. */
template <class Product>
static size_t nl_gemm_parts(const struct nl_run *run, const Product &p)
{
    return p.size.blocks > 1 ? ((size_t)run->replicas * p.size.blocks * p.out.part + 3) / 4 * 4 : 0;
}

template <class Product> static size_t nl_gemm_part_tickets(const struct nl_run *run, const Product &p)
{
    return p.size.blocks > 1 ? (size_t)run->replicas * nl_blocks(p.size.m, 32) * nl_blocks(p.size.n, 32) *
                                   (nl_gemm_groups(p.size) + 1)
                             : 0;
}

template <class Product> static size_t nl_gemm_floats(const struct nl_run *run, const Product &p)
{
    return nl_gemm_parts(run, p) + p.after.floats(run);
}

template <class Product> static size_t nl_gemm_tickets(const struct nl_run *run, const Product &p)
{
    return nl_gemm_part_tickets(run, p) + p.after.zeros(run);
}

/* Gives it those, from the first of them on. */
template <class Product>
static void nl_gemm_place(const struct nl_run *run, Product *p, float *floats, unsigned *tickets)
{
    p->out.parts = p->size.blocks > 1 ? floats : NULL;
    p->out.tickets = tickets;
    p->after.place(floats + nl_gemm_parts(run, *p), tickets + nl_gemm_part_tickets(run, *p));
}

template <class Tile, bool SUMS, class Product>
__global__ void __launch_bounds__(Tile::THREADS, Tile::template blocks<Product>())
    nl_gemm_kernel(Product p, size_t stride)
{
    Tile::template block<SUMS>(p, stride, blockIdx.x, blockIdx.y);
}

template <bool SUMS, class Product>
static void nl_gemm_alone(const struct nl_run *run, enum nl_precision precision, Product p)
{
    size_t floats = nl_gemm_floats(run, p);
    if (floats > 0)
        nl_gemm_place(run, &p, (float *)nl_cuda_scratch(floats * sizeof(float)),
                      nl_cuda_tickets(nl_gemm_tickets(run, p)));
    nl_gemm_visit_tile(run, precision, p.size, [&](auto tile) {
        typedef decltype(tile) Tile;
        NL_LAUNCH_WITH((nl_gemm_kernel<Tile, SUMS, Product>), nl_gemm_grid<Tile>(run, p.size), Tile::THREADS, p.room(),
                       p, run->stride);
    });
}

template <class Product>
static void nl_gemm_forward(const struct nl_run *run, enum nl_precision precision, const Product &y)
{
    nl_gemm_alone<false>(run, precision, y);
}

template <class Product>
static void nl_gemm_weights(const struct nl_run *run, enum nl_precision precision, const Product &dw)
{
    if (dw.out.sums)
        nl_gemm_alone<true>(run, precision, dw);
    else
        nl_gemm_alone<false>(run, precision, dw);
}

/* Two products in one launch: the blocks of the first, then those of the second. */
template <class Tile, bool SUMS, class First, class Second>
__global__ void __launch_bounds__(Tile::THREADS, Tile::template blocks<First>())
    nl_gemm_pair(First first, Second second, unsigned first_blocks, size_t stride)
{
    unsigned block = blockIdx.x, rows;
    if (block < first_blocks) {
        rows = (first.size.m + Tile::M - 1) / Tile::M;
        Tile::template block<SUMS>(first, stride, block % rows, block / rows);
    } else {
        block -= first_blocks;
        rows = (second.size.m + Tile::M - 1) / Tile::M;
        Tile::template block<false>(second, stride, block % rows, block / rows);
    }
}

template <class Tile, class First, class Second> static void nl_gemm_both(const struct nl_run *run, First dw, Second dx)
{
    size_t floats = nl_gemm_floats(run, dw), tickets = nl_gemm_tickets(run, dw), all = floats + nl_gemm_floats(run, dx),
           room = dw.room();
    if (all > 0) {
        float *scratch = (float *)nl_cuda_scratch(all * sizeof *scratch);
        unsigned *zeros = nl_cuda_tickets(tickets + nl_gemm_tickets(run, dx));
        nl_gemm_place(run, &dw, scratch, zeros);
        nl_gemm_place(run, &dx, scratch + floats, zeros + tickets);
    }
    room = max(room, dx.room());
    dim3 one = nl_gemm_grid<Tile>(run, dw.size), other = nl_gemm_grid<Tile>(run, dx.size),
         grid(one.x * one.y + other.x * other.y, 1, one.z);
    if (dw.out.sums)
        NL_LAUNCH_WITH((nl_gemm_pair<Tile, true, First, Second>), grid, Tile::THREADS, room, dw, dx, one.x * one.y,
                       run->stride);
    else
        NL_LAUNCH_WITH((nl_gemm_pair<Tile, false, First, Second>), grid, Tile::THREADS, room, dw, dx, one.x * one.y,
                       run->stride);
}

/* Whether that is the tile in which a product comes. */
template <class Tile>
static bool nl_gemm_comes_in(const struct nl_run *run, enum nl_precision precision, const struct nl_gemm_size &size)
{
    bool found = false;
    nl_gemm_visit_tile(run, precision, size, [&](auto tile) { found = std::is_same<Tile, decltype(tile)>::value; });
    return found;
}

template <class Tile, class First, class Second>
static void nl_gemm_gradients(const struct nl_run *run, enum nl_precision precision, const First &dw, const Second &dx)
{
    if constexpr (Tile::PAIRS)
        if (nl_cuda_lets(NL_CUDA_PAIRS) && nl_gemm_comes_in<Tile>(run, precision, dx.size)) {
            nl_gemm_both<Tile>(run, dw, dx);
            return;
        }
    nl_gemm_weights(run, precision, dw);
    nl_gemm_forward(run, precision, dx);
}

/* Both gradients of a layer: in one launch, where they come in the same tile. */
template <class First, class Second>
static void nl_gemm_backward(const struct nl_run *run, enum nl_precision precision, const First &dw, const Second &dx)
{
    nl_gemm_visit_tile(run, precision, dw.size,
                       [&](auto tile) { nl_gemm_gradients<decltype(tile)>(run, precision, dw, dx); });
}

#endif
