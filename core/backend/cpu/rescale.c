/* Normalizers that divide a set by a measure of its size. A set is read from memory once: what comes after its sums
 * finds it in the cache. Sums go in float over a few rows (positions), then in double. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "base/team.h"
#include "operation/rescale.h"

/* The numbers of a call. */
struct numbers {
    const struct nl_rescale *op;
    size_t positions;               /* of a sample */
    size_t rows, channels, counted; /* of a set: rows of so many channels, of which the squares of the first count */
    double eps;
    const float *x, *dy;
    const float *gamma; /* one a channel; with norm.affine = element a row for each position; of one number, or none,
                           copies of it */
    bool of_elements;
    const float *counts; /* (channels): 1 where a channel counts, 0 elsewhere */
    float *y, *dx;
};

static struct numbers numbers_of(const struct nl_rescale *op)
{
    size_t channels = (size_t)op->channels;
    const float *gamma = op->gamma;
    float *copies = nl_cpu_product_scratch(2 * channels * sizeof *copies), *counts = copies + channels;
    for (size_t c = 0; c < channels; c++) {
        copies[c] = gamma ? *gamma : 1.0f;
        counts[c] = c < (size_t)op->counted ? 1.0f : 0.0f;
    }
    return (struct numbers){
        .op = op,
        .positions = (size_t)op->positions,
        .rows = (size_t)nl_rescale_positions(op),
        .channels = channels,
        .counted = (size_t)op->counted,
        .eps = nl_override_or(op->set.eps, op->hyper->norm_eps),
        .x = op->x,
        .dy = op->dy,
        .gamma = op->affine_count > 1 ? gamma : copies,
        .of_elements = op->affine_count > channels,
        .counts = counts,
        .y = op->y,
        .dx = op->dx,
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
    float eight[8], four[4];
    for (size_t l = 0; l < 8; l++)
        eight[l] = lanes[l] + lanes[l + 8];
    for (size_t l = 0; l < 4; l++)
        four[l] = eight[l] + eight[l + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* sum a b, and sum a b c unless c is NULL, over so many rows of `columns`; line: from row to row, of c 0 or as much. */
NL_INLINE double sum_of(size_t rows, size_t columns, size_t line, const float *a, const float *b, const float *c,
                        size_t c_line)
{
    double total = 0;
    for (size_t row = 0; columns < NL_LANES && row < rows; row++)
        for (size_t i = row * line; i < row * line + columns; i++)
            total += (double)a[i] * (double)b[i] * (c ? (double)c[row * c_line + i - row * line] : 1.0);
    for (size_t begin = 0; columns >= NL_LANES && begin < rows; begin += NL_BLOCK_ROWS) {
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

/* Sets are taken some at a time, so that their divisions do not wait for one another: as many as have few elements. */
enum { SETS = 32 };

static size_t sets_at_a_time(const struct numbers *n)
{
    return n->rows == 1 ? SETS : 1;
}

/* Finds scale and slope of sets [first, first + count) (struct nl_rescale). */
NL_INLINE void find_factors(const struct numbers *n, size_t first, size_t count, double *restrict scale,
                            double *restrict slope)
{
    double squares[SETS], counted = (double)n->rows * (double)n->counted, eps = n->eps;
    bool of_length = nl_rescale_measure_of(n->op) == NL_RESCALE_LENGTH;
    for (size_t i = 0; i < count; i++) {
        const float *x = n->x + (first + i) * n->rows * n->channels;
        squares[i] = sum_of(n->rows, n->counted, n->channels, x, x, NULL, 0);
    }
    for (size_t i = 0; i < count; i++) {
        double measured = of_length ? squares[i] : squares[i] / counted + eps, least = of_length ? eps * eps : 0,
               share = of_length ? 1 : counted;
        double size = sqrt(measured < least ? least : measured), some = size == 0 ? 0 : 1;
        scale[i] = some / (size == 0 ? 1 : size);
        slope[i] = scale[i] * scale[i] * scale[i] * (measured < least ? 0 : 1) / share;
    }
}

/* ---- forward ---- */

NL_INLINE void row_forward(size_t channels, const float *gamma, float scale, const float *x, float *restrict y)
{
    size_t c = 0;
    for (; c + NL_LANES <= channels; c += NL_LANES) {
        NL_ROLLED
        for (size_t l = 0; l < NL_LANES; l++)
            y[c + l] = gamma[c + l] * (x[c + l] * scale);
    }
    for (; c < channels; c++)
        y[c] = gamma[c] * (x[c] * scale);
}

/* Sets [first, end). */
NL_CLONES
static void sets_forward(const struct numbers *n, size_t first, size_t end)
{
    double scale[SETS], slope[SETS];
    size_t position = first * n->rows % n->positions;
    for (size_t most = sets_at_a_time(n); first < end; first += most) {
        size_t count = end - first < most ? end - first : most, at = first * n->rows * n->channels;
        find_factors(n, first, count, scale, slope);
        for (size_t row = 0; row < count * n->rows; row++, at += n->channels) {
            row_forward(n->channels, gamma_of(n, position), (float)scale[n->rows == 1 ? row : 0], n->x + at, n->y + at);
            position = position + 1 < n->positions ? position + 1 : 0;
        }
    }
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_rescale *op = operation;
    struct numbers n = numbers_of(op);
    size_t sets = n.positions / n.rows; /* of a sample */
    sets_forward(&n, first * sets, (first + (size_t)run->samples) * sets);
}

static void rescale_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 2, forward);
}

/* ---- backward ---- */

/* Sums for dgamma over some rows in float, and over those before them in double: one number, or as many as gamma
 * has. */
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

/* What a row is computed with, in backward. */
struct row {
    const float *gamma, *counts, *x, *dy;
    float scale, slope;
    float *dx;     /* may be dy; NULL: nobody asks for it */
    float *recent; /* sums for dgamma, or NULL */
};

NL_INLINE void element_backward(const struct row *row, size_t c)
{
    if (row->recent)
        row->recent[c] += row->dy[c] * (row->x[c] * row->scale);
    if (row->dx)
        row->dx[c] = row->scale * (row->dy[c] * row->gamma[c]) - row->x[c] * (row->slope * row->counts[c]);
}

NL_INLINE void row_backward(size_t channels, const struct row row)
{
    size_t c = 0;
    for (; c + NL_LANES <= channels; c += NL_LANES) {
        NL_PARALLEL
        NL_ROLLED
        for (size_t l = 0; l < NL_LANES; l++)
            element_backward(&row, c + l);
    }
    for (; c < channels; c++)
        element_backward(&row, c);
}

/* Sets [first, end). With gammas for channels or elements (by_columns) their gradients are summed row by
 * row, else set by set. */
NL_INLINE void backward_of(const struct numbers *n, size_t first, size_t end, struct sums *sums, bool by_columns)
{
    double scale[SETS], slope[SETS];
    size_t position = first * n->rows % n->positions, line = n->of_elements ? n->channels : 0;
    for (size_t most = sets_at_a_time(n); first < end; first += most) {
        size_t count = end - first < most ? end - first : most, at = first * n->rows * n->channels;
        find_factors(n, first, count, scale, slope);
        for (size_t i = 0, from = at; i < count; i++, from += n->rows * n->channels) {
            const float *gamma = by_columns ? gamma_of(n, n->of_elements ? (position + i) % n->positions : 0) : NULL;
            double product = sum_of(n->rows, n->channels, n->channels, n->x + from, n->dy + from, gamma, line);
            if (sums->columns == 1)
                sums->total[0] += scale[i] * product;
            slope[i] *= by_columns ? product : product * (double)n->gamma[0];
        }
        for (size_t row = 0; row < count * n->rows; row++, at += n->channels) {
            size_t set = n->rows == 1 ? row : 0;
            row_backward(n->channels, (struct row){.gamma = gamma_of(n, position),
                                                   .counts = n->counts,
                                                   .x = n->x + at,
                                                   .dy = n->dy + at,
                                                   .scale = (float)scale[set],
                                                   .slope = (float)slope[set],
                                                   .dx = n->dx ? n->dx + at : NULL,
                                                   .recent = by_columns ? sums->recent + position * line : NULL});
            if (by_columns && ++sums->rows == sums->most)
                settle(sums);
            position = position + 1 < n->positions ? position + 1 : 0;
        }
    }
    settle(sums);
}

NL_CLONES
static void sets_backward(const struct numbers *n, size_t first, size_t end, struct sums *sums)
{
    if (sums->columns > 1)
        backward_of(n, first, end, sums, true);
    else
        backward_of(n, first, end, sums, false);
}

/* Blocks of samples, whose sums lie side by side. */
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
    size_t sets = n->positions / n->rows; /* of a sample */
    (void)thread;
    for (size_t block = first; block < end; block++) {
        size_t last = (block + 1) * task->block < task->samples ? (block + 1) * task->block : task->samples;
        struct sums sums = {.recent = task->recent + block * task->columns,
                            .total = task->total + block * task->columns,
                            .columns = task->columns,
                            .most = NL_BLOCK_ROWS * (n->of_elements ? n->positions : 1)};
        for (size_t i = 0; i < task->columns; i++)
            sums.total[i] = sums.recent[i] = 0;
        sets_backward(n, block * task->block * sets, last * sets, &sums);
    }
}

static void rescale_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels, samples = (size_t)run->samples,
           rows = (size_t)op->positions;
    struct task task = {.samples = samples, .columns = op->affine_count};
    task.block = op->affine_count > (size_t)op->channels ? NL_BLOCK_ROWS : rows < 128 ? 128 / rows : 1;
    size_t blocks = (samples + task.block - 1) / task.block, count = blocks * task.columns;
    task.total = nl_cpu_scratch(count * (sizeof *task.total + sizeof *task.recent));
    task.recent = (float *)(task.total + count);
    float *dgamma = op->dgamma;
    task.numbers = numbers_of(op);
    nl_parallel_for(blocks, nl_cpu_grain(10.0 * (double)task.block * (double)sample), on_blocks, &task);
    for (size_t c = 0; c < task.columns; c++) {
        double total = 0;
        for (size_t block = 0; block < blocks; block++)
            total += task.total[block * task.columns + c];
        dgamma[c] = (float)total;
    }
}

NL_CPU_KERNEL(rescale) = {.forward = rescale_forward, .backward = rescale_backward};
