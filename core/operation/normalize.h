#ifndef NL_OPERATION_NORMALIZE_H
#define NL_OPERATION_NORMALIZE_H

#include "norm/norm.h"
#include "operation/operation.h"

/* A normalizer, with the sum at the end of a residual block where `residual` is set, and a ReLU after it where `relu`
 * is: y = relu(gamma xhat + beta + residual). Its backward recomputes xhat and the mask from x; with a residual it
 * takes the mask from y. mean and var are center and spread of the sets in the last forward call, statistics of the
 * backend: doubles, so that the mean of numbers far from zero keeps its digits; var is biased, the mean of squares
 * where !centers.
 *
 * Where it reduces over the batch, `reduce` makes mean and var of the samples up to its own, and tracks them with the
 * last; `apply` makes y of any normalizer, once mean and var are there. backward_reduce makes the batch's sums and
 * dresidual, backward_apply dx, dgamma and dbeta. */
struct nl_normalize {
    struct nl_norm_setup setup;     /* samples: the capacity */
    const struct nl_norm *norm;     /* whose partition applies: call norm->partition with the samples of the run */
    bool relu;
    bool unbiased;                  /* what running_var stores */
    unsigned detached;              /* enum nl_detached */
    bool eps_outside;               /* eps is added to the root, where nl_norm_takes_root */
    bool learns_momentum;           /* of running statistics (norm/momentum.h) */
    bool freezes;                   /* gamma and beta are not updated once statistics are frozen */
    bool trains_running; /* training, too, normalizes with the running statistics: constants to the gradient, which take
                            in the batch afterwards */
    int workers;  /* above 1: the moments of so many equal parts of the batch are merged to those of a set, which is all
                     of it */
    int followed; /* slices of norm.stat_batch samples that running statistics take in, the first ones; 0: all */
    int history;  /* above 0: var is averaged over so many batches, and so is the mean of products in backward
                     (norm/mabn.c) */
    bool has_lengths;               /* samples are sequences of different lengths, */
    const int32_t
        *lengths; /* (capacity) of which so many positions count. Sets of more than one position leave out the others:
                     there gamma xhat + beta and dx are 0. Without any, a set moves no running statistics. In a loop, of
                     which a call is one time, a sample counts while its sequence lasts */
    int affine_count;               /* C, S C (norm.affine = element), or 0: gamma and beta are NULL */
    const void *x;                  /* real (capacity, S, C) */
    const void *gamma, *beta;       /* real (affine_count); beta NULL where !norm->shifts */
    const void *residual;           /* as x: added before the ReLU; NULL: nothing is */
    void *y;
    void *mean, *var;               /* statistic (sets at capacity) */
    /* statistic (sets at capacity, 4): the coefficients that forward used, where nl_normalize_keeps_coefficients; else
     * NULL. They are not touched where statistics are fixed: a part of a batch may be called alone then. */
    void *coefficients;
    void *running_mean, *running_var; /* real (C) where norm->tracks */
    int64_t *updates;               /* (1) number of updates so far: num_batches_tracked */
    double *precise_mean, *precise_var; /* (C) */
    double *precise_count;          /* (1) elements a channel merged so far; 0 starts anew */
    void *learned;                  /* real (NL_MOMENTUM_ROWS, C) where learns_momentum */
    void *averaged;                 /* real (2, history, C): var, and mean of products, of the last batches */
    const double *batches;          /* (1) of how many batches mean and var are, with this one; NULL: of this one alone
                                       (operation/cross_iteration.h) */
    struct nl_override eps, momentum; /* the node's own; an own momentum is never cumulative */
    const struct nl_hyper *hyper;   /* norm_eps and norm_momentum, where it has none of its own; norm_numbers */
    const void *dy;
    void *dx, *dgamma, *dbeta;      /* dx may be dy unless there is a residual */
    void *dresidual;                /* where there is a residual; may be dy */
    void *sums;                     /* in the state, as its kernel's micro says; NULL: all samples come at once */
};

/* Number of sets that a call with `samples` samples makes, and the buffer size that mean and var need at capacity. */
static inline int nl_normalize_sets(const struct nl_normalize *op, int samples)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = samples;
    struct nl_partition partition = op->norm->partition(&setup);
    return nl_partition_sets(&partition, &setup);
}

/* Whether it leaves out positions after the ends of sequences. */
static inline bool nl_normalize_leaves_out(const struct nl_normalize *op)
{
    if (!op->has_lengths)
        return false;
    struct nl_partition partition = op->norm->partition(&op->setup);
    return partition.samples > 1 || partition.positions > 1;
}

/* Whether it is of the form that fast kernels are made for: the mean or 0, the mean of squares, standard coefficients
 * of the batch. */
static inline bool nl_normalize_is_standard(const struct nl_normalize *op)
{
    const struct nl_norm *norm = op->norm;
    bool of_squares = norm->spread == NL_SPREAD_POWER && nl_power(norm) == 2;
    return of_squares && !norm->coefficients && !op->eps_outside && !op->trains_running && op->workers <= 1;
}

/* Whether a call normalizes with running or precise statistics. */
static inline bool nl_normalize_is_fixed(const struct nl_normalize *op, const struct nl_run *run)
{
    return op->norm->tracks && nl_are_fixed(run->statistics);
}

/* Whether what it normalizes with is a constant to the gradient: the same, or running statistics in training. */
static inline bool nl_normalize_is_constant(const struct nl_normalize *op, const struct nl_run *run)
{
    return nl_normalize_is_fixed(op, run) || (op->trains_running && run->statistics == NL_STATS_TRAIN);
}

/* Whether backward cannot work them out again, for what they were made of may have moved on. */
static inline bool nl_normalize_keeps_coefficients(const struct nl_normalize *op)
{
    return op->norm->coefficients || op->trains_running;
}

/* The slots of "normalize", and how many buffers it saves. An operation that is "normalize" and more begins with
 * them. */
enum {
    NL_NORMALIZE_X,
    NL_NORMALIZE_GAMMA,
    NL_NORMALIZE_BETA,
    NL_NORMALIZE_RESIDUAL,
    NL_NORMALIZE_LENGTHS,
    NL_NORMALIZE_SLOTS
};
enum { NL_NORMALIZE_SAVED = 3 };

/* Whether a call averages over a history. */
static inline bool nl_normalize_averages(const struct nl_normalize *op, const struct nl_run *run)
{
    return op->history > 0 && run->statistics == NL_STATS_TRAIN;
}

extern const struct nl_operation nl_normalize_operation;

#endif
