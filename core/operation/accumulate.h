#ifndef NL_OPERATION_ACCUMULATE_H
#define NL_OPERATION_ACCUMULATE_H

#include "operation/operation.h"

/* y += x, over `count` reals, whatever the run's samples. */
struct nl_accumulate {
    size_t count;
    const void *x;
    void *y;
};

extern const struct nl_operation nl_accumulate_operation;

#endif
