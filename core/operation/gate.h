#ifndef NL_OPERATION_GATE_H
#define NL_OPERATION_GATE_H

#include "base/choices.h"
#include "operation/operation.h"

/* y = f(a) b of x = a | b (Shazeer 2020): SwiGLU with f = silu, GEGLU with f = gelu. torch.nn.functional.glu has the
 * halves the other way round.
 *
 *     da = dy b f'(a)     db = dy f(a)
 */
struct nl_gate {
    enum nl_activation kind;
    enum nl_gelu gelu;
    int positions, channels;  /* S, H */
    const void *x;            /* real (capacity, S, 2 H) */
    void *y;                  /* real (capacity, S, H) */
    const void *dy;
    void *dx;
};

extern const struct nl_operation nl_gate_operation;

#endif
