/* The arithmetic of a normalizer on one block of its partition, for normalize.c. A block is `rows` rows of C channels;
 * its sets are C/width groups of `width` neighbouring channels, of two kinds:
 *
 *     columns    a set has `width` channels of all rows: sums run down the columns first (block_columns.h)
 *     rows       a set has `width` channels of one row: sums run along it (block_rows.h)
 *
 * What runs over all elements is written once, over sixteen lanes (wide.h says what these can do), and compiled for
 * each instruction set (block_avx512.c, block_avx2.c, block_plain.c). What is done once a set or a channel, in double,
 * is in block.c. A gamma for each element is rare and has plain loops (block_element.c).
 *
 * Digits. x is only used as t = x - shift, where shift is the mean rounded to float, or a guess of it while it is not
 * known; mean_low is the rest of the mean, which the rounding cut off. So numbers far from zero lose no digits, and
 * nothing is ever E[x^2] - E[x]^2. Sums run in float over short stretches, and are accumulated in double.
 *
 * Bits. The order of every sum depends on the shape only, and where a product and a sum are fused is written down:
 * results are equal over instruction sets.
 */
#ifndef NL_BACKEND_CPU_BLOCK_H
#define NL_BACKEND_CPU_BLOCK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/cpu/lanes.h"

enum {
    NL_COLUMN_STRETCH = 64, /* rows of a column that are summed in float, in two chains; */
    NL_COLUMN_GROUP =
        64 << 10, /* bytes of rows whose sums are accumulated in double by themselves: what a thread of a team takes */
    NL_ROW_STRETCH = 32, /* rows whose shares of dgamma and dbeta are, in one */
    NL_PADDING = 16,     /* numbers that a kernel may read and write after the end of a working array */
    NL_SHARE = 5,        /* arrays of doubles that a group of rows has for itself */
};

enum { NL_SMALL_BATCH = 16 }; /* whose columns have kernels of their own */

/* The gradient that comes to gamma xhat + beta is dy, */
enum nl_mask {
    NL_MASK_NONE,
    NL_MASK_X,   /* where gamma xhat + beta > 0, worked out again from x */
    NL_MASK_Y,   /* where y > 0, since a residual was added; it is written to dresidual as well */
};

struct nl_cpu_block {
    size_t rows, channels, width;
    size_t sets;  /* C/width */
    size_t pitch; /* elements from row to row; C where sets are rows */
    bool centers, relu;
    bool center_moves, spread_moves; /* with x, for the gradient: dx has their terms */
    enum nl_mask mask;
    double eps;
    const float *x, *dy, *residual; /* first row; residual NULL: none */
    float *y, *dx, *dresidual;      /* dx NULL: nobody asks */

    const float *gamma, *beta; /* (C), or (positions, C); ones and zeros where the normalizer has none */
    size_t affine_step; /* from one position's gamma to the next one's: C with a gamma for each element, else 0 */
    size_t positions;          /* after which gamma starts again */
    size_t position;           /* of the first row */
    double *dgamma,
        *dbeta; /* as gamma: the block's share is added; rows: NULL where part_gamma and part_beta are what is wanted */
    float *part_gamma, *part_beta; /* (C) rows: the block's share, in float */

    double *mean, *var;           /* (sets); of rows, those of all rows */
    float *shift, *mean_low, *rstd; /* columns: (C); rows: (sets of row_step rows). rstd = 1 / sqrt(var + eps) */

    /* columns, (C): gamma xhat + beta = t scale + offset; dx = g scale + (t dx_slope + dx_bias), where g is the
     * gradient that came */
    float *scale, *offset, *dx_slope, *dx_bias;
    float *above, *below;  /* (C) of a spread that is no mean of squares: dx has h in the place of t, 1 where x > above,
                              -1 where x < below, else 0 */
    double *sum, *product; /* scratch */
    double *signs, *count; /* scratch: the sums of h and |h| */
    double *shares;        /* (groups of rows, NL_SHARE, C + NL_PADDING) scratch */

    /* rows */
    bool is_common;               /* a shape that kernels know (normalize_blocks.c) */
    size_t row_step;              /* that many at a time */
    float *set_sum, *set_product; /* (sets of row_step rows) scratch */
    float *lane_sum, *lane_product; /* (row_step, units, NL_LANES) scratch */
};

/* What is compiled for each instruction set. Of columns: the rows [first, end). */
typedef void nl_column_kernel(const struct nl_cpu_block *block, size_t first, size_t end);
typedef void nl_column_sums(const struct nl_cpu_block *block, size_t first, size_t end, double *sum, double *product);
typedef void nl_column_spread(const struct nl_cpu_block *block, float *x);
typedef void nl_block_kernel(const struct nl_cpu_block *block);
struct nl_block_kernels {
    nl_column_sums *column_sums;      /* sum (C): of t; product (C): of t^2 */
    nl_column_kernel *column_apply;   /* y */
    nl_column_sums *column_gradients; /* sum: of g; product: of g t */
    nl_column_kernel *column_dx;
    nl_column_sums *column_distances; /* sum: of |x - mean|; product: of its square */
    nl_column_sums *column_extremes;  /* sum: the largest x; product: the largest -x */
    nl_column_sums *column_signs;     /* sum: of h; product: of |h| */
    nl_column_kernel *column_dx_of_signs;
    nl_column_spread *column_spread;  /* x (sets) becomes (C): what its set has, in each channel */
    /* Centered columns of NL_SMALL_BATCH rows at most, C a multiple of NL_LANES, width 1. Forward: mean, var, y.
     * Backward: part_gamma, part_beta, dx. */
    nl_block_kernel *small_batch_forward, *small_batch_backward;
    nl_block_kernel *row_forward;  /* mean, var, y */
    nl_block_kernel *row_backward; /* part_gamma, part_beta, dx */
};
/* The table, in the files that hold the kernels (block_columns.h, block_rows.h). */
#define NL_BLOCK_KERNELS                                                                                               \
    {                                                                                                                  \
        .column_sums = column_sums, .column_apply = column_apply, .column_gradients = column_gradients,                \
        .column_dx = column_dx, .column_distances = column_distances, .column_extremes = column_extremes,              \
        .column_signs = column_signs, .column_dx_of_signs = column_dx_of_signs, .column_spread = column_spread,        \
        .small_batch_forward = small_batch_forward, .small_batch_backward = small_batch_backward,                      \
        .row_forward = row_forward, .row_backward = row_backward,                                                      \
    }
extern const struct nl_block_kernels nl_block_plain;
#if defined(__x86_64__) && defined(__GNUC__)
extern const struct nl_block_kernels nl_block_avx2, nl_block_avx512;
#endif
const struct nl_block_kernels *nl_block_kernels(void); /* for this processor */

/* Sets so narrow that one vector holds whole ones. */
static inline bool nl_row_is_small(size_t width)
{
    return width < NL_LANES && (width & (width - 1)) == 0;
}

/* Rows: units of a row, whose sums are folded from sixteen lanes each: a set or, of small sets, a vector that holds
 * several. */
static inline size_t nl_row_units(size_t channels, size_t width)
{
    return nl_row_is_small(width) ? (channels + NL_LANES - 1) / NL_LANES : channels / width;
}

/* Columns: the rows of a group, stretches in a power of two: a few samples have a multiple of it. */
static inline size_t nl_column_group(size_t channels)
{
    size_t rows = NL_COLUMN_STRETCH;
    while (2 * rows * channels * sizeof(float) <= NL_COLUMN_GROUP)
        rows *= 2;
    return rows;
}

/* mean and var of `sets` sets of `width` elements, from sums of t = x - shift and t^2. */
NL_INLINE void nl_sets_moments(size_t sets, size_t width, bool centers, const float *restrict shift,
                               const float *restrict sum, const float *restrict squares, double *restrict mean,
                               double *restrict var)
{
    double inverse = 1.0 / (double)width, inverse_if_centered = centers ? inverse : 0.0;
    NL_ROLLED
    for (size_t set = 0; set < sets; set++) {
        double offset = sum[set] * inverse_if_centered, spread = squares[set] * inverse - offset * offset;
        mean[set] = shift[set] + offset;
        var[set] = spread < 0 ? 0.0 : spread;
    }
}

/* shift, mean_low and rstd of `sets` sets. */
NL_INLINE void nl_sets_prepare(size_t sets, const double *restrict mean, const double *restrict var, double eps,
                               float *restrict shift, float *restrict mean_low, float *restrict rstd)
{
    NL_ROLLED
    for (size_t set = 0; set < sets; set++) {
        float sum = (float)(var[set] + eps),
              divides = (float)(sum != 0); /* nl_rstd, without branches so that it vectorizes */
        shift[set] = (float)mean[set];
        mean_low[set] = (float)(mean[set] - shift[set]);
        rstd[set] = divides / sqrtf(sum + (1.0f - divides));
    }
}

/* Columns: column_apply or column_dx, the rows shared by the team. */
void nl_cpu_block_rows(const struct nl_cpu_block *block, nl_column_kernel *kernel);
/* Columns: mean and var (sets) of `before` rows, which they hold, and of the block's. Overwrites shift. `before` is a
 * multiple of a group. */
void nl_cpu_block_moments(const struct nl_cpu_block *block, size_t before, double *mean, double *var);
/* Columns: all that column_apply and column_gradients need, from mean and var (sets). */
void nl_cpu_block_prepare(const struct nl_cpu_block *block, const double *mean, const double *var);
/* Columns: a kernel's sum and product of the block's rows, with what they hold if `adds`, of whole groups. */
void nl_cpu_block_sums(const struct nl_cpu_block *block, nl_column_sums *kernel, bool adds);
/* Columns: from sum and product, over `rows` in all, dgamma, dbeta, dx_slope and dx_bias. Overwrites sum and
 * product. */
void nl_cpu_block_slopes(const struct nl_cpu_block *block, size_t rows);

/* Rows: part_gamma and part_beta are accumulated into dgamma and dbeta. */
void nl_cpu_block_accumulate(const struct nl_cpu_block *block);
/* shift, mean_low and rstd of the block's sets. */
void nl_cpu_block_prepare_sets(const struct nl_cpu_block *block, const double *mean, const double *var);

/* block_element.c: a gamma and a beta for each element. Columns: instead of the kernels of these names.
 * column_gradients has the sums of g gamma and g gamma t here, and adds to dgamma and dbeta. */
nl_column_kernel nl_cpu_element_apply, nl_cpu_element_dx;
nl_column_sums nl_cpu_element_gradients;
/* Rows: instead of row_forward and row_backward. Adds to dgamma and dbeta. `ones` and `zeros` (C). */
void nl_cpu_element_row_forward(const struct nl_cpu_block *block, const float *ones, const float *zeros);
void nl_cpu_element_row_backward(const struct nl_cpu_block *block, const float *ones, const float *zeros);

#endif
