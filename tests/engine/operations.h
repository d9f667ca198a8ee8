/* Operations that normlab has not, as somebody would add them: what a graph must be able to carry. Their kernels
 * (operations.c) are compiled for each element of the reference. */
#ifndef TESTS_OPERATIONS_H
#define TESTS_OPERATIONS_H

#include "operation/operation.h"

/* y = positions [first, first + count) of x. */
struct slice {
    int first, count, positions, channels;
    const void *x;
    void *y;
    const void *dy;
    void *dx;
};

/* y[n, s] = x[n, s - 1], the id before, and 0 before the first. */
struct before {
    int positions;
    const int32_t *x; /* (N, S) */
    int32_t *y;
};

/* The cell of an LSTM: gates (N, 4 H) in the order i, f, g, o, state c (N, H) -> h, c. Nobody may want the gradient of
 * either. */
struct cell {
    int width;
    const void *gates, *c;
    void *h, *next;
    const void *dh, *dnext;
    void *dgates, *dc;
};

/* y = x w' with the weight w (O, I) of a linear layer from O to I. */
struct tied {
    int in, out;
    const void *x, *w;
    void *y;
    const void *dy;
    void *dx, *dw;
};

extern const struct nl_operation slice_operation, before_operation, cell_operation, tied_operation;

#endif
