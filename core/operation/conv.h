#ifndef NL_OPERATION_CONV_H
#define NL_OPERATION_CONV_H

#include "base/choices.h"
#include "operation/operation.h"

/* y[n, i, j, o] = b[o] + sum over (p, q, c) of x[n, i stride + p dilation - pad, j stride + q dilation - pad, c]
 * w[p, q, c, o]; zeros outside. w is stored (kernel, kernel, I, O): PyTorch's (O, I, kernel, kernel) permuted by
 * (2, 3, 1, 0).
 *
 * Where `pads` is said, y has (H + 2 pad - dilation (kernel - 1) - 1) / stride + 1 rows, as that of torch.nn.Conv2d;
 * else `declare` pads by kernel / 2 times the dilation, and y has (H - 1) / stride + 1 rows: an even kernel leaves out
 * the last row and column that PyTorch would have.
 *
 * "conv" has one group. "depthwise_conv" has as many groups as channels: output o sees input o alone, and w is (kernel,
 * kernel, 1, O). */
struct nl_conv {
    int height, width, in;          /* of x */
    int out_height, out_width, out; /* of y */
    int kernel, stride, pad, groups;
    int dilation;                   /* from one row of the kernel to the next; `declare` makes 0 to 1 */
    bool pads;                      /* pad is given */
    enum nl_precision precision;    /* as nl_linear's */
    enum nl_gemm gemm;              /* for shapes without a kernel of their own */
    enum nl_conv_algorithm algorithm; /* winograd: where a backend has it for the shape, else direct */
    const void *x;                  /* real (capacity, H, W, I) */
    const void *w, *b;              /* real (kernel, kernel, I, O), (O) or NULL */
    void *y;                        /* real (capacity, out_height, out_width, O) */
    const void *dy;
    void *dx, *dw, *db;
    unsigned adds;                  /* not 0: dx is added to what is there; for backends that say so (adds_gradients) */
    void *sums;                     /* in the state, as its kernel's micro says; NULL: all samples come at once */
};

extern const struct nl_operation nl_conv_operation, nl_depthwise_conv_operation;

#endif
