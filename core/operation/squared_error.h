#ifndef NL_OPERATION_SQUARED_ERROR_H
#define NL_OPERATION_SQUARED_ERROR_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* The squared error of real targets at each position that counts, with the sum in run->sums: torch.nn.MSELoss over the
 * counted positions. An error is the mean over the position's K numbers. Nothing is right or wrong: `correct` stays.
 *
 * doutputs = 2 (output - target) / (K counted) unless NULL, and 0 where a position does not count; counted: in this
 * call. */
struct nl_squared_error {
    int positions, channels;   /* S, K */
    const void *outputs;       /* real (capacity, S, K) */
    const void *targets;       /* real (capacity, S, K) */
    const int32_t *lengths;    /* (capacity), or NULL: all positions count */
    void *doutputs;
};

enum { NL_SQUARED_ERROR_OUTPUTS, NL_SQUARED_ERROR_TARGETS, NL_SQUARED_ERROR_LENGTHS, NL_SQUARED_ERROR_SLOTS };

extern const struct nl_operation nl_squared_error_operation;

#endif
