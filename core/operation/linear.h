#ifndef NL_OPERATION_LINEAR_H
#define NL_OPERATION_LINEAR_H

#include "base/choices.h"
#include "operation/operation.h"

/* y = x w + b. w is stored (I, O): the transpose of PyTorch's (O, I). An embedding's table (V, C) is stored the same
 * way, so that it is a head's weight as it is.
 *
 * Where `by_position` is set, x is the channels of a position, as for torch.nn.Linear, and y has as many positions.
 * Else x is all of a sample's numbers, in height, width, channel order.
 *
 * Where `relu` is set, y = relu(x w + b); `masks` says that x is such a y, and that dx is wanted in front of the ReLU:
 * 0 where x is. Where `activates` is set, y = f(x w + b) of another activation f, and `slope` becomes f'(x w + b). A
 * layer that takes such a y takes that slope as well, and dx is wanted in front of f: times the slope. For backends
 * that say so (fuses_activations). dy is what comes after this layer's activation, mask or slope already in it.
 *
 * Where `update` is set and dw is not NULL, backward makes the optimizer's step on w as well, and dw need not hold a
 * gradient afterwards: for backends that say so (steps_weights), and SGD without clipping. It saves the gradient's way
 * to memory and back. */
struct nl_linear {
    enum nl_gemm gemm;
    enum nl_precision precision;    /* of x, w and dy in products; those that the backend `multiplies` */
    bool by_position;
    int positions;       /* S; 1 where x is all of a sample's numbers */
    int in, out;
    bool relu, masks;
    bool activates;
    enum nl_activation activation;
    enum nl_gelu gelu;
    const void *x;       /* real (capacity, S, I) */
    const void *w, *b;   /* real (I, O), (O) or NULL */
    void *y;             /* real (capacity, S, O) */
    void *slope;         /* as y, or NULL: there is no backward pass, or no activation */
    const void *x_slope; /* as x, or NULL */
    const void *dy;      /* as y */
    void *dx, *dw, *db;  /* as x, w, b; dx NULL, or dw and db NULL, where nobody asks for them */
    unsigned adds;       /* not 0: dx is added to what is there; for backends that say so (adds_gradients) */
    const struct nl_update *update; /* or NULL */
    void *sums;          /* in the state, as its kernel's micro says; NULL: all samples come at once */
    void *packed;        /* in a loop: w as the backend packs it (struct nl_kernel); or NULL */
};

/* The slots of a linear layer, and those of a convolution. */
enum { NL_PRODUCT_X, NL_PRODUCT_WEIGHT, NL_PRODUCT_BIAS, NL_PRODUCT_SLOTS };

/* One more of a linear layer. */
enum { NL_LINEAR_SLOPE = NL_PRODUCT_SLOTS, NL_LINEAR_SLOTS };

/* Rows that a call multiplies with w. */
static inline size_t nl_linear_rows(const struct nl_run *run, const struct nl_linear *linear)
{
    return (size_t)run->samples * (size_t)linear->positions;
}

extern const struct nl_operation nl_linear_operation;

#endif
