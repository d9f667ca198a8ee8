#ifndef NL_OPERATION_CONCAT_H
#define NL_OPERATION_CONCAT_H

#include "operation/operation.h"

/* y = [a, b, ...]: at each position the channels of a, then those of b, and so on (torch.cat over the channels). */
enum { NL_MOST_CONCATENATED = 4 };
struct nl_concat {
    int positions, channels[NL_MOST_CONCATENATED]; /* 0: there is no such input */
    const void *x[NL_MOST_CONCATENATED];           /* real (N, S, channels) */
    void *y;
    const void *dy;
    void *dx[NL_MOST_CONCATENATED];                /* NULL where nobody asks for it */
};

extern const struct nl_operation nl_concat_operation;

#endif
