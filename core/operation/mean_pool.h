#ifndef NL_OPERATION_MEAN_POOL_H
#define NL_OPERATION_MEAN_POOL_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* y[n, c] = mean over the positions that count; 0 where none does. */
struct nl_mean_pool {
    int positions, channels;
    const void *x;          /* real (capacity, S, C) */
    const int32_t *lengths; /* (capacity), or NULL: all positions count */
    void *y;                /* real (capacity, C) */
    const void *dy;
    void *dx;
};

enum { NL_MEAN_POOL_X, NL_MEAN_POOL_LENGTHS, NL_MEAN_POOL_SLOTS };

extern const struct nl_operation nl_mean_pool_operation;

#endif
