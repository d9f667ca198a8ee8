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

extern const struct nl_operation nl_mean_gradient_operation;

#endif
