/* A function of each element in place of a normalizer. Memory is read once; sums go in float over a few rows, then in double. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "base/team.h"
#include "operation/squash.h"

/* Rows of activations as gamma has them: C wide, or S C with a gamma for each element. */
struct rows {
    size_t count, columns;
};

static struct rows rows_of(const struct nl_run *run, const struct nl_squash *op)
{
    size_t elements = (size_t)op->positions * (size_t)op->channels, columns = op->affine_count > 0 ? op->affine_count : (size_t)op->channels;
    return (struct rows){(size_t)run->samples * elements / columns, columns};
}

/* One replica's numbers. */
struct numbers {
    float alpha, shift;
    const float *x, *dy, *gamma, *beta;
    float *y, *dx;
};

static struct numbers numbers_of(const struct nl_run *run, const struct nl_squash *op, int r)
{
    size_t at = (size_t)r * run->stride;
    const float *shift = NL_AT(op->shift, at);
    return (struct numbers){*(const float *)NL_AT(op->alpha, at), shift ? *shift : 0.0f, NL_AT(op->x, at), NL_AT(op->dy, at),
                            NL_AT(op->gamma, at), NL_AT(op->beta, at), NL_AT(op->y, at), NL_AT(op->dx, at)};
}

NL_INLINE float value_tanh(float u)
{
    return nl_tanh(u);
}

/* 1 - tanh^2 = 4 sigmoid(2u) sigmoid(-2u), which keeps its digits where tanh is near one. */
NL_INLINE float derivative_tanh(float u)
{
    return 4.0f * nl_sigmoid(2.0f * u) * nl_sigmoid(-2.0f * u);
}

NL_INLINE float value_erf(float u)
{
    return nl_erf(u);
}

NL_INLINE float derivative_erf(float u)
{
    return 1.12837917f * nl_exp(-u * u);
}

NL_INLINE float value_hardtanh(float u)
{
    return u < -1.0f ? -1.0f : u > 1.0f ? 1.0f : u; /* NaN stays NaN */
}

NL_INLINE float derivative_hardtanh(float u)
{
    return u <= -1.0f || u >= 1.0f ? 0.0f : 1.0f;
}

/* Sums of one column over some rows. */
struct sums {
    float *gamma, *beta, *alpha, *shift; /* (columns) each */
};

/* A row forwards; and a row backwards, which adds to the sums. */
#define FUNCTION(name)                                                                                                                    \
    NL_CLONES                                                                                                                             \
    static void name##_row(const struct numbers *n, size_t columns, const float *x, float *y)                                             \
    {                                                                                                                                     \
        if (n->beta) {                                                                                                                    \
            NL_PARALLEL                                                                                                                   \
            for (size_t c = 0; c < columns; c++)                                                                                          \
                y[c] = n->gamma[c] * value_##name(n->alpha * x[c] + n->shift) + n->beta[c];                                               \
        } else if (n->gamma) {                                                                                                            \
            NL_PARALLEL                                                                                                                   \
            for (size_t c = 0; c < columns; c++)                                                                                          \
                y[c] = n->gamma[c] * value_##name(n->alpha * x[c] + n->shift);                                                            \
        } else {                                                                                                                          \
            NL_PARALLEL                                                                                                                   \
            for (size_t c = 0; c < columns; c++)                                                                                          \
                y[c] = value_##name(n->alpha * x[c] + n->shift);                                                                          \
        }                                                                                                                                 \
    }                                                                                                                                     \
    NL_CLONES                                                                                                                             \
    static void name##_row_back(const struct numbers *n, size_t columns, const float *x, const float *dy, float *dx, const struct sums *s) \
    {                                                                                                                                     \
        float *restrict sum_gamma = s->gamma, *restrict sum_beta = s->beta, *restrict sum_alpha = s->alpha, *restrict sum_shift = s->shift; \
        NL_PARALLEL                                                                                                                       \
        for (size_t c = 0; c < columns; c++) {                                                                                            \
            float u = n->alpha * x[c] + n->shift, dz = n->gamma ? dy[c] * n->gamma[c] : dy[c], du = dz * derivative_##name(u);            \
            sum_gamma[c] += dy[c] * value_##name(u);                                                                                      \
            sum_beta[c] += dy[c];                                                                                                         \
            sum_alpha[c] += du * x[c];                                                                                                    \
            sum_shift[c] += du;                                                                                                           \
            if (dx)                                                                                                                       \
                dx[c] = n->alpha * du;                                                                                                    \
        }                                                                                                                                 \
    }
FUNCTION(tanh)
FUNCTION(erf)
FUNCTION(hardtanh)

static const struct {
    void (*row)(const struct numbers *n, size_t columns, const float *x, float *y);
    void (*row_back)(const struct numbers *n, size_t columns, const float *x, const float *dy, float *dx, const struct sums *sums);
} functions[] = {
    [NL_SQUASH_TANH] = {tanh_row, tanh_row_back},
    [NL_SQUASH_ERF] = {erf_row, erf_row_back},
    [NL_SQUASH_HARDTANH] = {hardtanh_row, hardtanh_row_back},
};

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_squash *op = operation;
    struct rows rows = rows_of(run, op);
    size_t before = first * (size_t)op->positions * (size_t)op->channels;
    for (int r = 0; r < run->replicas; r++) {
        struct numbers n = numbers_of(run, op, r);
        for (size_t row = 0; row < rows.count; row++) {
            size_t at = before + row * rows.columns;
            functions[nl_squash_function_of(op)].row(&n, rows.columns, n.x + at, n.y + at);
        }
    }
}

static void squash_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 4, forward);
}

/* ---- backward ---- */

enum { QUANTITIES = 4 }; /* dgamma, dbeta, dalpha, dshift */

/* One replica; blocks of rows, whose sums of each column lie side by side in `part` (blocks, QUANTITIES, columns). */
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
            functions[nl_squash_function_of(task->op)].row_back(n, columns, n->x + at, n->dy + at, n->dx ? n->dx + at : NULL, &sums);
        }
    }
}

static double total_of(const struct task *task, size_t blocks, int quantity, size_t column)
{
    double total = 0;
    for (size_t block = 0; block < blocks; block++)
        total += task->part[(block * QUANTITIES + (size_t)quantity) * task->rows.columns + column];
    return total;
}

static void join(const struct task *task, size_t blocks, size_t at)
{
    const struct nl_squash *op = task->op;
    float *dgamma = NL_AT(op->dgamma, at), *dbeta = NL_AT(op->dbeta, at), *dalpha = NL_AT(op->dalpha, at), *dshift = NL_AT(op->dshift, at);
    double alpha = 0, shift = 0;
    for (size_t c = 0; c < task->rows.columns; c++) {
        if (dgamma)
            dgamma[c] = (float)total_of(task, blocks, 0, c);
        if (dbeta)
            dbeta[c] = (float)total_of(task, blocks, 1, c);
        alpha += total_of(task, blocks, 2, c);
        shift += total_of(task, blocks, 3, c);
    }
    *dalpha = (float)alpha;
    if (dshift)
        *dshift = (float)shift;
}

static void squash_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    struct task task = {.op = op, .rows = rows_of(run, op)};
    size_t blocks = (task.rows.count + NL_BLOCK_ROWS - 1) / NL_BLOCK_ROWS;
    task.part = nl_cpu_scratch(blocks * QUANTITIES * task.rows.columns * sizeof *task.part);
    for (int r = 0; r < run->replicas; r++) {
        task.numbers = numbers_of(run, op, r);
        nl_parallel_for(blocks, nl_cpu_grain(20.0 * NL_BLOCK_ROWS * (double)task.rows.columns), on_blocks, &task);
        join(&task, blocks, (size_t)r * run->stride);
    }
}

NL_CPU_KERNEL(squash) = {.forward = squash_forward, .backward = squash_backward};
