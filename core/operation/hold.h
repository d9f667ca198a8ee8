#ifndef NL_OPERATION_HOLD_H
#define NL_OPERATION_HOLD_H

#include "operation/operation.h"

/* In the body of a loop: y[n] = x[n] where the position of this time (run->time) counts in sample n, and before[n]
 * where it lies after the sample's end. A state that is held so is not moved by padding, as in
 * torch.nn.utils.rnn.pack_padded_sequence. */
struct nl_hold {
    size_t count;             /* elements of a sample */
    const void *x, *before;   /* real (N, count) */
    const int32_t *lengths;   /* (N) */
    void *y;
    const void *dy;
    void *dx, *dbefore;
};

enum { NL_HOLD_X, NL_HOLD_BEFORE, NL_HOLD_LENGTHS, NL_HOLD_SLOTS };

extern const struct nl_operation nl_hold_operation;

#endif
