#ifndef NL_OPERATION_ADD_H
#define NL_OPERATION_ADD_H

#include "operation/operation.h"

/* The sum at the end of a residual block, with a ReLU after it where `relu` is set:
 *
 *     y[n, i, j, c] = a[n, i, j, c] + b[n, i stride, j stride, c], without the second term where b has no channel c
 *
 * Backward takes the mask of the ReLU from y. da may be dy; y may be a or b, and db may be da, where the shortcut is
 * the identity (stride 1, as many channels). */
struct nl_add {
    int height, width, channels;                /* of a and y */
    int from_height, from_width, from_channels; /* of b; at most `channels` */
    int stride;
    bool relu;
    const void *a;       /* real (capacity, H, W, C) */
    const void *b;       /* real (capacity, from_height, from_width, from_channels) */
    void *y;             /* as a */
    const void *dy;
    void *da, *db;       /* as a, b */
};

/* Whether b is of the size of a, so that both have the same gradient. */
static inline bool nl_add_is_identity(const struct nl_add *add)
{
    return add->stride == 1 && add->from_channels == add->channels;
}

extern const struct nl_operation nl_add_operation;

#endif
