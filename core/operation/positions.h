#ifndef NL_OPERATION_POSITIONS_H
#define NL_OPERATION_POSITIONS_H

#include "operation/operation.h"

/* y[n, s] = x[n, s] + p[s]: where in the sequence a position stands. p is learned, or sinusoidal (Vaswani et al. 2017,
 * section 3.5):
 *
 *     p[s, 2 i] = sin(s / 10000^(2 i / C))     p[s, 2 i + 1] = cos(s / 10000^(2 i / C))
 *
 * The table that is learned is PyTorch's (S, C), stored as every matrix is, (C, S). dp[s] is the sum of dy[n, s] over
 * the samples. */
struct nl_position_encoding {
    bool sinusoidal;
    int positions, channels;
    const void *x;       /* real (capacity, S, C) */
    const void *p;       /* real (C, S); sinusoidal: NULL */
    void *y;             /* may be x */
    const void *dy;
    void *dx;            /* may be dy; NULL: not wanted */
    void *dp;
};

enum { NL_POSITIONS_X, NL_POSITIONS_WEIGHT, NL_POSITIONS_SLOTS };

extern const struct nl_operation nl_positions_operation;

#endif
