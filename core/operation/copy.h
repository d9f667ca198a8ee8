#ifndef NL_OPERATION_COPY_H
#define NL_OPERATION_COPY_H

#include "operation/operation.h"

/* y = x, whatever the run's samples. */
struct nl_copy {
    size_t count;
    const void *x;
    void *y;
};

extern const struct nl_operation nl_copy_operation;

#endif
