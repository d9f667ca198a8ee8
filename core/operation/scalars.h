#ifndef NL_OPERATION_SCALARS_H
#define NL_OPERATION_SCALARS_H

#include "operation/operation.h"

/* y = factor weight x + bias, with one number of each for all elements: the learned ones may be absent.
 *
 *     dx = factor weight dy     dweight = factor sum x dy     dbias = sum dy
 *
 * The sums are over all elements of the batch, in double, each sample's by itself first. */
struct nl_scalars {
    double factor;
    size_t count;              /* elements a sample */
    const void *x;             /* real (capacity, count) */
    const void *weight, *bias; /* real (1), or NULL: 1, 0 */
    void *y;                   /* as x; may be x where there is no weight */
    const void *dy;
    void *dx;                  /* as x; may be dy; NULL: not wanted */
    void *dweight, *dbias;     /* NULL: absent, or not wanted */
};

enum { NL_SCALARS_X, NL_SCALARS_WEIGHT, NL_SCALARS_BIAS, NL_SCALARS_SLOTS };

extern const struct nl_operation nl_scalars_operation;

#endif
