/* A function of each element in place of a normalizer. Memory is read once; sums go in float over a few rows, then in
 * double. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "base/team.h"
#include "operation/squash.h"

/* Rows of activations as gamma has them: C wide, or S C with a gamma for each element. */
struct rows {
    size_t count, columns;
};

static size_t columns_of(const struct nl_squash *op)
{
    return op->affine_count > 0 ? op->affine_count : (size_t)op->channels;
}

static struct rows rows_of(const struct nl_run *run, const struct nl_squash *op)
{
    size_t elements = (size_t)op->positions * (size_t)op->channels, columns = columns_of(op);
    return (struct rows){(size_t)run->samples * elements / columns, columns};
}

/* The numbers of a call. */
struct numbers {
    float alpha, shift;
    const float *x, *dy, *gamma, *beta;
    float *y, *dx;
};

static struct numbers numbers_of(const struct nl_squash *op)
{
    const float *shift = op->shift;
    return (struct numbers){
        *(const float *)op->alpha, shift ? *shift : 0.0f, op->x, op->dy, op->gamma, op->beta, op->y, op->dx};
}

NL_INLINE float hardtanh(float u, float *slope)
{
    *slope = u <= -1.0f || u >= 1.0f ? 0.0f : 1.0f;
    return u < -1.0f ? -1.0f : u > 1.0f ? 1.0f : u; /* NaN stays NaN */
}

/* Sums of one column over some rows. */
struct sums {
    float *gamma, *beta, *alpha, *shift; /* (columns) each */
};

/* scales, moves: whether there is gamma, and beta; constants, since a load that a mask leaves out is slow where there
 * is no memory. */
NL_INLINE void row_forward(nl_with_slope *function, bool scales, bool moves, struct numbers n, size_t columns,
                           const float *x, float *y)
{
    NL_PARALLEL
    for (size_t c = 0; c < columns; c++) {
        float slope, value = function(n.alpha * x[c] + n.shift, &slope);
        value = scales ? value * n.gamma[c] : value;
        y[c] = moves ? value + n.beta[c] : value;
    }
}

/* Adds to the sums. */
NL_INLINE void row_backward(nl_with_slope *function, bool scales, struct numbers n, size_t columns, const float *x,
                            const float *dy, float *dx, const struct sums *s)
{
    float *restrict sum_gamma = s->gamma, *restrict sum_beta = s->beta, *restrict sum_alpha = s->alpha,
                    *restrict sum_shift = s->shift;
    NL_PARALLEL
    for (size_t c = 0; c < columns; c++) {
        float slope, value = function(n.alpha * x[c] + n.shift, &slope),
                     du = (scales ? dy[c] * n.gamma[c] : dy[c]) * slope;
        sum_gamma[c] += dy[c] * value;
        sum_beta[c] += dy[c];
        sum_alpha[c] += du * x[c];
        sum_shift[c] += du;
        if (dx)
            dx[c] = n.alpha * du;
    }
}

#define ROWS(name, function)                                                                                           \
    NL_CLONES static void name##_forward(const struct numbers *n, size_t columns, const float *x, float *y)            \
    {                                                                                                                  \
        if (n->beta)                                                                                                   \
            row_forward(function, true, true, *n, columns, x, y);                                                      \
        else if (n->gamma)                                                                                             \
            row_forward(function, true, false, *n, columns, x, y);                                                     \
        else                                                                                                           \
            row_forward(function, false, false, *n, columns, x, y);                                                    \
    }                                                                                                                  \
    NL_CLONES static void name##_backward(const struct numbers *n, size_t columns, const float *x, const float *dy,    \
                                          float *dx, const struct sums *s)                                             \
    {                                                                                                                  \
        if (n->gamma)                                                                                                  \
            row_backward(function, true, *n, columns, x, dy, dx, s);                                                   \
        else                                                                                                           \
            row_backward(function, false, *n, columns, x, dy, dx, s);                                                  \
    }
ROWS(tanh, nl_tanh)
ROWS(erf, nl_erf)
ROWS(hardtanh, hardtanh)

static const struct {
    void (*forward)(const struct numbers *n, size_t columns, const float *x, float *y);
    void (*backward)(const struct numbers *n, size_t columns, const float *x, const float *dy, float *dx,
                     const struct sums *sums);
} functions[] = {
    [NL_SQUASH_TANH] = {tanh_forward, tanh_backward},
    [NL_SQUASH_ERF] = {erf_forward, erf_backward},
    [NL_SQUASH_HARDTANH] = {hardtanh_forward, hardtanh_backward},
};

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_squash *op = operation;
    struct rows rows = rows_of(run, op);
    size_t before = first * (size_t)op->positions * (size_t)op->channels;
    struct numbers n = numbers_of(op);
    for (size_t row = 0; row < rows.count; row++) {
        size_t at = before + row * rows.columns;
        functions[nl_squash_function_of(op)].forward(&n, rows.columns, n.x + at, n.y + at);
    }
}

static void squash_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 4, forward);
}

/* ---- backward ---- */

enum { QUANTITIES = 4 }; /* dgamma, dbeta, dalpha, dshift */

/* Blocks of rows, whose sums of each column lie side by side in `part` (blocks, QUANTITIES, columns). */
struct task {
    const struct nl_squash *op;
    struct rows rows;
    struct numbers numbers;
    float *part;
};

static void on_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct task *task = context;
    size_t columns = task->rows.columns;
    (void)thread;
    for (size_t block = first; block < end; block++) {
        float *part = task->part + block * QUANTITIES * columns;
        struct sums sums = {part, part + columns, part + 2 * columns, part + 3 * columns};
        for (size_t i = 0; i < QUANTITIES * columns; i++)
            part[i] = 0.0f;
        for (size_t row = block * NL_BLOCK_ROWS; row < (block + 1) * NL_BLOCK_ROWS && row < task->rows.count; row++) {
            size_t at = row * columns;
            const struct numbers *n = &task->numbers;
            functions[nl_squash_function_of(task->op)].backward(n, columns, n->x + at, n->dy + at,
                                                                n->dx ? n->dx + at : NULL, &sums);
        }
    }
}

NL_CLONES
static void add(size_t count, const float *restrict part, double *restrict total)
{
    for (size_t i = 0; i < count; i++)
        total[i] += (double)part[i];
}

static double sum_of(const double *of, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += of[i];
    return sum;
}

/* total: QUANTITIES columns, of the blocks before. */
static void join(const struct task *task, size_t blocks, double *total)
{
    const struct nl_squash *op = task->op;
    size_t columns = task->rows.columns;
    float *dgamma = op->dgamma, *dbeta = op->dbeta, *dalpha = op->dalpha, *dshift = op->dshift;
    for (size_t block = 0; block < blocks; block++)
        add(QUANTITIES * columns, task->part + block * QUANTITIES * columns, total);
    for (size_t c = 0; dgamma && c < columns; c++)
        dgamma[c] = (float)total[c];
    for (size_t c = 0; dbeta && c < columns; c++)
        dbeta[c] = (float)total[columns + c];
    *dalpha = (float)sum_of(total + 2 * columns, columns);
    if (dshift)
        *dshift = (float)sum_of(total + 3 * columns, columns);
}

static void squash_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    struct task task = {.op = op, .rows = rows_of(run, op)};
    size_t blocks = (task.rows.count + NL_BLOCK_ROWS - 1) / NL_BLOCK_ROWS;
    size_t sums = QUANTITIES * task.rows.columns;
    double *own = nl_cpu_scratch(sums * sizeof *own + blocks * sums * sizeof *task.part);
    task.part = (float *)(own + sums);
    double *total = op->sums ? op->sums : own;
    task.numbers = numbers_of(op);
    nl_parallel_for(blocks, nl_cpu_grain(20.0 * NL_BLOCK_ROWS * (double)task.rows.columns), on_blocks, &task);
    if (!op->sums || run->first == 0)
        memset(total, 0, sums * sizeof *total);
    join(&task, blocks, total);
}

/* Whole blocks, whose sums go on from those of the samples before. */
static struct nl_micro squash_micro(const void *arguments)
{
    const struct nl_squash *op = arguments;
    size_t elements = (size_t)op->positions * (size_t)op->channels, columns = columns_of(op);
    return (struct nl_micro){.unit = nl_cpu_samples_of_blocks(elements / columns, NL_BLOCK_ROWS),
                             .sums = QUANTITIES * columns * sizeof(double)};
}

NL_CPU_KERNEL(squash) = {.forward = squash_forward, .backward = squash_backward, .micro = squash_micro};
