#ifndef NL_OPERATION_BIAS_H
#define NL_OPERATION_BIAS_H

#include "operation/operation.h"

/* y = x + b: a learned number is added to each channel. For what is normalized without a beta. */
struct nl_bias_add {
    int positions, channels;
    const void *x;          /* real (N, S, C) */
    const void *b;          /* real (C) */
    void *y;                /* may be x */
    const void *dy;
    void *dx, *db;          /* dx may be dy; each NULL where nobody asks for it */
};

extern const struct nl_operation nl_bias_operation;

#endif
