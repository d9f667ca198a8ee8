/* Matrix products for linear.cu and conv.cu: C(m, n) = sum over k of A(m, k) B(k, n), in every replica, in float32 (gemm_ffma.cuh) or of
 * rounded elements on the tensor cores (gemm_mma.cuh).
 *
 * Bits do not depend on the tile: tiles are picked by speed alone. Where m and n are too small to fill a device (gradients of weights)
 * k is cut into chunks, whose number follows from the shape, never from the number of replicas; the block of a tile that is done last
 * adds the chunks' sums, in order.
 */
#ifndef NL_BACKEND_CUDA_GEMM_CUH
#define NL_BACKEND_CUDA_GEMM_CUH

#include "backend/cuda/gemm_ffma.cuh"
#include "backend/cuda/gemm_mma.cuh"

template <bool SUMS, class A, class B>
static void nl_gemm(const struct nl_run *run, enum nl_precision precision, const struct nl_product<A, B> &p)
{
    switch (precision) {
    case NL_FLOAT32:
        nl_ffma<SUMS>(run, p.a, p.b, p.out, p.size);
        break;
    case NL_TF32:
        nl_mma<struct nl_tf32, SUMS>(run, p.a, p.b, p.out, p.size);
        break;
    case NL_BF16:
        nl_mma<struct nl_bf16, SUMS>(run, p.a, p.b, p.out, p.size);
        break;
    }
}

/* y = A B + bias, into the images. */
template <class A, class B> static struct nl_product<A, B> nl_forward_product(const A &a, const B &b, void *y, const void *bias, int m, int n, int k)
{
    return {a, b, {(float *)y, NULL, (const float *)bias, NULL, 0, NULL}, {m, n, k, (k + 15) / 16 * 16}};
}

/* dw = A B, and db = the column sums of B unless it is NULL: k runs over samples (and positions), and is cut. It uses the scratch. */
template <class A, class B>
static struct nl_product<A, B> nl_weights_product(const struct nl_run *run, const A &a, const B &b, void *dw, void *db, int m, int n, int k)
{
    enum { SHORTEST = 128 }; /* a chunk */
    size_t tiles = (size_t)nl_blocks(m, 128) * nl_blocks(n, 64), wanted = (NL_ENOUGH_BLOCKS + tiles - 1) / tiles;
    int chunk = (int)(((size_t)k + wanted - 1) / wanted);
    chunk = ((chunk < SHORTEST ? (int)SHORTEST : chunk) + 15) / 16 * 16;
    int parts = (k + chunk - 1) / chunk;
    struct nl_gemm_out out = {(float *)dw, (float *)db, NULL, NULL, (size_t)m * n + (db ? n : 0), NULL};
    if (parts > 1) {
        out.parts = (float *)nl_cuda_scratch((size_t)run->replicas * parts * out.part * sizeof *out.parts);
        out.tickets = nl_cuda_tickets((size_t)run->replicas * nl_blocks(m, 32) * nl_blocks(n, 32)); /* of the smallest tiles */
    }
    return {a, b, out, {m, n, k, chunk}};
}

template <class A, class B> static void nl_gemm_forward(const struct nl_run *run, enum nl_precision precision, const struct nl_product<A, B> &y)
{
    nl_gemm<false>(run, precision, y);
}

template <class A, class B> static void nl_gemm_weights(const struct nl_run *run, enum nl_precision precision, const struct nl_product<A, B> &dw)
{
    if (dw.out.sums)
        nl_gemm<true>(run, precision, dw);
    else
        nl_gemm<false>(run, precision, dw);
}

/* Both gradients of a layer: in one launch, where neither fills a device. */
template <class A, class B, class C, class D>
static void nl_gemm_backward(const struct nl_run *run, enum nl_precision precision, const struct nl_product<A, B> &dw, const struct nl_product<C, D> &dx)
{
    if (precision != NL_FLOAT32 || nl_gemm_is_large(run, dw.size) || nl_gemm_is_large(run, dx.size)) {
        nl_gemm_weights(run, precision, dw);
        nl_gemm_forward(run, precision, dx);
    } else if (dw.out.sums) {
        nl_ffma_pair<true>(run, dw, dx);
    } else {
        nl_ffma_pair<false>(run, dw, dx);
    }
}

#endif
