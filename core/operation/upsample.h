#ifndef NL_OPERATION_UPSAMPLE_H
#define NL_OPERATION_UPSAMPLE_H

#include "operation/operation.h"

/* y[n, i, j, c] = x[n, i / 2, j / 2, c], rounded down: torch.nn.Upsample(scale_factor=2, mode="nearest").
 *
 *     dx = the sum of dy over the four positions
 */
struct nl_upsample {
    int height, width, channels; /* of x */
    const void *x;               /* real (capacity, H, W, C) */
    void *y;                     /* real (capacity, 2 H, 2 W, C) */
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_upsample_operation;

#endif
