/* The node that makes a node's first input, for a kernel that calls that node's own kernels: with other numbers in the
 * places of its operands. */
#ifndef NL_OPERATION_PRODUCER_H
#define NL_OPERATION_PRODUCER_H

#include <string.h>

#include "operation/linear.h"

/* Computes dw, the gradient of the weight w of a linear layer or a convolution, from its input x and a gradient dy of
 * its output, with the kernel that the backend has for it. All are places in the first replica's state, for the samples
 * of the run. */
static inline void nl_weight_gradient(const struct nl_run *run, const struct nl_producer *producer, void *x, void *w,
                                      void *dy, void *dw)
{
    union {
        char bytes[NL_MOST_ARGUMENTS];
        max_align_t aligned;
    } arguments;
    struct nl_operands at;
    memset(&at, 0, sizeof at);
    at.in[NL_PRODUCT_X] = x, at.in[NL_PRODUCT_WEIGHT] = w, at.d_in[NL_PRODUCT_WEIGHT] = dw, at.d_out[0] = dy;
    memcpy(&arguments, producer->arguments, producer->operation->arguments);
    nl_bind(producer->operation, &arguments, &at);
    producer->kernel->backward(run, &arguments);
}

#endif
