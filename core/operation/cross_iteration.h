#ifndef NL_OPERATION_CROSS_ITERATION_H
#define NL_OPERATION_CROSS_ITERATION_H

#include "operation/normalize.h"

/* Batch normalization with the statistics of a window: of this batch and of those before it (norm/cbn.c has the
 * formulas). It is "normalize" in everything else, calls its kernels, and its arguments begin with that operation's.
 * Outside of training it is "normalize" alone.
 *
 * A step of training leaves its statistics in the states, at number step mod history: mean and variance of each
 * channel, and, where the window is compensated, their derivatives after the producer's weight, and that weight. An
 * element of a weight is about the output channel that is the last of its indices. The window has the NL_WINDOW of
 * hyper at most, and the steps so far. */
struct nl_cross_iteration {
    struct nl_normalize normalize; /* its mean and var are those of the batch */
    int history;                   /* batches before this one that the states have room for */
    size_t weights; /* elements of the producer's weight; 0: no compensation, and input, weight, of_weights are NULL */
    size_t input_elements;         /* of a sample of the producer's input */
    int first_state;               /* of the node's states, the first that "normalize" does not have */
    void *input, *weight;          /* real: the producer's, as it takes them */
    void *window; /* statistic (2 C + 1): mean and variance that training normalized with; and how many batches they are
                    of, a double. After it real (weights): room for a backend that makes derivatives before it knows the
                    step */
    void *statistics;              /* real (history, 2, C) */
    void *of_weights; /* real (history, 3, weights): derivatives of the mean and of the variance, the weight */
    struct nl_producer producer;
};

/* The slots after those of "normalize". */
enum { NL_CROSS_ITERATION_INPUT = NL_NORMALIZE_SLOTS, NL_CROSS_ITERATION_WEIGHT, NL_CROSS_ITERATION_SLOTS };

extern const struct nl_operation nl_cross_iteration_operation;

/* Batches in the window of a step of training, with this one. */
static inline NL_EVERYWHERE int nl_window_batches(const struct nl_hyper *hyper, int64_t step)
{
    double most = hyper->norm_numbers[NL_WINDOW];
    return (int)(most < (double)step + 1 ? most : (double)step + 1);
}

/* "normalize" with the window's statistics, which `apply` and backward are called with; outside of training as it is.
 * statistic: bytes of one. */
static inline struct nl_normalize nl_by_window(const struct nl_run *run, const struct nl_cross_iteration *op,
                                               size_t statistic)
{
    struct nl_normalize n = op->normalize;
    size_t bytes = (size_t)n.setup.channels * statistic;
    if (run->statistics == NL_STATS_TRAIN) {
        n.mean = op->window;
        n.var = (char *)op->window + bytes;
        n.batches = (const double *)((char *)op->window + 2 * bytes);
    }
    return n;
}

/* The normalizer by sets that a node is, with a window or without; NULL: it is none. */
static inline const struct nl_normalize *nl_normalize_of(const struct nl_operation *operation, const void *arguments)
{
    return operation == &nl_normalize_operation || operation == &nl_cross_iteration_operation
               ? (const struct nl_normalize *)arguments
               : NULL;
}

#endif
