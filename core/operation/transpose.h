#ifndef NL_OPERATION_TRANSPOSE_H
#define NL_OPERATION_TRANSPOSE_H

#include "operation/operation.h"

/* Sequences of `times` positions from x[n][t] to y[t][n], or, where `leaves` is set, from x[t][n] to y[n][t]. Both are
 * dense for the run's samples N, whatever the capacity. "transpose_int32" is the same of int32, which has no
 * gradient. */
struct nl_transpose {
    int times, channels;
    bool leaves;
    const void *x; /* real, or int32: (N, times, C), or (times, N, C) */
    void *y;       /* the other one */
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_transpose_operation, nl_transpose_int32_operation;

#endif
