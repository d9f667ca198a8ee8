#ifndef NL_OPERATION_DROPOUT_H
#define NL_OPERATION_DROPOUT_H

#include "operation/operation.h"

/* y = x mask / (1 - p); mask of element e of sample n at step t: uniform(t, nl_elements_before + n * count + e) >= p of
 * the stream, in training only (nl_is_step); else y = x. Backward draws the same mask again. */
struct nl_dropout {
    size_t count;              /* elements a sample */
    const uint32_t *key;       /* (2) struct nl_stream of the layer, in the state */
    const struct nl_hyper *hyper; /* p, */
    struct nl_override p;         /* where the layer has none of its own */
    const void *x;
    void *y;
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_dropout_operation;

#endif
