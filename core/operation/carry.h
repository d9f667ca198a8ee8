#ifndef NL_OPERATION_CARRY_H
#define NL_OPERATION_CARRY_H

#include "operation/operation.h"

/* A state that goes on from one step of training to the next (truncated back-propagation through time): a row for each
 * sample of a batch. One node puts it out, y, and another that has the same state (nl_new_node.states_of) keeps x for
 * the next step, after what is made of y. No gradient goes through it. y is 0 in the first step of an epoch and
 * wherever it is not training, where nothing is kept either. */
struct nl_carry {
    int rows;        /* samples of a batch, in all its micro-batches */
    int width;       /* H */
    bool keeps;
    void *state;     /* real (rows, H) */
    const void *x;   /* real (N, H), of the one that keeps */
    void *y;         /* real (N, H), of the other */
};

extern const struct nl_operation nl_carry_operation;

#endif
