#ifndef NL_OPERATION_OBSERVE_H
#define NL_OPERATION_OBSERVE_H

#include "operation/observed.h"
#include "operation/operation.h"

/* Each row is looked at by itself, and joins those before it: a call for a part of a batch goes on from the parts
 * before it with the same bits. Where `before` is set, it is x - before that is observed. */
struct nl_observe {
    size_t first, count; /* elements of a row: those looked at; first is 0 unless there is one row */
    bool per_sample;     /* the rows are the run's samples; else there is one */
    const void *x;       /* real (rows, count) */
    const void *before;  /* as x, or NULL */
    struct nl_observed *seen; /* in the state */
};

extern const struct nl_operation nl_observe_operation;

#endif
