/* Filter response normalization. A block of threads has 32 channels of one sample. Gradients of what all samples share
 * are summed over the samples in a fixed order. */
#include "backend/cuda/cuda.h"
#include "operation/frn.h"

static const unsigned COLUMNS = 32, DEEP = 8; /* a block: 32 channels, 8 threads deep, which share their positions */

/* A thread's channel, and what it is computed with. */
struct channel {
    unsigned c, deep;      /* c may lie after the last */
    size_t first;          /* element of its first position */
    float gamma, beta, tau;
    double scale, eps;     /* scale: 1 / sqrt(nu2 + eps) */
    float slope;           /* gamma scale: y = slope x + beta, forward and backward in the same bits */
};

/* Sum over the threads of a channel, in a fixed order; each of them has it. */
static __device__ inline double sum_of_channel(double value)
{
    __shared__ double part[DEEP][COLUMNS];
    unsigned tx = threadIdx.x % COLUMNS, ty = threadIdx.x / COLUMNS;
    __syncthreads(); /* the room may still be read from the last time */
    part[ty][tx] = value;
    __syncthreads();
    double total = 0.0;
    for (unsigned i = 0; i < DEEP; i++)
        total += part[i][tx];
    return total;
}

static __device__ inline struct channel find_channel(const struct nl_frn *op, size_t stride)
{
    unsigned tiles = (op->channels + COLUMNS - 1) / COLUMNS, sample = blockIdx.x / tiles;
    struct channel at = {blockIdx.x % tiles * COLUMNS + threadIdx.x % COLUMNS,
                         threadIdx.x / COLUMNS,
                         0,
                         1.0f,
                         0.0f,
                         -INFINITY,
                         0.0,
                         0.0,
                         0.0f};
    bool exists = at.c < (unsigned)op->channels;
    const float *x = (const float *)nl_at(op->x, stride), *gamma = (const float *)nl_at(op->gamma, stride),
                *beta = (const float *)nl_at(op->beta, stride), *tau = (const float *)nl_at(op->tau, stride),
                *learned = (const float *)nl_at(op->learned_eps, stride);
    at.first = (size_t)sample * op->positions * op->channels + at.c;
    at.eps = nl_override_or(op->set.eps, nl_at(op->hyper, stride)->norm_eps) + (learned ? fabs((double)*learned) : 0.0);
    float squares = 0.0f;
    for (unsigned s = at.deep; exists && s < (unsigned)op->positions; s += DEEP) {
        float value = x[at.first + (size_t)s * op->channels];
        squares += value * value;
    }
    double size = sum_of_channel(squares) / op->positions + at.eps;
    at.scale = size == 0.0 ? 0.0 : 1.0 / sqrt(size);
    if (exists && gamma)
        at.gamma = gamma[at.c], at.beta = beta ? beta[at.c] : 0.0f;
    if (exists && tau)
        at.tau = tau[at.c];
    at.slope = at.gamma * (float)at.scale;
    return at;
}

static __global__ void frn_forward(struct nl_frn op, size_t stride)
{
    struct channel at = find_channel(&op, stride);
    const float *x = (const float *)nl_at(op.x, stride);
    float *z = (float *)nl_at(op.z, stride);
    for (unsigned s = at.deep; at.c < (unsigned)op.channels && s < (unsigned)op.positions; s += DEEP) {
        size_t i = at.first + (size_t)s * op.channels;
        float y = at.slope * x[i] + at.beta;
        z[i] = y < at.tau ? at.tau : y; /* NaN stays NaN */
    }
}

/* ---- backward ---- */

/* What the threshold lets through. */
static __device__ inline float passed(const struct channel *at, float x, float dz)
{
    float y = at->slope * x + at->beta;
    return y > at->tau ? dz : y == at->tau ? 0.5f * dz : 0.0f;
}

static const unsigned QUANTITIES = 4; /* gradients of gamma, beta, tau, eps */

/* part[r][sample][QUANTITIES][channels]: sums over a set. */
static __global__ void frn_backward(struct nl_frn op, size_t stride, unsigned samples, double *part)
{
    struct channel at = find_channel(&op, stride);
    const float *x = (const float *)nl_at(op.x, stride), *dz = (const float *)nl_at(op.dz, stride);
    float *dx = (float *)nl_at(op.dx, stride), scale = (float)at.scale, sum[3] = {0.0f, 0.0f, 0.0f};
    bool exists = at.c < (unsigned)op.channels;
    for (unsigned s = at.deep; exists && s < (unsigned)op.positions; s += DEEP) {
        size_t i = at.first + (size_t)s * op.channels;
        float dy = passed(&at, x[i], dz[i]);
        sum[0] += dy * (x[i] * scale);
        sum[1] += dy;
        sum[2] += dz[i] - dy;
    }
    double dgamma = sum_of_channel(sum[0]), dbeta = sum_of_channel(sum[1]), dtau = sum_of_channel(sum[2]),
           product = dgamma * at.gamma;
    float mean = (float)(product / op.positions), of_one = (float)(at.eps * at.scale * at.scale);
    for (unsigned s = at.deep; dx && exists && s < (unsigned)op.positions; s += DEEP) {
        size_t i = at.first + (size_t)s * op.channels;
        float du = at.gamma * passed(&at, x[i], dz[i]);
        /* With one position u mean(du u) is du u^2, and 1 - u^2 = eps / (nu2 + eps) keeps its digits. */
        dx[i] = scale * (op.positions == 1 ? du * of_one : du - x[i] * scale * mean);
    }
    if (!exists || at.deep > 0)
        return;
    unsigned tiles = (op.channels + COLUMNS - 1) / COLUMNS, sample = blockIdx.x / tiles;
    double *to = part + ((size_t)blockIdx.z * samples + sample) * QUANTITIES * op.channels + at.c;
    to[0] = dgamma;
    to[(size_t)op.channels] = dbeta;
    to[2 * (size_t)op.channels] = dtau;
    to[3 * (size_t)op.channels] = -0.5 * product * at.scale * at.scale;
}

/* One block of threads a replica, for eps is all channels'; a thread a channel. */
static __global__ void frn_join(struct nl_frn op, size_t stride, unsigned samples, const double *part)
{
    float *dgamma = (float *)nl_at(op.dgamma, stride), *dbeta = (float *)nl_at(op.dbeta, stride),
          *dtau = (float *)nl_at(op.dtau, stride), *dlearned = (float *)nl_at(op.dlearned_eps, stride);
    double eps = 0.0, none = 0.0;
    for (unsigned c = threadIdx.x; c < (unsigned)op.channels; c += blockDim.x) {
        double sum[QUANTITIES] = {0.0, 0.0, 0.0, 0.0};
        for (unsigned n = 0; n < samples; n++)
            for (unsigned q = 0; q < QUANTITIES; q++)
                sum[q] += part[(((size_t)blockIdx.z * samples + n) * QUANTITIES + q) * op.channels + c];
        if (dgamma)
            dgamma[c] = (float)sum[0];
        if (dbeta)
            dbeta[c] = (float)sum[1];
        if (dtau)
            dtau[c] = (float)sum[2];
        eps += sum[3];
    }
    nl_block_sum(&eps, &none);
    if (!dlearned || threadIdx.x != 0)
        return;
    float learned = *(const float *)nl_at(op.learned_eps, stride);
    *dlearned = (float)(((learned > 0.0f) - (learned < 0.0f)) * eps);
}

static dim3 grid_of(const struct nl_run *run, const struct nl_frn *op)
{
    return dim3(nl_blocks((size_t)op->channels, COLUMNS) * (unsigned)run->samples, 1, (unsigned)run->replicas);
}

static void launch_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = (const struct nl_frn *)arguments;
    NL_LAUNCH(frn_forward, grid_of(run, op), COLUMNS * DEEP, *op, run->stride);
}

static void launch_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = (const struct nl_frn *)arguments;
    unsigned replicas = (unsigned)run->replicas, samples = (unsigned)run->samples;
    double *part =
        (double *)nl_cuda_scratch((size_t)replicas * samples * QUANTITIES * (size_t)op->channels * sizeof *part);
    NL_LAUNCH(frn_backward, grid_of(run, op), COLUMNS * DEEP, *op, run->stride, samples, part);
    NL_LAUNCH(frn_join, dim3(1, 1, replicas), NL_THREADS, *op, run->stride, samples, part);
}

NL_CUDA_KERNEL(frn, NULL, launch_forward, launch_backward);
