/* Filter response normalization, sixteen channels of a sample at a time: memory is read once, for what comes after the
 * sum of squares finds its numbers in the cache. Sums go in float over a few rows, then in double. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "base/team.h"
#include "norm/coefficients.h"
#include "operation/frn.h"

/* The numbers of a call. */
struct numbers {
    size_t positions, channels;
    double eps;
    const float *x, *dz, *gamma, *beta, *tau;
    float *z, *dx;
};

static struct numbers numbers_of(const struct nl_frn *op)
{
    const float *learned = op->learned_eps;
    double eps = nl_override_or(op->set.eps, op->hyper->norm_eps) + (learned ? fabs((double)*learned) : 0.0);
    return (struct numbers){
        (size_t)op->positions, (size_t)op->channels, eps, op->x, op->dz, op->gamma, op->beta, op->tau, op->z, op->dx};
}

/* What so many channels of one sample are computed with, side by side. */
struct tile {
    float gamma[NL_LANES], beta[NL_LANES], tau[NL_LANES];
    float scale[NL_LANES]; /* 1 / sqrt(nu2 + eps) */
    float slope[NL_LANES]; /* gamma scale: y = slope x + beta, forward and backward in the same bits */
};

/* Makes the tile of channels [c, c + lanes) of the sample at x. */
NL_INLINE void make_tile(struct tile *tile, const struct numbers *n, const float *x, size_t c, size_t lanes)
{
    double squares[NL_LANES] = {0};
    for (size_t begin = 0; begin < n->positions; begin += NL_BLOCK_ROWS) {
        float sum[NL_LANES] = {0};
        size_t end = begin + NL_BLOCK_ROWS < n->positions ? begin + NL_BLOCK_ROWS : n->positions;
        for (size_t s = begin; s < end; s++) {
            const float *row = x + s * n->channels;
            NL_ROLLED
            for (size_t l = 0; l < lanes; l++)
                sum[l] += row[l] * row[l];
        }
        for (size_t l = 0; l < lanes; l++)
            squares[l] += (double)sum[l];
    }
    for (size_t l = 0; l < lanes; l++) {
        double size = squares[l] / (double)n->positions + n->eps;
        tile->scale[l] = size == 0 ? 0.0f : (float)(1.0 / sqrt(size));
        tile->gamma[l] = n->gamma ? n->gamma[c + l] : 1.0f;
        tile->beta[l] = n->beta ? n->beta[c + l] : 0.0f;
        tile->tau[l] = n->tau ? n->tau[c + l] : -INFINITY;
        tile->slope[l] = tile->gamma[l] * tile->scale[l];
    }
}

/* ---- forward ---- */

NL_INLINE void tile_forward(const struct numbers *n, const float *x, float *z, size_t c, size_t lanes)
{
    struct tile tile;
    make_tile(&tile, n, x, c, lanes);
    for (size_t s = 0; s < n->positions; s++) {
        const float *row = x + s * n->channels;
        float *restrict to = z + s * n->channels;
        NL_ROLLED
        for (size_t l = 0; l < lanes; l++) {
            float y = tile.slope[l] * row[l] + tile.beta[l];
            to[l] = y < tile.tau[l] ? tile.tau[l] : y; /* NaN stays NaN */
        }
    }
}

NL_CLONES
static void sample_forward(const struct numbers *n, const float *x, float *z)
{
    size_t c = 0;
    for (; c + NL_LANES <= n->channels; c += NL_LANES)
        tile_forward(n, x + c, z + c, c, NL_LANES);
    if (c < n->channels)
        tile_forward(n, x + c, z + c, c, n->channels - c);
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_frn *op = operation;
    size_t sample = (size_t)op->positions * (size_t)op->channels;
    struct numbers n = numbers_of(op);
    for (size_t at = first * sample; at < (first + (size_t)run->samples) * sample; at += sample)
        sample_forward(&n, n.x + at, n.z + at);
}

static void frn_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 2, forward);
}

/* ---- backward ---- */

/* Sums over samples, (channels) each: of the gradients of gamma, beta and tau, and of eps. */
enum { GAMMA, BETA, TAU, EPS, QUANTITIES };

struct sums {
    float gamma[NL_LANES], beta[NL_LANES], tau[NL_LANES];
};

/* What the threshold lets through. */
NL_INLINE float passed(const struct tile *tile, size_t l, float x, float dz)
{
    float y = tile->slope[l] * x + tile->beta[l], half = 0.5f * dz;
    return y > tile->tau[l] ? dz : y == tile->tau[l] ? half : 0.0f;
}

NL_INLINE void add_sums(const struct tile *tile, size_t lanes, size_t rows, size_t line, const float *x,
                        const float *dz, struct sums *restrict sums)
{
    for (size_t s = 0; s < rows; s++) {
        NL_ROLLED
        for (size_t l = 0; l < lanes; l++) {
            float from = dz[s * line + l], dy = passed(tile, l, x[s * line + l], from);
            sums->gamma[l] += dy * (x[s * line + l] * tile->scale[l]);
            sums->beta[l] += dy;
            sums->tau[l] += from - dy;
        }
    }
}

/* dx may be dz. */
NL_INLINE void make_dx(const struct tile *tile, size_t lanes, const struct numbers *n, const float *mean,
                       const float *x, const float *dz, float *dx)
{
    for (size_t s = 0; s < n->positions; s++) {
        const float *row = x + s * n->channels, *from = dz + s * n->channels;
        float *to = dx + s * n->channels;
        NL_PARALLEL
        NL_ROLLED
        for (size_t l = 0; l < lanes; l++)
            to[l] = tile->scale[l] *
                    (tile->gamma[l] * passed(tile, l, row[l], from[l]) - row[l] * tile->scale[l] * mean[l]);
    }
}

/* Makes dx of one position, where u mean(du u) is du u^2, and 1 - u^2 = eps / (nu2 + eps) keeps its digits. */
NL_INLINE void make_dx_of_one(const struct tile *tile, size_t lanes, double eps, const float *x, const float *dz,
                              float *dx)
{
    for (size_t l = 0; l < lanes; l++)
        dx[l] = (float)(tile->slope[l] * passed(tile, l, x[l], dz[l]) * (eps * tile->scale[l] * tile->scale[l]));
}

/* Adds to sums[QUANTITIES][channels]. dx NULL: nobody asks for it. */
NL_INLINE void tile_backward(const struct numbers *n, const float *x, const float *dz, float *dx, double *sums,
                             size_t c, size_t lanes)
{
    struct tile tile;
    double total[QUANTITIES][NL_LANES] = {0};
    float mean[NL_LANES];
    make_tile(&tile, n, x, c, lanes);
    for (size_t begin = 0; begin < n->positions; begin += NL_BLOCK_ROWS) {
        struct sums part = {0};
        size_t left = n->positions - begin, at = begin * n->channels;
        add_sums(&tile, lanes, left < NL_BLOCK_ROWS ? left : NL_BLOCK_ROWS, n->channels, x + at, dz + at, &part);
        for (size_t l = 0; l < lanes; l++) {
            total[GAMMA][l] += (double)part.gamma[l];
            total[BETA][l] += (double)part.beta[l];
            total[TAU][l] += (double)part.tau[l];
        }
    }
    for (size_t l = 0; l < lanes; l++) {
        double product = total[GAMMA][l] * (double)tile.gamma[l];
        mean[l] = (float)(product / (double)n->positions);
        total[EPS][l] = -0.5 * product * (double)tile.scale[l] * (double)tile.scale[l];
    }
    if (dx && n->positions == 1)
        make_dx_of_one(&tile, lanes, n->eps, x, dz, dx);
    else if (dx)
        make_dx(&tile, lanes, n, mean, x, dz, dx);
    for (size_t q = 0; q < QUANTITIES; q++)
        for (size_t l = 0; l < lanes; l++)
            sums[q * n->channels + c + l] += total[q][l];
}

NL_CLONES
static void sample_backward(const struct numbers *n, size_t at, double *sums)
{
    const float *x = n->x + at, *dz = n->dz + at;
    float *dx = n->dx ? n->dx + at : NULL;
    size_t c = 0;
    for (; c + NL_LANES <= n->channels; c += NL_LANES)
        tile_backward(n, x + c, dz + c, dx ? dx + c : NULL, sums, c, NL_LANES);
    if (c < n->channels)
        tile_backward(n, x + c, dz + c, dx ? dx + c : NULL, sums, c, n->channels - c);
}

/* Blocks of samples, whose sums lie side by side in `part`. */
struct task {
    struct numbers numbers;
    size_t samples, block; /* in all, and in a block */
    double *part;          /* (blocks, QUANTITIES, channels) */
};

static void on_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct task *task = context;
    const struct numbers *n = &task->numbers;
    (void)thread;
    for (size_t block = first; block < end; block++) {
        double *part = task->part + block * QUANTITIES * n->channels;
        for (size_t i = 0; i < QUANTITIES * n->channels; i++)
            part[i] = 0.0;
        for (size_t i = block * task->block; i < (block + 1) * task->block && i < task->samples; i++)
            sample_backward(n, i * n->positions * n->channels, part);
    }
}

static double total_of(const struct task *task, size_t blocks, size_t quantity, size_t c)
{
    double total = 0;
    for (size_t block = 0; block < blocks; block++)
        total += task->part[(block * QUANTITIES + quantity) * task->numbers.channels + c];
    return total;
}

static void join(const struct nl_frn *op, const struct task *task, size_t blocks)
{
    float *to[] = {[GAMMA] = op->dgamma, [BETA] = op->dbeta, [TAU] = op->dtau};
    float *deps = op->dlearned_eps;
    const float *learned = op->learned_eps;
    double eps = 0;
    for (size_t c = 0; c < task->numbers.channels; c++) {
        for (size_t q = GAMMA; q <= TAU; q++)
            if (to[q])
                to[q][c] = (float)total_of(task, blocks, q, c);
        if (deps)
            eps += total_of(task, blocks, EPS, c);
    }
    if (deps)
        *deps = (float)(nl_sign((double)*learned) * eps);
}

static void frn_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels, samples = (size_t)run->samples;
    struct task task = {.samples = samples, .block = (size_t)(op->positions < 128 ? 128 / op->positions : 1)};
    size_t blocks = (samples + task.block - 1) / task.block;
    task.part = nl_cpu_scratch(blocks * QUANTITIES * (size_t)op->channels * sizeof *task.part);
    task.numbers = numbers_of(op);
    nl_parallel_for(blocks, nl_cpu_grain(12.0 * (double)task.block * (double)sample), on_blocks, &task);
    join(op, &task, blocks);
}

NL_CPU_KERNEL(frn) = {.forward = frn_forward, .backward = frn_backward};
