/* A function of each element in place of a normalizer. The gradients of what all samples share are summed in two
 * stages: by blocks of rows, then over the blocks, in a fixed order. */
#include "backend/cuda/cuda.h"
#include "operation/squash.h"

static __device__ inline float value(enum nl_squash_function f, float u)
{
    if (f == NL_SQUASH_TANH)
        return tanhf(u);
    if (f == NL_SQUASH_ERF)
        return erff(u);
    return u < -1.0f ? -1.0f : u > 1.0f ? 1.0f : u; /* NaN stays NaN */
}

static __device__ inline float derivative(enum nl_squash_function f, float u)
{
    if (f == NL_SQUASH_TANH) {
        float e =
            expf(-2.0f * fabsf(u)); /* 1 - tanh^2 = 4 e / (1 + e)^2, which keeps its digits where tanh is near one */
        return 4.0f * e / ((1.0f + e) * (1.0f + e));
    }
    if (f == NL_SQUASH_ERF)
        return 1.12837917f * expf(-u * u);
    return u <= -1.0f || u >= 1.0f ? 0.0f : 1.0f;
}

static __global__ void squash_forward(struct nl_squash op, enum nl_squash_function f, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *shift = (const float *)nl_at(op.shift, stride), *gamma = (const float *)nl_at(op.gamma, stride),
                *beta = (const float *)nl_at(op.beta, stride);
    float u =
        *(const float *)nl_at(op.alpha, stride) * ((const float *)nl_at(op.x, stride))[at] + (shift ? *shift : 0.0f);
    float y = value(f, u);
    if (gamma)
        y = gamma[at % op.affine_count] * y + (beta ? beta[at % op.affine_count] : 0.0f);
    ((float *)nl_at(op.y, stride))[at] = y;
}

/* ---- backward ---- */

static const unsigned COLUMNS = 32, DEEP = 8, EACH = 16,
                      CHUNK = DEEP * EACH; /* a block: 32 columns, 8 threads deep, each 16 rows */
static const unsigned QUANTITIES = 4;                                          /* dgamma, dbeta, dalpha, dshift */

/* part[r][chunk][QUANTITIES][columns]: sums over the chunk's rows. */
static __global__ void squash_backward(struct nl_squash op, enum nl_squash_function f, size_t stride, unsigned rows,
                                       unsigned columns, double *part)
{
    __shared__ double sums[QUANTITIES][DEEP][COLUMNS];
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, chunk = blockIdx.x / tiles, chunks = gridDim.x / tiles;
    unsigned tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS, c = blockIdx.x % tiles * COLUMNS + tx;
    const float *x = (const float *)nl_at(op.x, stride), *dy = (const float *)nl_at(op.dy, stride),
                *gamma = (const float *)nl_at(op.gamma, stride), *shift = (const float *)nl_at(op.shift, stride);
    float *dx = (float *)nl_at(op.dx, stride), alpha = *(const float *)nl_at(op.alpha, stride),
          s = shift ? *shift : 0.0f;
    float sum[QUANTITIES] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 4
    for (unsigned i = 0; i < EACH; i++) {
        unsigned row = chunk * CHUNK + i * DEEP + ty;
        if (row >= rows || c >= columns)
            break;
        size_t at = (size_t)row * columns + c;
        float u = alpha * x[at] + s, du = dy[at] * (gamma ? gamma[c] : 1.0f) * derivative(f, u);
        sum[0] += dy[at] * value(f, u);
        sum[1] += dy[at];
        sum[2] += du * x[at];
        sum[3] += du;
        if (dx)
            dx[at] = alpha * du;
    }
    for (unsigned q = 0; q < QUANTITIES; q++)
        sums[q][ty][tx] = sum[q];
    __syncthreads();
    if (ty < QUANTITIES && c < columns) {
        double total = 0.0;
        for (unsigned i = 0; i < DEEP; i++)
            total += sums[ty][i][tx];
        part[(((size_t)blockIdx.z * chunks + chunk) * QUANTITIES + ty) * columns + c] = total;
    }
}

/* One block of threads a replica for alpha and shift, which all columns share; a thread a column of gamma and beta. */
static __global__ void squash_join(struct nl_squash op, size_t stride, unsigned columns, unsigned chunks,
                                   const double *part)
{
    float *dgamma = (float *)nl_at(op.dgamma, stride), *dbeta = (float *)nl_at(op.dbeta, stride),
          *dshift = (float *)nl_at(op.dshift, stride);
    double alpha = 0.0, shift = 0.0;
    for (unsigned c = threadIdx.x; c < columns; c += blockDim.x) {
        double sum[QUANTITIES] = {0.0, 0.0, 0.0, 0.0};
        for (unsigned chunk = 0; chunk < chunks; chunk++)
            for (unsigned q = 0; q < QUANTITIES; q++)
                sum[q] += part[(((size_t)blockIdx.z * chunks + chunk) * QUANTITIES + q) * columns + c];
        if (dgamma)
            dgamma[c] = (float)sum[0];
        if (dbeta)
            dbeta[c] = (float)sum[1];
        alpha += sum[2];
        shift += sum[3];
    }
    nl_block_sum(&alpha, &shift);
    if (threadIdx.x != 0)
        return;
    *(float *)nl_at(op.dalpha, stride) = (float)alpha;
    if (dshift)
        *dshift = (float)shift;
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = (const struct nl_squash *)arguments;
    size_t count = (size_t)run->samples * op->positions * op->channels;
    NL_LAUNCH(squash_forward, nl_grid_over(run, count), NL_THREADS, *op, nl_squash_function_of(op), run->stride, count);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = (const struct nl_squash *)arguments;
    unsigned columns = (unsigned)(op->affine_count > 0 ? op->affine_count : (size_t)op->channels),
             replicas = (unsigned)run->replicas;
    unsigned rows = (unsigned)((size_t)run->samples * op->positions * op->channels / columns),
             chunks = nl_blocks(rows, CHUNK);
    double *part = (double *)nl_cuda_scratch((size_t)replicas * chunks * QUANTITIES * columns * sizeof *part);
    NL_LAUNCH(squash_backward, dim3(nl_blocks(columns, COLUMNS) * chunks, 1, replicas), COLUMNS * DEEP, *op,
              nl_squash_function_of(op), run->stride, rows, columns, part);
    NL_LAUNCH(squash_join, dim3(1, 1, replicas), NL_THREADS, *op, run->stride, columns, chunks, part);
}

NL_CUDA_KERNEL(squash, NULL, launch_forward, launch_backward);
