#ifndef NL_OPERATION_OBSERVE_H
#define NL_OPERATION_OBSERVE_H

#include "base/everywhere.h"
#include "operation/operation.h"

/* What is seen of a tensor, for a log. */
struct nl_observed {
    double elements, sum, squares;
    double deviations; /* sum of the squared deviations from the mean: of numbers far from zero, `squares` would have
                          lost them */
    double zeros;
};

/* What is seen of two tensors together (Chan, Golub and LeVeque 1979). */
static inline NL_EVERYWHERE struct nl_observed nl_seen_together(struct nl_observed a, struct nl_observed b)
{
    if (!(a.elements > 0))
        return b;
    double elements = a.elements + b.elements, apart = b.sum / b.elements - a.sum / a.elements;
    a.deviations += b.deviations + apart * apart * (a.elements * b.elements / elements);
    a.elements = elements;
    a.sum += b.sum;
    a.squares += b.squares;
    a.zeros += b.zeros;
    return a;
}

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
