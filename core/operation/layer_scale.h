#ifndef NL_OPERATION_LAYER_SCALE_H
#define NL_OPERATION_LAYER_SCALE_H

#include "operation/operation.h"

/* y = gamma x with a learned factor for each channel (Touvron et al. 2021, LayerScale; ConvNeXt's).
 *
 *     dx = gamma dy     dgamma = sum over samples and positions of x dy, in double
 */
struct nl_layer_scale {
    int positions, channels;
    const void *x, *gamma; /* real (capacity, S, C), (C) */
    void *y;               /* as x */
    const void *dy;
    void *dx, *dgamma; /* dx: NULL: not wanted */
};

extern const struct nl_operation nl_layer_scale_operation;

#endif
