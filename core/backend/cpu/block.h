/* The arithmetic of a normalizer, for normalize.c, which walks over the blocks of its partition. A block is `rows` rows of C channels;
 * its sets are C/width groups of `width` neighbouring channels. Two kinds of kernels:
 *
 *     columns    a set takes `width` channels of all rows: sums run down the columns first
 *     rows       a set takes `width` channels of one row: sums run along it
 *
 * and both again for a few rows, which stay in registers from their sums to what these are for (block_small.h).
 *
 * They are written once, over sixteen lanes (wide.h says what these can do), and compiled for each instruction set
 * (block_avx512.c, block_avx2.c, block_plain.c). What is done once a set or a channel, in double, is in block.c.
 *
 * Digits. x is only used as t = x - shift, where shift is the mean rounded to float, or a guess of it while it is not known;
 * mean_low is the mean's low part, which the rounding left. So numbers far from zero lose no digits, and nothing is ever E[x^2] - E[x]^2.
 * Sums run in float over short stretches, and are accumulated in double.
 *
 * Bits. The order of every sum depends on the shape only, and where a product and a sum are fused is written down: results
 * are equal over instruction sets.
 */
#ifndef NL_BACKEND_CPU_BLOCK_H
#define NL_BACKEND_CPU_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

enum {
    NL_COLUMN_STRETCH = 64, /* rows of a column that are summed in float, in two chains; */
    NL_COLUMN_GROUP = 64 << 10, /* bytes of rows whose sums are accumulated in double by themselves: what a thread of a team takes */
    NL_ROW_STRETCH = 32,    /* rows whose shares of dgamma and dbeta are, in one */
    NL_PADDING = 16,        /* numbers that a kernel may read and write behind the end of a working array */
    NL_SHARE = 5,           /* arrays of doubles that a group of rows has for itself */
};

/* The gradient that comes to gamma xhat + beta is dy, */
enum nl_mask {
    NL_MASK_NONE,
    NL_MASK_X,   /* where gamma xhat + beta > 0, worked out again from x */
    NL_MASK_Y,   /* where y > 0, since a residual was added; it is written to dresidual as well */
};

struct nl_cpu_block {
    size_t rows, channels, width;
    size_t sets;     /* C/width */
    ptrdiff_t pitch; /* elements from row to row */
    bool back;       /* columns: apply and dx go from the last row to the first; never with a gamma for each element */
    bool centers, relu;
    enum nl_mask mask;
    const float *x, *dy, *residual; /* first row; residual NULL: none */
    float *y, *dx, *dresidual;

    const float *gamma, *beta; /* (C), or (positions, C); ones and zeros where the normalizer has none */
    size_t affine_step;        /* from one position's gamma to the next one's: C with a gamma for each element, else 0 */
    size_t positions;          /* after which gamma starts again */
    size_t position;           /* of the first row */
    double *dgamma, *dbeta;    /* as gamma: the block's share is added; rows: NULL where part_gamma and part_beta are what is wanted */

    /* columns: (C); rows: (sets of row_step rows). rstd = 1 / sqrt(var + eps) */
    float *shift, *mean_low, *rstd;

    /* columns, (C): gamma xhat + beta = t scale + offset; dx = g scale + (t dx_slope + dx_bias), where g is the gradient that came */
    float *scale, *offset, *dx_slope, *dx_bias;
    double *sum, *product;        /* scratch */
    double *shares;               /* (groups of rows, NL_SHARE, C + NL_PADDING) */

    /* rows */
    size_t row_step;              /* that many at a time */
    double *mean, *var, eps;      /* (sets of all rows) */
    float *part_gamma, *part_beta; /* (C) the block's share, in float */
    float *set_sum, *set_product; /* (sets of row_step rows) likewise; of the backward pass the means with their sign turned */
    float *partial_sum, *partial_product; /* (row_step, units, 16) likewise */
};

/* A small batch: a few rows of whole vectors, without a residual, a gamma a channel. */
enum { NL_SMALL_BATCH_OF_COLUMNS = 16, NL_SMALL_BATCH_OF_ROWS = NL_ROW_STRETCH };
struct nl_cpu_small_batch {
    size_t rows, channels, width;
    bool centers, relu;
    const float *x, *dy;       /* (rows, C) */
    const float *gamma, *beta; /* (C); beta NULL, of rows alone: zeros */
    float *y, *dx;             /* (rows, C); dx NULL: nobody asks; may be dy */
    float *dgamma, *dbeta;     /* (C); dbeta NULL where beta is */
    double *mean, *var, eps;   /* (sets) */
};
typedef void nl_small_batch_kernel(const struct nl_cpu_small_batch *small);

/* What is compiled for each instruction set. Of columns: the rows [first, end). */
typedef void nl_column_kernel(const struct nl_cpu_block *block, size_t first, size_t end);
typedef void nl_column_sums(const struct nl_cpu_block *block, size_t first, size_t end, double *sum, double *product);
typedef void nl_column_spread(const struct nl_cpu_block *block, float *x);
typedef void nl_row_kernel(const struct nl_cpu_block *block);
struct nl_block_kernels {
    nl_column_kernel *column_guess;   /* a guess of each channel's mean: in shift or, where sets have several channels, in sum */
    nl_column_spread *column_spread;  /* x (C/width) becomes (C): what its set has, in each channel */
    nl_row_kernel *column_factors;    /* the same for shift, mean_low and rstd; scale and offset, unless gamma has one for each element */
    nl_column_sums *column_sums;      /* sum (C): of t; product (C): of t^2 */
    nl_column_kernel *column_apply;   /* y */
    nl_column_sums *column_gradients; /* sum: of g; product: of g t. With a gamma for each element of g gamma instead, and the
                                         shares of dgamma and dbeta */
    nl_column_kernel *column_dx;
    nl_row_kernel *row_forward;       /* mean, var, y */
    nl_row_kernel *row_backward;      /* dx, unless it is NULL; part_gamma and part_beta. With a gamma for each element it adds to dgamma and
                                         dbeta instead */
    nl_small_batch_kernel *small_columns_forward, *small_columns_backward, *small_rows_forward, *small_rows_backward;
};
/* The table, in the files that hold the kernels (block_columns.h, block_rows.h, block_small.h). */
#define NL_BLOCK_KERNELS                                                                                                        \
    {                                                                                                                           \
        .column_guess = column_guess, .column_spread = column_spread, .column_factors = column_factors, .column_sums = column_sums,       \
        .column_apply = column_apply, .column_gradients = column_gradients, .column_dx = column_dx,                             \
        .row_forward = row_forward, .row_backward = row_backward,                                                               \
        .small_columns_forward = small_columns_forward, .small_columns_backward = small_columns_backward,                               \
        .small_rows_forward = small_rows_forward, .small_rows_backward = small_rows_backward,                                           \
    }
extern const struct nl_block_kernels nl_block_plain;
#if defined(__x86_64__) && defined(__GNUC__)
extern const struct nl_block_kernels nl_block_avx2, nl_block_avx512;
#endif
const struct nl_block_kernels *nl_block_kernels(void); /* for this processor */

/* Rows: vectors that hold the partial sums of a row. One holds those of a set or, where they fit, of several sets. */
static inline bool nl_row_is_small(size_t width)
{
    return width <= 16 && (width & (width - 1)) == 0;
}

/* Calls function(width, ...), with common widths of groups as constants. */
#define NL_OF_WIDTH(width, function, ...)                                                                                       \
    do {                                                                                                                        \
        if ((width) == 1)                                                                                                       \
            function(1, __VA_ARGS__);                                                                                           \
        else if ((width) == 2)                                                                                                  \
            function(2, __VA_ARGS__);                                                                                           \
        else if ((width) == 4)                                                                                                  \
            function(4, __VA_ARGS__);                                                                                           \
        else if ((width) == 8)                                                                                                  \
            function(8, __VA_ARGS__);                                                                                           \
        else                                                                                                                    \
            function((width), __VA_ARGS__);                                                                                     \
    } while (0)

static inline size_t nl_row_units(size_t channels, size_t sets, size_t width)
{
    return nl_row_is_small(width) ? (channels + 15) / 16 : sets;
}

/* Columns: the rows of a group, stretches in a power of two: a few samples have a multiple of it. */
static inline size_t nl_column_group(size_t channels)
{
    size_t rows = NL_COLUMN_STRETCH;
    while (2 * rows * channels * sizeof(float) <= NL_COLUMN_GROUP)
        rows *= 2;
    return rows;
}

/* Columns: column_apply or column_dx, the rows shared by the team. */
void nl_cpu_block_rows(const struct nl_cpu_block *block, nl_column_kernel *kernel);
/* Columns: mean and var (C/width) of `before` rows, which they hold, and of the block's. Overwrites shift. `before` is a multiple of a group. */
void nl_cpu_block_moments(const struct nl_cpu_block *block, size_t before, double *mean, double *var);
/* Columns: all that column_apply and column_gradients need, from mean and var. */
void nl_cpu_block_prepare(const struct nl_cpu_block *block, const double *mean, const double *var, double eps);
/* Columns: sum and product of the block's rows, with what they hold if `adds`, of whole groups. */
void nl_cpu_block_sums(const struct nl_cpu_block *block, bool adds);
/* Columns: from sum and product, over `rows` in all, dgamma, dbeta, dx_slope and dx_bias. Overwrites sum and product. `fixed`: the statistics do not
 * depend on x. */
void nl_cpu_block_slopes(const struct nl_cpu_block *block, size_t rows, bool fixed);

/* Rows: mean and var of `sets` sets of `width` elements, from sums of t and t^2. */
void nl_cpu_row_moments(size_t sets, size_t width, bool centers, const float *shift, const float *sum, const float *squares, double *mean,
                        double *var);
/* Rows: part_gamma and part_beta are accumulated into dgamma and dbeta. */
void nl_cpu_block_accumulate(const struct nl_cpu_block *block);
/* shift, mean_low and rstd of `sets` sets. */
void nl_cpu_prepare_sets(size_t sets, const double *mean, const double *var, double eps, float *shift, float *mean_low, float *rstd);

#endif
