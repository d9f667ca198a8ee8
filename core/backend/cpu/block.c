/* What a normalizer does once a channel or a set, in double: moments from sums, and the factors that the kernels take. */
#include "backend/cpu/block.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/lanes.h"
#include "base/team.h"

const struct nl_block_kernels *nl_block_kernels(void)
{
#ifdef NL_X86
    static const struct nl_block_kernels *const kernels[] = {&nl_block_plain, &nl_block_avx2, &nl_block_avx512};
    return kernels[nl_cpu_isa()];
#else
    return &nl_block_plain;
#endif
}

/* The sum of count numbers: over eight lanes, or as they stand where there are fewer. */
NL_INLINE double total(size_t count, const double *x)
{
    enum { LANES = 8 };
    if (count < LANES) {
        double sum = x[0];
        for (size_t i = 1; i < count; i++)
            sum += x[i];
        return sum;
    }
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += x[i + k];
    for (size_t k = 0; i + k < count; k++)
        lane[k] += x[i + k];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++)
            lane[k] += lane[k + half];
    return lane[0];
}

/* A guess of each column's mean: that of a few rows, spread evenly. */
NL_CLONES
static void guess_means(const struct nl_cpu_block *b)
{
    enum { ROWS = 8 };
    size_t channels = b->channels, count = b->rows < ROWS ? b->rows : ROWS;
    float *restrict sum = b->rest, *restrict shift = b->shift, inverse = 1.0f / (float)count;
    memset(sum, 0, channels * sizeof *sum);
    for (size_t i = 1; i < count; i++) {
        const float *restrict x = b->x + i * b->rows / count * b->pitch;
        for (size_t c = 0; c < channels; c++)
            sum[c] += x[c] - b->x[c];
    }
    for (size_t c = 0; c < channels; c++)
        shift[c] = b->x[c] + sum[c] * inverse;
}

/* Turns sum, product into the column's mean, and its sum of squares around that; bias is what the shift had added to the squares. */
NL_CLONES
static void center_columns(const struct nl_cpu_block *b)
{
    double inverse = 1.0 / (double)b->rows;
    double *restrict sum = b->sum, *restrict squares = b->product, *restrict bias = b->bias;
    const float *restrict shift = b->shift;
    for (size_t c = 0; c < b->channels; c++) {
        bias[c] = sum[c] * sum[c] * inverse;
        squares[c] -= bias[c];
        sum[c] = shift[c] + sum[c] * inverse;
    }
}

/* The sets' moments from their columns' (Chan, Golub and LeVeque 1979). True if a shift was so far off that squares around it say little
 * of those around the mean. */
NL_CLONES
static bool merge_columns(const struct nl_cpu_block *b, double *restrict mean, double *restrict var)
{
    size_t width = b->width, sets = b->channels / width;
    double rows = (double)b->rows, inverse = 1.0 / (rows * (double)width);
    const double *restrict column = b->sum, *restrict bias = b->bias;
    double *restrict squares = b->product;
    int far = 0;
    if (width == 1) {
        for (size_t c = 0; c < sets; c++) {
            mean[c] = column[c];
            var[c] = squares[c] < 0 ? 0.0 : squares[c] * inverse; /* NaN stays NaN */
            far |= bias[c] > squares[c];
        }
        return far;
    }
    for (size_t set = 0; set < sets; set++, column += width, squares += width, bias += width) {
        double middle = total(width, column) / (double)width;
        for (size_t c = 0; c < width; c++)
            squares[c] += rows * (column[c] - middle) * (column[c] - middle);
        double all = total(width, squares);
        mean[set] = middle;
        var[set] = all < 0 ? 0.0 : all * inverse;
        far |= total(width, bias) > all;
    }
    return far;
}

/* ---- rows that a team shares ---- */

struct shared {
    const struct nl_cpu_block *block;
    nl_block_kernel *kernel;
};

static size_t row_bytes(const struct nl_cpu_block *b)
{
    return b->channels * sizeof(float);
}

static struct nl_cpu_block rows_of(const struct nl_cpu_block *b, size_t first, size_t end)
{
    struct nl_cpu_block part = *b;
    size_t bytes = first * b->pitch * sizeof(float);
    part.rows = end - first;
    part.x = NL_AT(b->x, bytes);
    part.dy = NL_AT(b->dy, bytes);
    part.residual = NL_AT(b->residual, bytes);
    part.y = NL_AT(b->y, bytes);
    part.dx = NL_AT(b->dx, bytes);
    part.dresidual = NL_AT(b->dresidual, bytes);
    part.position = (b->position + first) % b->positions;
    return part;
}

static void on_rows(void *context, size_t first, size_t end, int thread)
{
    const struct shared *shared = context;
    struct nl_cpu_block part = rows_of(shared->block, first, end);
    (void)thread;
    shared->kernel(&part);
}

void nl_cpu_block_rows(const struct nl_cpu_block *b, nl_block_kernel *kernel)
{
    nl_parallel_for(b->rows, nl_cpu_grain_of_bytes((double)row_bytes(b)), on_rows, &(struct shared){b, kernel});
}

static void on_groups(void *context, size_t first, size_t end, int thread)
{
    const struct shared *shared = context;
    const struct nl_cpu_block *b = shared->block;
    size_t wide = b->channels + NL_ROOM;
    (void)thread;
    for (; first < end; first++) {
        size_t row = first * NL_COLUMN_GROUP, left = b->rows - row;
        struct nl_cpu_block part = rows_of(b, row, row + (left < NL_COLUMN_GROUP ? left : NL_COLUMN_GROUP));
        part.sum = b->shares + 2 * first * wide;
        part.product = part.sum + wide;
        memset(part.sum, 0, 2 * wide * sizeof *part.sum);
        shared->kernel(&part);
    }
}

/* sum and product, from zero. The shares of groups of rows are added in turn, whoever has worked them out. With a gamma for each element
 * the kernel adds to dgamma as well, and all rows are one group. */
static void sum_columns(const struct nl_cpu_block *b, nl_block_kernel *kernel)
{
    size_t channels = b->channels, wide = channels + NL_ROOM, groups = (b->rows + NL_COLUMN_GROUP - 1) / NL_COLUMN_GROUP;
    memset(b->sum, 0, channels * sizeof *b->sum);
    memset(b->product, 0, channels * sizeof *b->product);
    if (groups == 1 || b->affine_step) {
        kernel(b);
        return;
    }
    nl_parallel_for(groups, nl_cpu_grain_of_bytes((double)(NL_COLUMN_GROUP * row_bytes(b))), on_groups, &(struct shared){b, kernel});
    for (size_t g = 0; g < groups; g++) {
        const double *restrict sum = b->shares + 2 * g * wide, *restrict product = sum + wide;
        for (size_t c = 0; c < channels; c++) {
            b->sum[c] += sum[c];
            b->product[c] += product[c];
        }
    }
}

void nl_cpu_block_moments(const struct nl_cpu_block *b, double *mean, double *var)
{
    size_t sets = b->channels / b->width;
    if (!b->centers) {
        memset(b->shift, 0, b->channels * sizeof *b->shift);
        sum_columns(b, nl_block_kernels()->column_sums);
        for (size_t set = 0; set < sets; set++) {
            mean[set] = 0.0;
            var[set] = total(b->width, b->product + set * b->width) / ((double)b->rows * (double)b->width);
        }
        return;
    }
    guess_means(b);
    sum_columns(b, nl_block_kernels()->column_sums);
    center_columns(b);
    if (!merge_columns(b, mean, var))
        return;
    for (size_t c = 0; c < b->channels; c++) /* the guess was bad: once more, around the means */
        b->shift[c] = (float)b->sum[c];
    sum_columns(b, nl_block_kernels()->column_sums);
    center_columns(b);
    merge_columns(b, mean, var);
}

NL_CLONES
void nl_cpu_row_moments(const struct nl_cpu_block *b, size_t sets, double *restrict mean, double *restrict var)
{
    const float *restrict shift = b->shift, *restrict sum = b->rest, *restrict squares = b->rstd;
    double inverse = 1.0 / (double)b->width;
    bool centers = b->centers;
    for (size_t set = 0; set < sets; set++) {
        double left = centers ? sum[set] * inverse : 0.0, spread = squares[set] * inverse - left * left;
        mean[set] = shift[set] + left;
        var[set] = spread < 0 ? 0.0 : spread;
    }
}

NL_CLONES
void nl_cpu_prepare_sets(const struct nl_cpu_block *b, size_t sets, const double *restrict mean, const double *restrict var, double eps)
{
    float *restrict shift = b->shift, *restrict rest = b->rest, *restrict rstd = b->rstd;
    for (size_t set = 0; set < sets; set++) {
        double sum = var[set] + eps; /* nl_inverse_deviation, written without branches so that it vectorizes */
        double some = (double)(sum != 0);
        float near = (float)mean[set];
        shift[set] = near;
        rest[set] = (float)(mean[set] - near);
        rstd[set] = (float)(some / sqrt(sum + (1.0 - some)));
    }
}

/* From sets to their channels, the last first: nothing is overwritten before it is used. */
static void spread_to_channels(const struct nl_cpu_block *b)
{
    for (size_t set = b->channels / b->width, c = b->channels; set-- > 0;) {
        float shift = b->shift[set], rest = b->rest[set], rstd = b->rstd[set];
        for (size_t k = 0; k < b->width; k++) {
            c--;
            b->shift[c] = shift;
            b->rest[c] = rest;
            b->rstd[c] = rstd;
        }
    }
}

NL_CLONES
static void set_factors(const struct nl_cpu_block *b)
{
    const float *restrict rest = b->rest, *restrict rstd = b->rstd, *restrict gamma = b->gamma, *restrict beta = b->beta;
    float *restrict scale = b->scale, *restrict offset = b->offset;
    for (size_t c = 0; c < b->channels; c++) {
        scale[c] = rstd[c] * gamma[c];
        offset[c] = beta[c] - rest[c] * scale[c];
    }
}

void nl_cpu_block_prepare(const struct nl_cpu_block *b, const double *mean, const double *var, double eps)
{
    nl_cpu_prepare_sets(b, b->channels / b->width, mean, var, eps);
    if (b->width > 1)
        spread_to_channels(b);
    if (!b->affine_step)
        set_factors(b);
}

/* Sums of g and g t to those of g and g (t - rest), times gamma rstd; and the shares of dgamma and dbeta, unless gamma is in the sums
 * already. scale is what the kernel multiplies g with, so that the terms of dx cancel to the last bit in a set of one. */
NL_CLONES
static void finish_sums(const struct nl_cpu_block *b)
{
    double *restrict sum = b->sum, *restrict product = b->product, *restrict dgamma = b->dgamma, *restrict dbeta = b->dbeta;
    const float *restrict rest = b->rest, *restrict rstd = b->rstd, *restrict scale = b->scale;
    if (b->affine_step) {
        for (size_t c = 0; c < b->channels; c++) {
            product[c] = (product[c] - rest[c] * sum[c]) * rstd[c];
            sum[c] *= rstd[c];
        }
    } else {
        for (size_t c = 0; c < b->channels; c++) {
            double left = product[c] - rest[c] * sum[c];
            dgamma[c] += left * rstd[c];
            dbeta[c] += sum[c];
            product[c] = left * scale[c];
            sum[c] *= scale[c];
        }
    }
}

/* Channels' sums to their sets' in every channel. */
static void share_sums(const struct nl_cpu_block *b)
{
    for (size_t first = 0; first < b->channels; first += b->width) {
        double sum = total(b->width, b->sum + first), product = total(b->width, b->product + first);
        for (size_t c = first; c < first + b->width; c++) {
            b->sum[c] = sum;
            b->product[c] = product;
        }
    }
}

/* dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) = g scale + (t slope + level), where xhat = (t - rest) rstd. sum and product hold
 * the sums of rstd dxhat and of rstd dxhat (t - rest); fixed statistics do not depend on x. */
NL_CLONES
static void set_slopes(const struct nl_cpu_block *b, bool fixed)
{
    double inverse = 1.0 / ((double)b->rows * (double)b->width);
    double of_sum = fixed || !b->centers ? 0.0 : inverse, of_product = fixed ? 0.0 : inverse;
    const double *restrict sum = b->sum, *restrict product = b->product;
    const float *restrict rest = b->rest, *restrict rstd = b->rstd;
    float *restrict slope = b->slope, *restrict level = b->level;
    for (size_t c = 0; c < b->channels; c++) {
        double minus = rstd[c] * (double)rstd[c] * (of_product * product[c]);
        slope[c] = (float)-minus;
        level[c] = (float)(rest[c] * minus - of_sum * sum[c]);
    }
}

void nl_cpu_block_gradients(const struct nl_cpu_block *b, bool fixed)
{
    sum_columns(b, nl_block_kernels()->column_gradients);
    finish_sums(b);
    if (b->width > 1)
        share_sums(b);
    set_slopes(b, fixed);
}
