#ifndef NL_OPERATION_CROSS_ITERATION_H
#define NL_OPERATION_CROSS_ITERATION_H

#include "operation/normalize.h"

/* Batch normalization with the statistics of a window: of this batch and of those before it (norm/cbn.c has the formulas). It is "normalize" in
 * everything else, calls its kernels, and its arguments begin with that operation's. Outside of training it is "normalize" alone.
 *
 * A step of training leaves its statistics in the states, at number step mod history: mean and variance of each channel, and, where the window is
 * compensated, their derivatives after the producer's weight, and that weight. An element of a weight is about the output channel that is
 * the last of its indices. The window has the NL_WINDOW of hyper at most, and the steps so far. */
struct nl_cross_iteration {
    struct nl_normalize normalize; /* its mean and var are those of the batch */
    int history;                   /* batches before this one that the states have room for */
    size_t weights;                /* elements of the producer's weight; 0: no compensation, and what follows is NULL */
    int first_state;               /* of the node's states, the first that "normalize" does not have */
    void *input, *weight;          /* real: the producer's, as it takes them */
    void *window;                  /* real (2, C): mean and variance that forward normalized with */
    void *statistics;              /* real (history, 2, C) */
    void *of_weights;              /* real (history, 3, weights): derivatives of the mean and of the variance, the weight */
    struct nl_producer producer;
};

/* The slots behind those of "normalize". */
enum { NL_CROSS_ITERATION_INPUT = NL_NORMALIZE_SLOTS, NL_CROSS_ITERATION_WEIGHT, NL_CROSS_ITERATION_SLOTS };

extern const struct nl_operation nl_cross_iteration_operation;

/* The normalizer by sets that a node is, with a window or without; NULL: it is none. */
static inline const struct nl_normalize *nl_normalize_of(const struct nl_operation *operation, const void *arguments)
{
    return operation == &nl_normalize_operation || operation == &nl_cross_iteration_operation ? (const struct nl_normalize *)arguments : NULL;
}

#endif
