#ifndef NL_OPERATION_DROP_PATH_H
#define NL_OPERATION_DROP_PATH_H

#include "operation/operation.h"

/* Stochastic depth (Huang et al. 2016), as torchvision.ops.StochasticDepth of mode "row": y = x mask / (1 - p), where
 * all elements of a sample have one mask; that of sample n at step t: uniform(t, nl_elements_before + n) >= p of the
 * stream, in training only (nl_is_step); else y = x. Backward draws the same masks again. */
struct nl_drop_path {
    double p;
    size_t count;        /* elements a sample */
    const uint32_t *key; /* (2) struct nl_stream of the layer, in the state */
    const void *x;       /* real (capacity, count) */
    void *y;
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_drop_path_operation;

#endif
