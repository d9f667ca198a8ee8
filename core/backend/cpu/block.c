/* What a normalizer does once a channel or a set, in double: moments from sums, and the factors that the kernels
 * take. */
#include "backend/cpu/block.h"

#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/lanes.h"
#include "backend/cpu/statistics.h"
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

/* Eight doubles, and vectors of half as many, which the compiler keeps in registers. */
enum { EIGHT = 8 };
typedef double eight __attribute__((vector_size(EIGHT * sizeof(double)), aligned(8), may_alias));
typedef double four __attribute__((vector_size(EIGHT / 2 * sizeof(double))));
typedef double two __attribute__((vector_size(EIGHT / 4 * sizeof(double))));

/* Takes a pointer: how such a vector is passed by value depends on the instruction set. */
NL_INLINE double fold(const eight *v)
{
    four fours[2];
    memcpy(fours, v, sizeof fours);
    fours[0] += fours[1];
    two twos[2];
    memcpy(twos, fours, sizeof twos);
    twos[0] += twos[1];
    return twos[0][0] + twos[0][1];
}

/* The sum of `count` numbers: in eight lanes, or one after the other where there are fewer than eight. */
NL_INLINE double total(size_t count, const double *x)
{
    if (count < EIGHT) {
        double sum = x[0];
        for (size_t i = 1; i < count; i++)
            sum += x[i];
        return sum;
    }
    eight sum = {0};
    size_t i = 0;
    for (; i + EIGHT <= count; i += EIGHT)
        sum += *(const eight *)(x + i);
    for (size_t k = 0; i + k < count; k++)
        sum[k] += x[i + k];
    return fold(&sum);
}

/* Makes the sums and products of channels those of their sets. */
NL_CLONES
static void sum_sets(const struct nl_cpu_block *b)
{
    for (size_t set = 0; b->width > 1 && set < b->sets; set++) {
        b->sum[set] = total(b->width, b->sum + set * b->width);
        b->product[set] = total(b->width, b->product + set * b->width);
    }
}

static void spread(const struct nl_cpu_block *b, float *x)
{
    if (b->width > 1)
        nl_block_kernels()->column_spread(b, x);
}

/* ---- moments ---- */

/* mean(sets) becomes a guess: the mean of eight rows, spread evenly over the block, and over the columns of an image as
 * well. Of fewer rows, some count several times. */
NL_CLONES
static void guess_means(const struct nl_cpu_block *b, double *restrict mean)
{
    enum { ROWS = 8 };
    double *restrict guess = b->width > 1 ? b->sum : mean;
    const float *row[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        row[i] = b->x + i * b->rows * 33 / 256 * b->pitch;
    for (size_t c = 0; c < b->channels; c++) {
        float sum =
            ((row[0][c] + row[1][c]) + (row[2][c] + row[3][c])) + ((row[4][c] + row[5][c]) + (row[6][c] + row[7][c]));
        guess[c] = sum * (1.0f / ROWS);
    }
    double inverse = 1.0 / (double)b->width;
    for (size_t set = 0; b->width > 1 && set < b->sets; set++)
        mean[set] = total(b->width, b->sum + set * b->width) * inverse;
}

/* A shift two standard deviations from the mean makes the squares five times those around the mean: two bits are
 * lost. */
enum { MOST_BIAS = 4 };

/* Moments from the sets' sums of t = x - mean and t^2. `mean` becomes the mean. True: it differed so much that a
 * variance lost digits. */
NL_CLONES
static bool moments_of_sums(const struct nl_cpu_block *b, double *restrict mean, double *restrict var)
{
    double inverse = 1.0 / ((double)b->rows * (double)b->width);
    bool centers = b->centers;
    const double *restrict sum = b->sum, *restrict squares = b->product;
    size_t bad = 0; /* as wide as a double, so that the loop vectorizes */
    for (size_t set = 0; set < b->sets; set++) {
        double offset = centers ? sum[set] * inverse : 0.0, bias = offset * sum[set], around = squares[set] - bias,
               spread = around * inverse;
        mean[set] += offset;
        var[set] = spread < 0 ? 0.0 : spread; /* NaN stays NaN */
        bad += bias > MOST_BIAS * around;
    }
    return bad > 0;
}

NL_CLONES
static void shift_by(const struct nl_cpu_block *b, double *restrict mean)
{
    float *restrict shift = b->shift;
    for (size_t set = 0; set < b->sets; set++) {
        shift[set] = (float)mean[set];
        mean[set] = shift[set];
    }
}

/* The moments around a guess, which `mean` holds. True: it was a bad one. */
static bool moments_around(const struct nl_cpu_block *b, double *mean, double *var)
{
    shift_by(b, mean);
    spread(b, b->shift);
    nl_block_kernels()->column_sums(b, 0, b->rows, b->sum, b->product);
    sum_sets(b);
    return moments_of_sums(b, mean, var);
}

static void moments_of_rows(const struct nl_cpu_block *b, double *mean, double *var)
{
    if (b->centers)
        guess_means(b, mean);
    else
        memset(mean, 0, b->sets * sizeof *mean);
    if (moments_around(b, mean, var))
        moments_around(b, mean, var);
}

/* ---- rows that a team shares ---- */

struct shared_rows {
    const struct nl_cpu_block *block;
    nl_column_kernel *kernel;
};

static size_t row_bytes(const struct nl_cpu_block *b)
{
    return b->channels * sizeof(float);
}

static void on_rows(void *context, size_t first, size_t end, int thread)
{
    const struct shared_rows *shared = context;
    (void)thread;
    shared->kernel(shared->block, first, end);
}

void nl_cpu_block_rows(const struct nl_cpu_block *b, nl_column_kernel *kernel)
{
    nl_parallel_for(b->rows, nl_cpu_grain_of_bytes((double)row_bytes(b)), on_rows, &(struct shared_rows){b, kernel});
}

/* Groups of rows, whose shares are accumulated in their order, whichever thread has worked them out. */
struct shared_groups {
    const struct nl_cpu_block *block;
    size_t rows; /* of a group */
    nl_column_sums *kernel;
};

static struct shared_groups groups_of(const struct nl_cpu_block *b, nl_column_sums *kernel)
{
    return (struct shared_groups){b, nl_column_group(b->channels), kernel};
}

static size_t group_count(const struct shared_groups *groups)
{
    return (groups->block->rows + groups->rows - 1) / groups->rows;
}

static size_t rows_of(const struct shared_groups *groups, size_t group)
{
    size_t rest = groups->block->rows - group * groups->rows;
    return rest < groups->rows ? rest : groups->rows;
}

static double *share_of(const struct nl_cpu_block *b, size_t group)
{
    return b->shares + group * NL_SHARE * (b->channels + NL_PADDING);
}

static void share_groups(struct shared_groups *groups, nl_parallel_body *body)
{
    size_t grain = nl_cpu_grain_of_bytes((double)(groups->rows * row_bytes(groups->block)));
    nl_parallel_for(group_count(groups), grain, body, groups);
}

static void sum_groups(void *context, size_t first, size_t end, int thread)
{
    const struct shared_groups *groups = context;
    const struct nl_cpu_block *b = groups->block;
    (void)thread;
    for (; first < end; first++) {
        double *sum = share_of(b, first);
        groups->kernel(b, first * groups->rows, first * groups->rows + rows_of(groups, first), sum,
                       sum + b->channels + NL_PADDING);
    }
}

/* With a gamma for each element the kernel adds to dgamma as well, and all rows are one group. */
void nl_cpu_block_sums(const struct nl_cpu_block *b, nl_column_sums *kernel, bool adds)
{
    struct shared_groups groups = groups_of(b, kernel);
    size_t channels = b->channels, count = group_count(&groups);
    if (b->affine_step || (count == 1 && !adds)) {
        groups.kernel(b, 0, b->rows, b->sum, b->product);
        return;
    }
    share_groups(&groups, sum_groups);
    if (!adds) {
        memset(b->sum, 0, channels * sizeof *b->sum);
        memset(b->product, 0, channels * sizeof *b->product);
    }
    for (size_t g = 0; g < count; g++) {
        const double *restrict sum = share_of(b, g), *restrict product = sum + channels + NL_PADDING;
        for (size_t c = 0; c < channels; c++) {
            b->sum[c] += sum[c];
            b->product[c] += product[c];
        }
    }
}

/* The moments of each group of rows, around a guess of its own. That guess is close, and it does not wait for the other
 * groups. */
static void moments_of_groups(void *context, size_t first, size_t end, int thread)
{
    const struct shared_groups *groups = context;
    size_t wide = groups->block->channels + NL_PADDING;
    (void)thread;
    for (; first < end; first++) {
        struct nl_cpu_block b = *groups->block;
        double *mean = share_of(groups->block, first), *var = mean + wide;
        b.rows = rows_of(groups, first);
        b.x += first * groups->rows * b.pitch;
        b.sum = var + wide;
        b.product = b.sum + wide;
        b.shift = (float *)(b.product + wide);
        moments_of_rows(&b, mean, var);
    }
}

void nl_cpu_block_moments(const struct nl_cpu_block *b, size_t before, double *mean, double *var)
{
    struct shared_groups groups = groups_of(b, NULL);
    size_t count = group_count(&groups);
    if (count == 1 && before == 0) {
        moments_of_rows(b, mean, var);
        return;
    }
    share_groups(&groups, moments_of_groups);
    for (size_t g = 0; g < count; before += rows_of(&groups, g), g++) {
        const double *share = share_of(b, g);
        nl_cpu_merge_moments(b->sets, (double)before, mean, var, (double)rows_of(&groups, g), share,
                             share + b->channels + NL_PADDING);
    }
}

NL_CLONES
void nl_cpu_block_accumulate(const struct nl_cpu_block *b)
{
    double *restrict dgamma = b->dgamma, *restrict dbeta = b->dbeta;
    const float *restrict gamma = b->part_gamma, *restrict beta = b->part_beta;
    for (size_t c = 0; c < b->channels; c++) {
        dgamma[c] += gamma[c];
        dbeta[c] += beta[c];
    }
}

NL_CLONES
void nl_cpu_block_prepare_sets(const struct nl_cpu_block *b, const double *mean, const double *var)
{
    nl_sets_prepare(b->sets, mean, var, b->eps, b->shift, b->mean_low, b->rstd);
}

NL_CLONES
static void prepare_channels(const struct nl_cpu_block *b)
{
    const float *restrict rstd = b->rstd, *restrict mean_low = b->mean_low, *restrict gamma = b->gamma,
                          *restrict beta = b->beta;
    float *restrict scale = b->scale, *restrict offset = b->offset;
    for (size_t c = 0; c < b->channels; c++) {
        scale[c] = rstd[c] * gamma[c];
        offset[c] = beta[c] - mean_low[c] * scale[c];
    }
}

void nl_cpu_block_prepare(const struct nl_cpu_block *b, const double *mean, const double *var)
{
    nl_cpu_block_prepare_sets(b, mean, var);
    spread(b, b->shift);
    spread(b, b->mean_low);
    spread(b, b->rstd);
    if (!b->affine_step)
        prepare_channels(b);
}

/* Makes the sums of g and g t those of g and g (t - mean_low), times gamma rstd. Accumulates dgamma and dbeta as well,
 * unless the kernel did. `scale` is the number that the kernel multiplies g with: so the terms of dx cancel to the last
 * bit in a set of one. */
NL_CLONES
static void finalize_sums(const struct nl_cpu_block *b)
{
    double *restrict sum = b->sum, *restrict product = b->product, *restrict dgamma = b->dgamma,
                     *restrict dbeta = b->dbeta;
    const float *restrict mean_low = b->mean_low, *restrict rstd = b->rstd,
                          *restrict scale = b->affine_step ? b->rstd : b->scale;
    for (size_t c = 0; c < b->channels; c++)
        product[c] -= mean_low[c] * sum[c];
    for (size_t c = 0; !b->affine_step && c < b->channels; c++) {
        dgamma[c] += product[c] * rstd[c];
        dbeta[c] += sum[c];
    }
    for (size_t c = 0; c < b->channels; c++) {
        product[c] *= scale[c];
        sum[c] *= scale[c];
    }
}

NL_INLINE void slopes_of(size_t width, const struct nl_cpu_block *b, size_t rows)
{
    double inverse = 1.0 / ((double)rows * (double)width), of_sum = b->center_moves ? inverse : 0.0,
           of_product = b->spread_moves ? inverse : 0.0;
    const double *restrict sum = b->sum, *restrict product = b->product;
    const float *restrict mean_low = b->mean_low, *restrict rstd = b->rstd;
    float *restrict dx_slope = b->dx_slope, *restrict dx_bias = b->dx_bias;
    for (size_t set = 0; set < b->sets; set++) {
        double factor = rstd[set * width], minus = factor * factor * (of_product * product[set]);
        dx_slope[set] = (float)-minus;
        dx_bias[set] = (float)(mean_low[set * width] * minus - of_sum * sum[set]);
    }
}

/* dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) = g scale + (t dx_slope + dx_bias), where xhat = (t -
 * mean_low) rstd. sum and product hold the sums of rstd dxhat and of rstd dxhat (t - mean_low). */
NL_CLONES
static void set_slopes(const struct nl_cpu_block *b, size_t rows)
{
    if (b->width == 1) /* a constant, so that the loop vectorizes */
        slopes_of(1, b, rows);
    else
        slopes_of(b->width, b, rows);
}

void nl_cpu_block_slopes(const struct nl_cpu_block *b, size_t rows)
{
    finalize_sums(b);
    sum_sets(b);
    set_slopes(b, rows);
    spread(b, b->dx_slope);
    spread(b, b->dx_bias);
}
