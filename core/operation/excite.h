#ifndef NL_OPERATION_EXCITE_H
#define NL_OPERATION_EXCITE_H

#include "operation/operation.h"

/* y[n, s, c] = x[n, s, c] g[n, c]: a factor for each channel of each sample, the last step of squeeze-and-excitation
 * (Hu, Shen and Sun 2018, equation 4).
 *
 *     dx = dy g     dg[n, c] = sum over s of dy x
 */
struct nl_excite {
    int positions, channels;
    const void *x, *g; /* real (capacity, S, C), (capacity, C) */
    void *y;           /* as x */
    const void *dy;
    void *dx, *dg;
};

extern const struct nl_operation nl_excite_operation;

#endif
