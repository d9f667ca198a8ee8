#ifndef NL_OPERATION_WEIGHT_AVERAGE_H
#define NL_OPERATION_WEIGHT_AVERAGE_H

#include "operation/operation.h"

/* A step of an average of weights (train.ema, train.swa_start): forward takes numbers into their average,
 *
 *     average = average + share (value - average)
 *
 * as get_ema_multi_avg_fn (share = 1 - decay) and get_swa_multi_avg_fn (share = 1 / (n + 1)) of torch.optim.swa_utils.
 * A share of 1 copies. */
struct nl_weight_average {
    size_t count;
    const void *value; /* real (count) */
    void *average;     /* real (count) */
    double share;      /* the same in all replicas */
};

extern const struct nl_operation nl_weight_average_operation;

#endif
