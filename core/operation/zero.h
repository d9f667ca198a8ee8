#ifndef NL_OPERATION_ZERO_H
#define NL_OPERATION_ZERO_H

#include "operation/operation.h"

/* y = 0 */
struct nl_zero {
    int channels;    /* of a node's output */
    size_t count;    /* elements of a row */
    bool per_sample; /* the rows are the run's samples; else there is one */
    void *y;         /* real (rows, count) */
};

extern const struct nl_operation nl_zero_operation;

#endif
