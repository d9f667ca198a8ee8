/* Matrix products for linear.cu and conv.cu: C(m, n) = sum over k of A(m, k) B(k, n), in every replica, in float32 (gemm_ffma.cuh) or of
 * rounded elements on the tensor cores (gemm_mma.cuh).
 *
 * Bits do not depend on the tile: tiles are picked by speed alone. Where m and n are too small to fill a device (gradients of weights)
 * k is cut into chunks, whose number follows from the shape, never from the number of replicas; the chunks' sums are joined in order by a
 * second kernel.
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
    struct nl_gemm_out out = {(float *)y, NULL, (const float *)bias, run->stride, 0};
    struct nl_gemm_size size = {m, n, k, (k + 15) / 16 * 16};
    nl_gemm<false>(run, precision, a, b, out, size);
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
static void nl_gemm_weights(const struct nl_run *run, enum nl_precision precision, const A &a, const B &b, void *dw, void *db, int m, int n, int k)
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
        nl_gemm<true>(run, precision, a, b, out, size);
    else
        nl_gemm<false>(run, precision, a, b, out, size);
    if (parts > 1)
        NL_LAUNCH(nl_gemm_join, nl_grid_over(run, count), NL_THREADS, out.c, parts, count, (size_t)m * n, (float *)dw, (float *)db, run->stride);
}

#endif
