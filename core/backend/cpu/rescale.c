/* Normalizers that divide a set by a measure of its size. A set is read from memory once: what comes after its sums finds it in the cache. Sums go in float over
 * a few rows (positions), then in double. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "base/team.h"
#include "operation/rescale.h"

/* One replica's numbers. */
struct numbers {
    const struct nl_rescale *op;
    size_t rows, channels, counted; /* of a set: rows of so many channels, of which the squares of the first count */
    double eps;
    const float *x, *dy;
    const float *gamma; /* one a channel; with norm.affine = element a row for each position; of one number, or none, copies of it */
    bool of_elements;
    const float *counts; /* (channels): 1 where a channel counts, 0 elsewhere */
    float *y, *dx;
};

static struct numbers numbers_of(const struct nl_run *run, const struct nl_rescale *op, int r)
{
    size_t at = (size_t)r * run->stride, channels = (size_t)op->channels;
    const float *gamma = NL_AT(op->gamma, at);
    float *copies = nl_cpu_product_scratch(2 * channels * sizeof *copies), *counts = copies + channels;
    for (size_t c = 0; c < channels; c++) {
        copies[c] = gamma ? *gamma : 1.0f;
        counts[c] = c < (size_t)op->counted ? 1.0f : 0.0f;
    }
    return (struct numbers){
        .op = op,
        .rows = (size_t)nl_rescale_positions(op),
        .channels = channels,
        .counted = (size_t)op->counted,
        .eps = nl_own_or(op->set.eps, ((const struct nl_hyper *)NL_AT(op->hyper, at))->norm_eps),
        .x = NL_AT(op->x, at),
        .dy = NL_AT(op->dy, at),
        .gamma = op->affine_count > 1 ? gamma : copies,
        .of_elements = op->affine_count > channels,
        .counts = counts,
        .y = NL_AT(op->y, at),
        .dx = NL_AT(op->dx, at),
    };
}

/* gamma of a row: that of position `position` of a sample. */
NL_INLINE const float *gamma_of(const struct numbers *n, size_t position)
{
    return n->gamma + (n->of_elements ? position * n->channels : 0);
}

/* The sum of lanes, in a fixed order. */
NL_INLINE float fold(const float *lanes)
{
    float sum[NL_LANES / 2];
    for (size_t l = 0; l < 8; l++)
        sum[l] = lanes[l] + lanes[l + 8];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* sum a b, and sum a b c unless c is NULL, over so many rows of `columns`; line: from row to row, of c 0 or as much. */
NL_INLINE double sum_of(size_t rows, size_t columns, size_t line, const float *a, const float *b, const float *c, size_t c_line)
{
    double total = 0;
    for (size_t begin = 0; begin < rows; begin += NL_BLOCK_ROWS) {
        float lanes[NL_LANES] = {0};
        for (size_t row = begin; row < begin + NL_BLOCK_ROWS && row < rows; row++) {
            const float *p = a + row * line, *q = b + row * line, *g = c ? c + row * c_line : NULL;
            size_t i = 0;
            for (; i + NL_LANES <= columns; i += NL_LANES) {
                NL_ROLLED
                for (size_t l = 0; l < NL_LANES; l++)
                    lanes[l] += g ? p[i + l] * q[i + l] * g[i + l] : p[i + l] * q[i + l];
            }
            for (size_t l = 0; i + l < columns; l++)
                lanes[l] += g ? p[i + l] * q[i + l] * g[i + l] : p[i + l] * q[i + l];
        }
        total += (double)fold(lanes);
    }
    return total;
}

struct factor {
    double scale, slope;
};

/* Of a set. */
NL_INLINE struct factor factor_of(const struct numbers *n, const float *x)
{
    double squares = sum_of(n->rows, n->counted, n->channels, x, x, NULL, 0), counted = (double)n->rows * (double)n->counted;
    bool of_length = nl_rescale_measure_of(n->op) == NL_RESCALE_LENGTH, is_held = of_length && squares < n->eps * n->eps;
    double size = is_held ? n->eps : sqrt(of_length ? squares : squares / counted + n->eps), scale = size == 0 ? 0 : 1 / size;
    return (struct factor){scale, is_held ? 0 : scale * scale * scale / (of_length ? 1 : counted)};
}

/* ---- forward ---- */

/* Sets [first, end) of the replica. */
NL_CLONES
static void sets_forward(const struct numbers *n, size_t first, size_t end)
{
    size_t positions = (size_t)n->op->positions;
    for (size_t set = first; set < end; set++) {
        const float *x = n->x + set * n->rows * n->channels;
        float scale = (float)factor_of(n, x).scale;
        for (size_t row = 0; row < n->rows; row++) {
            const float *restrict gamma = gamma_of(n, (set * n->rows + row) % positions), *restrict from = x + row * n->channels;
            float *restrict y = n->y + (set * n->rows + row) * n->channels;
            for (size_t c = 0; c < n->channels; c++)
                y[c] = gamma[c] * (from[c] * scale);
        }
    }
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_rescale *op = operation;
    for (int r = 0; r < run->replicas; r++) {
        struct numbers n = numbers_of(run, op, r);
        size_t sets = (size_t)op->positions / n.rows; /* of a sample */
        sets_forward(&n, first * sets, (first + (size_t)run->samples) * sets);
    }
}

static void rescale_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 2, forward);
}

/* ---- backward ---- */

/* Sums for dgamma over some rows in float, and over those before them in double: one number, or as many as gamma has. */
struct sums {
    float *recent;
    double *total;
    size_t columns, rows, most; /* rows: in `recent`, at most `most` */
};

NL_INLINE void settle(struct sums *sums)
{
    for (size_t i = 0; i < sums->columns; i++) {
        sums->total[i] += (double)sums->recent[i];
        sums->recent[i] = 0.0f;
    }
    sums->rows = 0;
}

/* dx of a row, which may be dy. */
NL_INLINE void row_backward(const struct numbers *n, const float *gamma, float scale, float slope, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t c = 0; c < n->channels; c++)
        dx[c] = scale * (dy[c] * gamma[c]) - x[c] * (slope * n->counts[c]);
}

/* A set of which gamma is one number, or absent. */
NL_INLINE void set_backward(const struct numbers *n, size_t set, struct sums *sums)
{
    size_t at = set * n->rows * n->channels;
    struct factor factor = factor_of(n, n->x + at);
    double product = sum_of(n->rows, n->channels, n->channels, n->x + at, n->dy + at, NULL, 0);
    for (size_t row = 0; n->dx && row < n->rows; row++) {
        size_t from = at + row * n->channels;
        row_backward(n, n->gamma, (float)factor.scale, (float)(factor.slope * product * (double)n->gamma[0]), n->x + from, n->dy + from, n->dx + from);
    }
    if (sums->columns == 1)
        sums->total[0] += factor.scale * product;
}

/* A set with a gamma for each channel or element. */
NL_INLINE void set_backward_by_columns(const struct numbers *n, size_t set, struct sums *sums)
{
    size_t at = set * n->rows * n->channels, first = set * n->rows % (size_t)n->op->positions;
    struct factor factor = factor_of(n, n->x + at);
    double product = sum_of(n->rows, n->channels, n->channels, n->x + at, n->dy + at, gamma_of(n, first), n->of_elements ? n->channels : 0);
    float scale = (float)factor.scale, slope = (float)(factor.slope * product);
    for (size_t row = 0; row < n->rows; row++) {
        const float *x = n->x + at + row * n->channels, *dy = n->dy + at + row * n->channels;
        float *restrict recent = sums->recent + (n->of_elements ? (first + row) * n->channels : 0);
        for (size_t c = 0; c < n->channels; c++)
            recent[c] += dy[c] * (x[c] * scale);
        if (++sums->rows == sums->most)
            settle(sums);
        if (n->dx)
            row_backward(n, gamma_of(n, first + row), scale, slope, x, dy, n->dx + at + row * n->channels);
    }
}

NL_CLONES
static void sets_backward(const struct numbers *n, size_t first, size_t end, struct sums *sums)
{
    for (size_t set = first; set < end; set++)
        if (sums->columns > 1)
            set_backward_by_columns(n, set, sums);
        else
            set_backward(n, set, sums);
    settle(sums);
}

/* One replica; blocks of samples, whose sums lie side by side. */
struct task {
    struct numbers numbers;
    size_t samples, block; /* in all, and in a block */
    size_t columns;        /* of dgamma */
    double *total;         /* (blocks, columns) */
    float *recent;
};

static void on_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct task *task = context;
    const struct numbers *n = &task->numbers;
    size_t positions = (size_t)n->op->positions, sets = positions / n->rows; /* of a sample */
    (void)thread;
    for (size_t block = first; block < end; block++) {
        size_t last = (block + 1) * task->block < task->samples ? (block + 1) * task->block : task->samples;
        struct sums sums = {.recent = task->recent + block * task->columns,
                            .total = task->total + block * task->columns,
                            .columns = task->columns,
                            .most = NL_BLOCK_ROWS * (n->of_elements ? positions : 1)};
        for (size_t i = 0; i < task->columns; i++)
            sums.total[i] = sums.recent[i] = 0;
        sets_backward(n, block * task->block * sets, last * sets, &sums);
    }
}

static void rescale_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels, samples = (size_t)run->samples, rows = (size_t)op->positions;
    struct task task = {.samples = samples, .columns = op->affine_count};
    task.block = op->affine_count > (size_t)op->channels ? NL_BLOCK_ROWS : rows < 128 ? 128 / rows : 1;
    size_t blocks = (samples + task.block - 1) / task.block, count = blocks * task.columns;
    task.total = nl_cpu_scratch(count * (sizeof *task.total + sizeof *task.recent));
    task.recent = (float *)(task.total + count);
    for (int r = 0; r < run->replicas; r++) {
        float *dgamma = NL_AT(op->dgamma, (size_t)r * run->stride);
        task.numbers = numbers_of(run, op, r);
        nl_parallel_for(blocks, nl_cpu_grain(10.0 * (double)task.block * (double)sample), on_blocks, &task);
        for (size_t c = 0; c < task.columns; c++) {
            double total = 0;
            for (size_t block = 0; block < blocks; block++)
                total += task.total[block * task.columns + c];
            dgamma[c] = (float)total;
        }
    }
}

const struct nl_kernel nl_cpu_rescale = {.forward = rescale_forward, .backward = rescale_backward};
