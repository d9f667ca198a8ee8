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
static void nl_gemm(const struct nl_run *run, enum nl_precision precision, const A &a, const B &b, const struct nl_gemm_out &out,
                    const struct nl_gemm_size &size)
{
    switch (precision) {
    case NL_FLOAT32:
        nl_ffma<SUMS>(run, a, b, out, size);
        break;
    case NL_TF32:
        nl_mma<struct nl_tf32, SUMS>(run, a, b, out, size);
        break;
    case NL_BF16:
        nl_mma<struct nl_bf16, SUMS>(run, a, b, out, size);
        break;
    }
}

/* y = A B + bias, into the images. */
template <class A, class B>
static void nl_gemm_forward(const struct nl_run *run, enum nl_precision precision, const A &a, const B &b, void *y, const void *bias, int m, int n, int k)
{
    struct nl_gemm_out out = {(float *)y, NULL, (const float *)bias, NULL, 0, NULL};
    struct nl_gemm_size size = {m, n, k, (k + 15) / 16 * 16};
    nl_gemm<false>(run, precision, a, b, out, size);
}

/* dw = A B, and db = the column sums of B unless it is NULL: k runs over samples (and positions), and is cut. */
template <class A, class B>
static void nl_gemm_weights(const struct nl_run *run, enum nl_precision precision, const A &a, const B &b, void *dw, void *db, int m, int n, int k)
{
    enum { SHORTEST = 128 }; /* a chunk */
    size_t tiles = (size_t)nl_blocks(m, 128) * nl_blocks(n, 64), wanted = (NL_ENOUGH_BLOCKS + tiles - 1) / tiles;
    int chunk = (int)(((size_t)k + wanted - 1) / wanted);
    chunk = ((chunk < SHORTEST ? (int)SHORTEST : chunk) + 15) / 16 * 16;
    int parts = (k + chunk - 1) / chunk;
    struct nl_gemm_size size = {m, n, k, chunk};
    struct nl_gemm_out out = {(float *)dw, (float *)db, NULL, NULL, (size_t)m * n + (db ? n : 0), NULL};
    if (parts > 1) {
        out.parts = (float *)nl_cuda_scratch((size_t)run->replicas * parts * out.part * sizeof *out.parts);
        out.tickets = nl_cuda_tickets((size_t)run->replicas * nl_blocks(m, 32) * nl_blocks(n, 32)); /* of the smallest tiles */
    }
    if (db)
        nl_gemm<true>(run, precision, a, b, out, size);
    else
        nl_gemm<false>(run, precision, a, b, out, size);
}

#endif
