/* Mean and variance of the sets of a block. Two ways to the same sums: down the columns where a block has many rows, along the
 * row where it has one.
 *
 * First pass: the mean, from deviations from the set's first element. Second pass: squares of deviations from that mean, and
 * their sum, which mends what rounding (or an outlying first element) left in the mean. */
#include "backend/cpu/block.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"

enum { NL_BLOCK_RUN = NL_BLOCK_ROWS * NL_LANES };

/* sum_a[c] = sum of d, sum_b[c] = sum of d^2, over the rows, with d = (x - shift) - rest. */
NL_CLONES
static void sum_columns(const struct nl_cpu_block *b)
{
    size_t channels = b->channels;
    const float *restrict shift = b->shift, *restrict rest = b->rest;
    float *restrict sum = b->part_a, *restrict squares = b->part_b;
    double *restrict sums = b->sum_a, *restrict all_squares = b->sum_b;
    memset(sums, 0, channels * sizeof *sums);
    memset(all_squares, 0, channels * sizeof *all_squares);
    for (size_t first = 0; first < b->rows; first += NL_BLOCK_ROWS) {
        size_t end = first + NL_BLOCK_ROWS < b->rows ? first + NL_BLOCK_ROWS : b->rows;
        memset(sum, 0, channels * sizeof *sum);
        memset(squares, 0, channels * sizeof *squares);
        for (size_t row = first; row < end; row++) {
            const float *restrict x = b->x + row * b->pitch;
            for (size_t c = 0; c < channels; c++) {
                float d = (x[c] - shift[c]) - rest[c];
                sum[c] += d;
                squares[c] += d * d;
            }
        }
        for (size_t c = 0; c < channels; c++) {
            sums[c] += sum[c];
            all_squares[c] += squares[c];
        }
    }
}

/* The same along one run; one shorter than the lanes is summed as it stands. */
NL_CLONES
static void sum_run(size_t count, const float *x, float shift, float rest, double *sum, double *squares)
{
    if (count < NL_LANES) {
        float s = 0.0f, q = 0.0f;
        for (size_t i = 0; i < count; i++) {
            float d = (x[i] - shift) - rest;
            s += d;
            q += d * d;
        }
        *sum = s;
        *squares = q;
        return;
    }
    *sum = *squares = 0.0;
    for (size_t first = 0; first < count; first += NL_BLOCK_RUN) {
        size_t end = first + NL_BLOCK_RUN < count ? first + NL_BLOCK_RUN : count, i = first;
        nl_lanes s = {0}, q = {0};
        for (; i + NL_LANES <= end; i += NL_LANES) {
            nl_lanes d = (*(const nl_lanes *)(x + i) - shift) - rest;
            s += d;
            q += d * d;
        }
        if (i < end) {
            nl_lanes d = {0};
            for (size_t lane = 0; i + lane < end; lane++)
                d[lane] = (x[i + lane] - shift) - rest;
            s += d;
            q += d * d;
        }
        *sum += nl_lanes_sum(&s);
        *squares += nl_lanes_sum(&q);
    }
}

static void mend(double m, double sum, double squares, bool centers, double *mean, double *var)
{
    double left = centers ? sum / m : 0.0, spread = squares / m - left * left;
    *mean += left;
    *var = spread < 0 ? 0.0 : spread;
}

static void moments_of_row(const struct nl_cpu_block *b, double *mean, double *var)
{
    size_t width = b->width;
    const float *x = b->x;
    for (size_t set = 0; set < b->channels / width; set++, x += width) {
        double sum, squares;
        mean[set] = 0.0;
        if (b->centers) {
            sum_run(width, x, x[0], 0.0f, &sum, &squares);
            mean[set] = x[0] + sum / (double)width;
        }
        float shift = (float)mean[set];
        sum_run(width, x, shift, (float)(mean[set] - shift), &sum, &squares);
        mend((double)width, sum, squares, b->centers, &mean[set], &var[set]);
    }
}

static void spread_mean(const struct nl_cpu_block *b, const double *mean)
{
    for (size_t set = 0, c = 0; set < b->channels / b->width; set++)
        for (size_t end = c + b->width; c < end; c++) {
            b->shift[c] = (float)mean[set];
            b->rest[c] = (float)(mean[set] - b->shift[c]);
        }
}

static void moments_of_columns(const struct nl_cpu_block *b, double *mean, double *var)
{
    size_t width = b->width, sets = b->channels / width;
    double rows = (double)b->rows, m = rows * (double)width;
    memset(mean, 0, sets * sizeof *mean);
    if (b->centers) {
        for (size_t set = 0, c = 0; set < sets; set++)
            for (size_t end = c + width; c < end; c++) {
                b->shift[c] = b->x[set * width];
                b->rest[c] = 0.0f;
            }
        sum_columns(b);
        for (size_t set = 0, c = 0; set < sets; set++) {
            double sum = 0.0;
            for (size_t end = c + width; c < end; c++)
                sum += b->sum_a[c];
            mean[set] = b->x[set * width] + sum / m;
        }
    }
    spread_mean(b, mean);
    sum_columns(b);
    for (size_t set = 0, c = 0; set < sets; set++) {
        double sum = 0.0, squares = 0.0;
        for (size_t end = c + width; c < end; c++) {
            sum += b->sum_a[c];
            squares += b->sum_b[c];
        }
        mend(m, sum, squares, b->centers, &mean[set], &var[set]);
    }
}

void nl_cpu_block_moments(const struct nl_cpu_block *block, double *mean, double *var)
{
    if (block->rows == 1 && block->width > 1)
        moments_of_row(block, mean, var);
    else
        moments_of_columns(block, mean, var);
}
