/* Normalizers of a few rows, as fully connected layers have at small batches: a step there is so short that what normalize.c prepares for its walk
 * over blocks takes as long as the arithmetic. */
#include "backend/cpu/lanes.h"
#include "backend/cpu/normalize_small.h"
#include "backend/cpu/statistics.h"

/* Rows of one of the lengths that kernels are made for: sets of one row each. */
static bool suits_rows(size_t channels, size_t width)
{
    bool divides = width == 16 || width == 8 || width == 4;
    return (channels == 64 || channels == 32) && (width == channels || divides);
}

/* A call that the kernels take: the batch's own statistics, gamma and beta a channel, nothing beside it. `columns`: its sets are columns. */
static bool take(const struct nl_run *run, const struct nl_normalize *op, size_t at, struct nl_cpu_small_batch *small, bool *columns)
{
    size_t channels = (size_t)op->setup.channels;
    bool own = run->statistics == NL_STATS_TRAIN || run->statistics == NL_STATS_BATCH || !op->norm->tracks;
    if (run->samples > (op->norm->tracks ? NL_SMALL_BATCH_OF_COLUMNS : NL_SMALL_BATCH_OF_ROWS) || op->setup.positions != 1 || channels % NL_LANES || !own ||
        op->residual || op->sums || (size_t)op->affine_count != channels)
        return false;
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct nl_partition partition = op->norm->partition(&setup);
    size_t width = (size_t)partition.channels;
    *columns = op->norm->tracks;
    if (*columns ? width != 1 || partition.samples < run->samples : partition.samples != 1 || !suits_rows(channels, width))
        return false;
    *small = (struct nl_cpu_small_batch){.rows = (size_t)run->samples, .channels = channels, .width = width, .centers = op->norm->centers, .relu = op->relu,
                               .x = NL_AT(op->x, at), .dy = NL_AT(op->dy, at), .gamma = NL_AT(op->gamma, at), .beta = NL_AT(op->beta, at),
                               .y = NL_AT(op->y, at), .dx = NL_AT(op->dx, at), .dgamma = NL_AT(op->dgamma, at), .dbeta = NL_AT(op->dbeta, at),
                               .mean = NL_AT(op->mean, at), .var = NL_AT(op->var, at), .eps = nl_own_or(op->eps, ((const struct nl_hyper *)NL_AT(op->hyper, at))->norm_eps)};
    return true;
}

bool nl_cpu_small_batch_forward(const struct nl_run *run, const struct nl_normalize *op, size_t at)
{
    struct nl_cpu_small_batch small;
    bool columns;
    if (!take(run, op, at, &small, &columns))
        return false;
    const struct nl_block_kernels *kernels = nl_block_kernels();
    (columns ? kernels->small_columns_forward : kernels->small_rows_forward)(&small);
    if (columns && run->statistics == NL_STATS_TRAIN) {
        const struct nl_hyper *hyper = NL_AT(op->hyper, at);
        const struct nl_batch_statistics batch = {.channels = small.channels, .elements = (double)small.rows, .mean = small.mean, .var = small.var};
        nl_cpu_track(op, at, nl_own_or(op->momentum, hyper->norm_momentum), &batch);
    }
    return true;
}

bool nl_cpu_small_batch_backward(const struct nl_run *run, const struct nl_normalize *op, size_t at)
{
    struct nl_cpu_small_batch small;
    bool columns;
    if (!take(run, op, at, &small, &columns))
        return false;
    const struct nl_block_kernels *kernels = nl_block_kernels();
    (columns ? kernels->small_columns_backward : kernels->small_rows_backward)(&small);
    return true;
}

/* Rows that are a set each have few sums: side by side they take longer than one after another, when so many leave the nearest cache. */
bool nl_cpu_small_batch_of_block(const struct nl_cpu_block *b, struct nl_cpu_small_batch *small)
{
    if (b->width == b->channels || !suits_rows(b->channels, b->width) || b->rows > NL_SMALL_BATCH_OF_ROWS)
        return false;
    if (b->residual || b->mask == NL_MASK_Y || b->affine_step)
        return false;
    *small = (struct nl_cpu_small_batch){.rows = b->rows, .channels = b->channels, .width = b->width, .centers = b->centers, .relu = b->relu, .x = b->x,
                               .dy = b->dy, .gamma = b->gamma, .beta = b->beta, .y = b->y, .dx = b->dx, .dgamma = b->part_gamma,
                               .dbeta = b->part_beta, .mean = b->mean, .var = b->var, .eps = b->eps};
    return true;
}
