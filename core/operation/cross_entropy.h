#ifndef NL_OPERATION_CROSS_ENTROPY_H
#define NL_OPERATION_CROSS_ENTROPY_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* Softmax cross-entropy at each position that counts, with the sums in run->sums; the first largest logit is the
 * answer.
 *
 *     loss = -sum over k of q[k] log softmax[k],  q = (1 - s) onehot + s / K
 *
 * (Szegedy et al. 2016; torch.nn.CrossEntropyLoss(label_smoothing=s)),
 *
 * where s is hyper's label smoothing in a step of training, and else 0. dlogits = (softmax - q) / counted unless NULL,
 * and 0 where a position does not count; counted: in this call. A NaN loss stays NaN. */
struct nl_cross_entropy {
    int positions, classes;
    const void *logits;       /* real (capacity, S, K) */
    const int32_t *labels;    /* (capacity, S) */
    const int32_t *lengths;   /* (capacity), or NULL: all positions count */
    void *dlogits;
    const struct nl_hyper *hyper;
};

/* s of a call. */
static inline NL_EVERYWHERE double nl_smoothing(const struct nl_hyper *hyper, enum nl_statistics statistics)
{
    return nl_is_step(statistics) ? hyper->label_smoothing : 0.0;
}

extern const struct nl_operation nl_cross_entropy_operation;

#endif
