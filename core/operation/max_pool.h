#ifndef NL_OPERATION_MAX_POOL_H
#define NL_OPERATION_MAX_POOL_H

#include "operation/operation.h"

/* 2x2 max-pool, stride 2, odd last row and column left out (torch.nn.MaxPool2d(2)). Backward: to the first largest. */
struct nl_max_pool {
    int height, width, channels; /* of x */
    const void *x;       /* real (capacity, H, W, C) */
    void *y;             /* real (capacity, H/2, W/2, C) */
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_max_pool_operation;

#endif
