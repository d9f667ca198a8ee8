/* Whitening of groups of channels. Rows come in chunks: what is multiplied with a matrix is copied next to one another
 * and goes through the matrix product in float. Products of channels are summed in double: W divides by the roots of
 * the covariance's eigenvalues, of which a sum in float loses those below 1e-7 of the largest one, as those of a few
 * samples are. What becomes of a group's covariance is computed in double, too, by one thread a group. Of x its mean,
 * rounded to float, is subtracted before anything else. Narrow groups go through a product together, a block of
 * channels: the matrix of a block has those of its groups along the diagonal, and zeros. */
#include "operation/whitening.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/team.h"

enum { CHUNK = 128 }; /* rows */
enum { BLOCK = 16 };  /* channels of a block, if it has several groups: at most */
enum { WORK = NL_WHITENING_SCRATCH + 2 };

/* The numbers of a call. */
struct task {
    const struct nl_run *run;
    const struct nl_whitening *op;
    size_t rows, channels, d, groups, chunks;
    size_t width, blocks;      /* channels of a block, a multiple of d; blocks * width is channels */
    bool fixed, backward;
    const float *x, *dy, *gamma, *beta;
    float *out;                /* y, dx */
    double *mean, *w, *factors; /* what it is normalized with */
    const float *summed, *origin; /* whose columns are summed, less that row; NULL: less nothing */
    float *shift, *dy_shift;   /* (C): the mean of x, and of dy where the mean is no constant, else 0 */
    float *start, *factor; /* (C), (blocks, 2 width, width): a row of out is start + [x - shift] factor, or start + [dy
                              - dy_shift, x - shift] factor */
    double *sums;              /* (chunks, C) */
    double *products;          /* (chunks, groups, d, d) */
    double *work;              /* (groups, WORK, d, d) */
    float *buffers;            /* (threads, CHUNK, 3 width) */
};

static void *take(char **memory, size_t bytes)
{
    void *taken = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return taken;
}

/* Gives everything its place. Returns how many bytes that takes; `memory` is not touched. */
static size_t lay_out(struct task *task, char *memory)
{
    char *at = memory;
    size_t matrices = task->groups * task->d * task->d, of_blocks = task->channels * task->width;
    task->shift = take(&at, task->channels * sizeof(float));
    task->dy_shift = take(&at, task->channels * sizeof(float));
    task->start = take(&at, task->channels * sizeof(float));
    task->factor = take(&at, 2 * of_blocks * sizeof(float));
    task->sums = take(&at, task->chunks * task->channels * sizeof(double));
    task->products = take(&at, task->chunks * matrices * sizeof(double));
    task->work = take(&at, WORK * matrices * sizeof(double));
    task->buffers = take(&at, (size_t)nl_team_threads() * CHUNK * 3 * task->width * sizeof(float));
    task->mean = task->fixed ? take(&at, task->channels * sizeof(double)) : task->op->mean;
    task->w = task->fixed ? take(&at, matrices * sizeof(double)) : task->op->w;
    task->factors =
        task->fixed ? take(&at, task->groups * nl_whitening_factors_of(task->op) * sizeof(double)) : task->op->factors;
    return (size_t)(at - memory);
}

/* The most groups that a block can have: as many in each. */
static size_t block_width(size_t d, size_t groups)
{
    size_t most = d < BLOCK ? BLOCK / d : 1;
    while (groups % most)
        most--;
    return most * d;
}

static struct task task_of(const struct nl_run *run, const struct nl_whitening *op)
{
    struct task task = {.run = run, .op = op, .fixed = nl_are_fixed(run->statistics)};
    task.rows = (size_t)run->samples * (size_t)op->positions;
    task.channels = (size_t)op->channels, task.d = (size_t)nl_whitening_width(op), task.groups = (size_t)op->set.groups;
    task.chunks = (task.rows + CHUNK - 1) / CHUNK;
    task.width = block_width(task.d, task.groups), task.blocks = task.channels / task.width;
    task.x = op->x, task.dy = op->dy, task.gamma = op->gamma, task.beta = op->beta;
    lay_out(&task, nl_cpu_scratch(lay_out(&task, NULL)));
    return task;
}

static size_t rows_of(const struct task *task, size_t chunk)
{
    size_t left = task->rows - chunk * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

static void on_chunks(struct task *task, nl_parallel_body *body, double flops_of_row)
{
    nl_parallel_for(task->chunks, nl_cpu_grain(CHUNK * flops_of_row), body, task);
}

/* ---- sums ---- */

NL_CLONES
static void add_rows(size_t rows, size_t columns, const float *x, const float *origin, float *sum)
{
    for (size_t c = 0; c < columns; c++)
        sum[c] = 0.0f;
    for (size_t row = 0; row < rows; row++, x += columns) {
        NL_PARALLEL
        for (size_t c = 0; c < columns; c++)
            sum[c] += origin ? x[c] - origin[c] : x[c];
    }
}

static void sum_chunks(void *context, size_t first, size_t end, int thread)
{
    struct task *task = context;
    (void)thread;
    for (size_t chunk = first; chunk < end; chunk++) {
        double *sums = task->sums + chunk * task->channels;
        float *part = (float *)(task->products + chunk * task->channels * task->d); /* not in use yet; (C) at least */
        for (size_t c = 0; c < task->channels; c++)
            sums[c] = 0;
        for (size_t row = 0; row < rows_of(task, chunk); row += NL_BLOCK_ROWS) {
            size_t left = rows_of(task, chunk) - row;
            add_rows(left < NL_BLOCK_ROWS ? left : NL_BLOCK_ROWS, task->channels,
                     task->summed + (chunk * CHUNK + row) * task->channels, task->origin, part);
            for (size_t c = 0; c < task->channels; c++)
                sums[c] += part[c];
        }
    }
}

/* Sums the columns of x into the sums of the first chunk. */
static double *sum_columns(struct task *task, const float *x, const float *origin)
{
    task->summed = x;
    task->origin = origin;
    on_chunks(task, sum_chunks, 2.0 * (double)task->channels);
    for (size_t chunk = 1; chunk < task->chunks; chunk++)
        for (size_t c = 0; c < task->channels; c++)
            task->sums[c] += task->sums[chunk * task->channels + c];
    return task->sums;
}

/* to(rows, ...) = from(rows, channels) less shift, of some columns; lines: from row to row. */
NL_CLONES
static void copy_columns(size_t rows, size_t columns, const float *from, size_t from_line, const float *shift,
                         float *to, size_t to_line)
{
    for (size_t row = 0; row < rows; row++, from += from_line, to += to_line) {
        NL_PARALLEL
        for (size_t i = 0; i < columns; i++)
            to[i] = shift ? from[i] - shift[i] : from[i];
    }
}

static float *buffer_of(const struct task *task, int thread)
{
    return task->buffers + (size_t)thread * CHUNK * 3 * task->width;
}

/* out(d, d) += left(rows, d)' t(rows, d) */
NL_CLONES
static void add_products(size_t rows, size_t d, const float *left, const float *t, double *restrict out)
{
    for (size_t row = 0; row < rows; row++, left += d, t += d)
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < d; j++)
                out[i * d + j] += (double)left[i] * (double)t[j];
}

/* t' t of each group, or dy' t. */
static void multiply_chunks(void *context, size_t first, size_t end, int thread)
{
    struct task *task = context;
    size_t d = task->d, square = d * d;
    float *t = buffer_of(task, thread), *left = t + CHUNK * d;
    for (size_t chunk = first; chunk < end; chunk++)
        for (size_t g = 0; g < task->groups; g++) {
            size_t rows = rows_of(task, chunk), at = chunk * CHUNK * task->channels + g * d;
            double *products =
                memset(task->products + (chunk * task->groups + g) * square, 0, square * sizeof *products);
            copy_columns(rows, d, task->x + at, task->channels, task->shift + g * d, t, d);
            if (task->backward)
                copy_columns(rows, d, task->dy + at, task->channels, NULL, left, d);
            add_products(rows, d, task->backward ? left : t, t, products);
        }
}

/* Where a group's matrix begins among those of the blocks, of some rows each and `width` columns. */
static size_t place_of(const struct task *task, size_t g, size_t rows)
{
    size_t groups = task->width / task->d, diagonal = g % groups * task->d;
    return (g / groups * rows + diagonal) * task->width + diagonal;
}

/* A product with 0 is none where the other factor is infinite or none: then each group goes alone, and what is no
 * number stays in its group. */
static void part_groups(struct task *task, const double *sums)
{
    bool finite = true;
    for (size_t c = 0; c < task->channels; c++)
        finite = finite && isfinite(sums[c]) && isfinite(task->shift[c]);
    if (!finite)
        task->width = task->d, task->blocks = task->groups;
}

/* The sum of a group's products over the chunks. */
static void join_products(const struct task *task, size_t g, double *out)
{
    size_t square = task->d * task->d;
    for (size_t e = 0; e < square; e++)
        out[e] = 0;
    for (size_t chunk = 0; chunk < task->chunks; chunk++)
        for (size_t e = 0; e < square; e++)
            out[e] += task->products[(chunk * task->groups + g) * square + e];
}

/* ---- rows of the result ---- */

static void write_chunks(void *context, size_t first, size_t end, int thread)
{
    struct task *task = context;
    bool both = task->backward && !task->fixed;
    size_t width = task->width, terms = both ? 2 * width : width;
    float *in = buffer_of(task, thread), *out = in + CHUNK * 2 * width;
    for (size_t chunk = first; chunk < end; chunk++)
        for (size_t block = 0; block < task->blocks; block++) {
            size_t rows = rows_of(task, chunk), at = chunk * CHUNK * task->channels + block * width;
            bool dense = task->blocks == 1;
            if (task->backward)
                copy_columns(rows, width, task->dy + at, task->channels, task->dy_shift + block * width, in, terms);
            if (both || !task->backward)
                copy_columns(rows, width, task->x + at, task->channels, task->shift + block * width,
                             both ? in + width : in, terms);
            nl_cpu_gemm(NL_GEMM_OWN,
                        &(struct nl_cpu_gemm){NL_PLAIN, rows, width, terms, .a = in,
                                              .b = task->factor + block * 2 * width * width,
                                              .start = task->start + block * width, .c = dense ? task->out + at : out});
            if (!dense)
                copy_columns(rows, width, out, width, NULL, task->out + at, task->channels);
        }
}

/* The blocks' matrices of a pass begin as zeros. */
static void clear_factors(const struct task *task)
{
    memset(task->factor, 0, 2 * task->channels * task->width * sizeof *task->factor);
}

/* ---- a group's matrix ---- */

static struct nl_whitening_form form_of(const struct task *task)
{
    return nl_whitening_form_of(task->op, task->op->hyper);
}

static double *work_of(const struct task *task, size_t g)
{
    return task->work + g * WORK * task->d * task->d;
}

/* All that they call becomes part of them, and so is compiled for each instruction set. */
NL_CLONES __attribute__((flatten)) static void clone_whiten(const struct nl_whitening_form *form, const double *cov,
                                                            double *factors, double *w, double *scratch)
{
    nl_whiten(form, cov, factors, w, scratch);
}

NL_CLONES __attribute__((flatten)) static void clone_whiten_back(const struct nl_whitening_form *form, double *factors,
                                                                 double *dw, double *dcov, double *scratch)
{
    nl_whiten_back(form, factors, dw, dcov, scratch);
}

static void whiten(const struct task *task, size_t g, const double *cov)
{
    struct nl_whitening_form form = form_of(task);
    size_t square = task->d * task->d;
    clone_whiten(&form, cov, task->factors + g * nl_whitening_factors_of(task->op), task->w + g * square,
                 work_of(task, g) + 2 * square);
}

/* Mean and W that do not depend on the batch. */
static void take_fixed(struct task *task)
{
    const struct nl_whitening *op = task->op;
    bool precise = task->run->statistics == NL_STATS_PRECISE;
    const float *running_mean = op->running_mean, *running_w = op->running_w;
    const double *precise_mean = op->precise_mean, *precise_cov = op->precise_cov;
    for (size_t c = 0; c < task->channels; c++) {
        task->mean[c] = precise ? precise_mean[c] : running_mean[c];
        task->shift[c] = (float)task->mean[c];
    }
    for (size_t e = 0; !precise && e < task->channels * task->d; e++)
        task->w[e] = running_w[e];
    for (size_t g = 0; precise && g < task->groups; g++)
        whiten(task, g, precise_cov + g * task->d * task->d);
}

/* y = start + (x - shift) factor */
static void prepare(const struct task *task, size_t g)
{
    size_t d = task->d, width = task->width;
    const double *w = task->w + g * d * d;
    float *factor = task->factor + place_of(task, g, 2 * width);
    for (size_t j = 0; j < d; j++) {
        size_t c = g * d + j;
        double gamma = task->gamma ? task->gamma[c] : 1, start = task->beta ? task->beta[c] : 0;
        for (size_t i = 0; i < d; i++) {
            factor[i * width + j] = (float)(gamma * w[j * d + i]);
            start -= gamma * w[j * d + i] * (task->mean[g * d + i] - task->shift[g * d + i]);
        }
        task->start[c] = (float)start;
    }
}

/* Covariance and W of each group, from the products of x - shift; then what is kept of them. */
static void find_groups(void *context, size_t first, size_t end, int thread)
{
    struct task *task = context;
    size_t d = task->d, square = d * d;
    (void)thread;
    for (size_t g = first; g < end; g++) {
        double *cov = work_of(task, g);
        const double *mean = task->mean + g * d;
        const float *shift = task->shift + g * d;
        join_products(task, g, cov);
        for (size_t e = 0; e < square; e++)
            cov[e] = cov[e] / (double)task->rows - (mean[e / d] - shift[e / d]) * (mean[e % d] - shift[e % d]);
        whiten(task, g, cov);
    }
}

static void track(const struct task *task)
{
    const struct nl_hyper *hyper = task->op->hyper;
    int64_t *updates = task->op->updates;
    float *mean = task->op->running_mean, *w = task->op->running_w;
    double own = nl_override_or(task->op->set.momentum, hyper->norm_momentum),
           momentum = own < 0 ? 1.0 / (double)(*updates + 1) : own;
    ++*updates;
    for (size_t c = 0; c < task->channels; c++)
        mean[c] = (float)((1 - momentum) * mean[c] + momentum * task->mean[c]);
    for (size_t e = 0; e < task->channels * task->d; e++)
        w[e] = (float)((1 - momentum) * w[e] + momentum * task->w[e]);
}

static void collect(const struct task *task)
{
    size_t d = task->d;
    double *count = task->op->precise_count, *mean = task->op->precise_mean, *cov = task->op->precise_cov;
    for (size_t g = 0; g < task->groups; g++)
        nl_whitening_collect((int)d, (double)task->rows, *count, task->mean + g * d, work_of(task, g), mean + g * d,
                             cov + g * d * d);
    *count += (double)task->rows;
}

/* ---- forward ---- */

static void find_statistics(struct task *task)
{
    double d = (double)task->d;
    const double *sums = sum_columns(task, task->x, task->x); /* of equal numbers they are 0, whatever their number */
    for (size_t c = 0; c < task->channels; c++) {
        task->mean[c] = task->x[c] + sums[c] / (double)task->rows;
        task->shift[c] = (float)task->mean[c];
    }
    part_groups(task, sums);
    on_chunks(task, multiply_chunks, 2.0 * d * (double)task->channels);
    nl_parallel_for(task->groups, nl_cpu_grain(100 * d * d * d), find_groups, task);
}

static void whitening_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = arguments;
    struct task task = task_of(run, op);
    task.out = op->y;
    (task.fixed ? take_fixed : find_statistics)(&task);
    clear_factors(&task);
    for (size_t g = 0; g < task.groups; g++)
        prepare(&task, g);
    on_chunks(&task, write_chunks, 2.0 * (double)(task.width * task.channels));
    if (run->statistics == NL_STATS_TRAIN)
        track(&task);
    if (run->statistics == NL_STATS_COLLECT)
        collect(&task);
}

/* ---- backward ---- */

/* dx = start + [dy - dy_shift, x - shift] [gamma W; 2/m dcov] */
static void prepare_back(struct task *task, size_t g, const double *dcov)
{
    size_t d = task->d, width = task->width;
    double m = (double)task->rows;
    const double *w = task->w + g * d * d;
    float *factor = task->factor + place_of(task, g, 2 * width);
    for (size_t i = 0; i < d; i++) {
        double start = 0;
        for (size_t j = 0; j < d; j++) {
            double weight = (task->gamma ? task->gamma[g * d + j] : 1) * w[j * d + i];
            factor[j * width + i] = (float)weight;
            if (task->fixed)
                continue;
            factor[(width + j) * width + i] = (float)(2 / m * dcov[j * d + i]);
            double dy_rest = task->sums[g * d + j] / m - task->dy_shift[g * d + j],
                   x_rest = task->mean[g * d + j] - task->shift[g * d + j];
            start -= weight * dy_rest + 2 / m * dcov[j * d + i] * x_rest;
        }
        task->start[g * d + i] = (float)start;
    }
}

static void find_gradients(void *context, size_t first, size_t end, int thread)
{
    struct task *task = context;
    struct nl_whitening_form form = form_of(task);
    size_t d = task->d, square = d * d;
    float *dgamma = task->op->dgamma, *dbeta = task->op->dbeta;
    (void)thread;
    for (size_t g = first; g < end; g++) {
        double *dw = work_of(task, g), *dcov = dw + square;
        join_products(task, g, dw);
        for (size_t j = 0; j < d; j++) {
            size_t c = g * d + j;
            double dot = 0, gamma = task->gamma ? task->gamma[c] : 1;
            for (size_t i = 0; i < d; i++) {
                double of_centered = dw[j * d + i] - task->sums[c] * (task->mean[g * d + i] - task->shift[g * d + i]);
                dot += task->w[g * square + j * d + i] * of_centered;
                dw[j * d + i] = gamma * of_centered;
            }
            if (dgamma) {
                dgamma[c] = (float)dot;
                if (dbeta)
                    dbeta[c] = (float)task->sums[c];
            }
        }
        if (!task->fixed)
            clone_whiten_back(&form, task->factors + g * nl_whitening_factors_of(task->op), dw, dcov, dcov + square);
        prepare_back(task, g, dcov);
    }
}

static void whitening_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = arguments;
    struct task task = task_of(run, op);
    double d = (double)task.d;
    task.backward = true;
    task.out = op->dx;
    if (task.fixed)
        take_fixed(&task);
    else
        for (size_t c = 0; c < task.channels; c++)
            task.shift[c] = (float)task.mean[c];
    const double *sums = sum_columns(&task, task.dy, NULL);
    for (size_t c = 0; c < task.channels; c++)
        task.dy_shift[c] = task.fixed ? 0.0f : (float)(sums[c] / (double)task.rows);
    part_groups(&task, sums);
    on_chunks(&task, multiply_chunks, 2.0 * d * (double)task.channels);
    clear_factors(&task);
    nl_parallel_for(task.groups, nl_cpu_grain(100 * d * d * d), find_gradients, &task);
    if (task.out)
        on_chunks(&task, write_chunks, 4.0 * (double)(task.width * task.channels));
}

NL_CPU_KERNEL(whitening) = {.forward = whitening_forward, .backward = whitening_backward};
