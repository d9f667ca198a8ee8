#ifndef NL_OPERATION_LRN_H
#define NL_OPERATION_LRN_H

#include "operation/normalizer.h"

/* Local response normalization: y_c = x_c / D_c^b with D_c = k + a / n sum x_j^2 over the window of c, the channels j
 * from c - floor(n / 2) to c + floor((n - 1) / 2) that exist, at each position. n, a, b, k: set.lrn. Backward:
 *
 *     dx_j = dy_j / D_j^b - 2 a b / n x_j sum dy_c x_c / D_c^(b + 1) over the channels c whose window holds j: the
 * reversed window of j
 *
 * Where D is 0, y and dx are 0. */
struct nl_lrn {
    struct nl_norm_settings set;
    int positions, channels;
    const void *x;      /* real (capacity, S, C) */
    void *y;
    const void *dy;
    void *dx;           /* NULL: nobody asks for it; may be dy */
};

/* Channels of a window to the left and to the right of its own; of a reversed one they are exchanged. */
static inline NL_EVERYWHERE int nl_lrn_left(const struct nl_lrn *op)
{
    return op->set.lrn.size / 2;
}

static inline NL_EVERYWHERE int nl_lrn_right(const struct nl_lrn *op)
{
    return (op->set.lrn.size - 1) / 2;
}

extern const struct nl_operation nl_lrn_operation;

#endif
