#ifndef NL_OPERATION_MEAN_GRADIENT_H
#define NL_OPERATION_MEAN_GRADIENT_H

#include "operation/operation.h"

/* What the micro-batches of a batch (train.accumulate) have in common: forward takes the gradient of one of them into
 * their mean,
 *
 *     mean = mean + (n / m) (grad - mean)
 *
 * where n is how many losses run->sums counted in this one, and m how many in it and those before it. The first
 * (run->before = 0) becomes the mean as it is. After the last the mean is that over the batch, whatever counts in which
 * part. */
struct nl_mean_gradient {
    size_t count;
    const void *grad;  /* real (count) */
    void *mean;        /* real (count) */
    double *counted;   /* (1) in the state: m, from one micro-batch to the next */
};

/* The mean of a replica whose state begins so many bytes after the first's. */
static inline struct nl_mean_gradient nl_mean_gradient_in_replica(const struct nl_mean_gradient *op, size_t bytes)
{
    return (struct nl_mean_gradient){op->count, nl_in_replica(op->grad, bytes), nl_in_replica(op->mean, bytes),
                                     nl_in_replica(op->counted, bytes)};
}

extern const struct nl_operation nl_mean_gradient_operation;

#endif
