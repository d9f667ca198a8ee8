#ifndef NL_OPERATION_CROSS_ENTROPY_H
#define NL_OPERATION_CROSS_ENTROPY_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* Softmax cross-entropy at each position that counts, with the sums in run->sums; the first largest logit is the answer.
 * dlogits = (softmax - onehot) / counted unless NULL, and 0 where a position does not count; counted: in this call. A NaN loss stays NaN. */
struct nl_cross_entropy {
    int positions, classes;
    const void *logits;       /* real (capacity, S, K) */
    const int32_t *labels;    /* (capacity, S) */
    const int32_t *lengths;   /* (capacity), or NULL: all positions count */
    void *dlogits;
};

extern const struct nl_operation nl_cross_entropy_operation;

#endif
