/* What the kernels of normalizers share: those of the standard form (norm/norm.h) in normalize_sets.cu, one block of
 * threads a set, and normalize_columns.cu and normalize_narrow.cu, sums down the channels; those of the general form
 * (norm/coefficients.h) in normalize_general.cu.
 *
 * Activations are rows of C channels, one row a position of a sample. A set is `rows` rows by `width` neighbouring
 * channels: all rows of some consecutive samples, or, where a partition has a block for each position, one row of each.
 *
 * Sums run in float over few elements, in a fixed order, and join in double. What is summed for the moments are
 * deviations from a shift, in two passes, so that numbers far from zero lose no digits. Never E[x^2] - E[x]^2.
 */
#ifndef NL_BACKEND_CUDA_NORMALIZE_CUH
#define NL_BACKEND_CUDA_NORMALIZE_CUH

#include "backend/cuda/division.cuh"
#include "norm/coefficients.h"
#include "operation/lengths.h"
#include "operation/normalize.h"

struct nl_layout {
    unsigned all_rows, rows, channels, width;
    struct nl_divisor by_width;
    unsigned positions;     /* rows a sample */
    unsigned samples;       /* of a set; the last one may have fewer */
    unsigned blocks;        /* of positions: 1 or positions */
    bool elements;          /* gamma and beta have one for each element of a sample */
    bool relu, fixed;
    bool leaves_out;        /* rows after the ends of sequences, */
    int time;               /* of a loop (struct nl_run) */
    struct nl_norm norm;
    size_t stride;
};

/* xhat = ((x - shift) - rest) * rstd; shift + rest is the mean with more digits than one float has. */
struct nl_statistic {
    float shift, rest, rstd;
};

static __device__ inline struct nl_statistic nl_statistic_of(double mean, double var, double eps)
{
    struct nl_statistic s;
    s.shift = (float)mean;
    s.rest = (float)(mean - s.shift);
    s.rstd = (float)nl_rstd(var, eps);
    return s;
}

static __device__ inline float nl_xhat(const struct nl_statistic &s, float x)
{
    return ((x - s.shift) - s.rest) * s.rstd;
}

/* Mean and variance from a shift and the sums of the deviations from it and of their squares (m elements). */
static __device__ inline void nl_finalize_moments(double m, double sum, double squares, bool centers, double shift,
                                                  double *mean, double *var)
{
    *mean = centers ? shift + sum / m : 0.0;
    *var = centers ? (squares - sum * sum / m) / m : squares / m;
    if (*var < 0)
        *var = 0.0;
}

/* Whether a row counts. */
static __device__ inline bool nl_row_counts(const struct nl_normalize &op, const struct nl_layout &l, unsigned row)
{
    return !l.leaves_out || l.time + (int)(row % l.positions) < nl_at(op.lengths, l.stride)[row / l.positions];
}

/* How many do of the rows of a block of sets, which have the same rows. */
static __device__ inline unsigned nl_rows_that_count(const struct nl_normalize &op, const struct nl_layout &l,
                                                     unsigned block)
{
    unsigned first = block / l.blocks * l.samples, end = min(first + l.samples, l.all_rows / l.positions),
             each = l.positions / l.blocks, rows = 0;
    if (!l.leaves_out)
        return (end - first) * each;
    for (unsigned n = first; n < end; n++)
        rows += nl_length_from(nl_at(op.lengths, l.stride), n, l.time + block % l.blocks, each);
    return rows;
}

/* How many batches mean and var are of. */
static __device__ inline double nl_batches_of(const struct nl_normalize &op, size_t stride)
{
    const double *batches = nl_at(op.batches, stride);
    return batches ? *batches : 1.0;
}

static inline unsigned nl_layout_sets(const struct nl_layout *l)
{
    unsigned each = l->samples * l->positions;
    return (l->all_rows + each - 1) / each * l->blocks * (l->channels / l->width);
}

/* normalize.cu: how it is partitioned, and whether kernels of the standard form compute it. */
struct nl_layout nl_cuda_layout_of(const struct nl_run *run, const struct nl_normalize *op);
bool nl_cuda_has_own_kernels(const struct nl_normalize *op);

/* normalize_sets.cu */
/* Where a warp can take each set, and a block the gradients of gamma and beta: how many elements a thread takes at a
 * time; else 0. */
int nl_cuda_sets_of_warps(const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_sets_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_sets_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);

/* normalize_narrow.cu: sets of a few channels of a sample, whole sectors of them at once */
bool nl_cuda_sets_are_narrow(const struct nl_layout *layout);
void nl_cuda_narrow_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_narrow_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);

/* normalize_columns.cu: sets of one channel */
void nl_cuda_columns_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_columns_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
/* What op->mean and op->var are goes into running or precise statistics. */
void nl_cuda_columns_track(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
/* y, with them. */
void nl_cuda_columns_apply(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);

/* normalize_joined.cu: its parts (struct nl_kernel), and whether it comes in them. */
struct nl_micro nl_cuda_normalize_joins(const void *arguments);
void nl_cuda_normalize_reduce(const struct nl_run *run, const void *arguments);
void nl_cuda_normalize_backward_reduce(const struct nl_run *run, const void *arguments);
void nl_cuda_normalize_backward_apply(const struct nl_run *run, const void *arguments);

/* normalize_general.cu */
bool nl_cuda_normalize_suits(const void *arguments); /* whether a GPU has coefficients for that normalizer */
void nl_cuda_general_forward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_general_apply(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);
void nl_cuda_general_backward(const struct nl_run *run, const struct nl_normalize *op, const struct nl_layout *layout);

/* normalize.cu: y of a normalizer that tracks, with op->mean and op->var unless the run's statistics are fixed. */
void nl_cuda_normalize_apply(const struct nl_run *run, const struct nl_normalize *op);

#endif
