#ifndef NL_OPERATION_MEAN_POOL_H
#define NL_OPERATION_MEAN_POOL_H

#include "operation/operation.h"

/* y[n, c] = mean over positions. */
struct nl_mean_pool {
    int positions, channels;
    const void *x;       /* real (capacity, S, C) */
    void *y;             /* real (capacity, C) */
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_mean_pool_operation;

#endif
