#ifndef NL_OPERATION_LOSS_H
#define NL_OPERATION_LOSS_H

#include "operation/operation.h"

/* Softmax cross-entropy. sums[0] += sum of losses over the samples, sums[1] += number of correct ones (the first largest logit counts);
 * dlogits = (softmax - onehot) / N unless NULL. A NaN loss stays NaN. */
struct nl_loss {
    int classes;
    const void *logits;       /* real (capacity, K) */
    const int32_t *labels;    /* (capacity) */
    double *sums;             /* (2) */
    void *dlogits;
};

extern const struct nl_operation nl_loss_operation;

#endif
