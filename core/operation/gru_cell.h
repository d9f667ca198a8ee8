#ifndef NL_OPERATION_GRU_CELL_H
#define NL_OPERATION_GRU_CELL_H

#include "operation/operation.h"

/* One time of a GRU (Cho et al. 2014), as torch.nn.GRU has it. Of a, what the input gives to the gates, b, what h
 * gives, and h before:
 *
 *     r = sigmoid(a_r + b_r)     z = sigmoid(a_z + b_z)     n = tanh(a_n + r b_n)     h' = (1 - z) n + z h
 *
 * a and b hold r, z and n one after the other. */
struct nl_gru_cell {
    int width;              /* H */
    const void *a, *b;      /* real (N, 3H) */
    const void *h;          /* real (N, H) */
    void *gates;            /* real (N, 3H): r, z, n; backward reads them. May be a */
    void *after;            /* real (N, H): h' */
    const void *dafter;
    void *da, *db, *dh;     /* da may be gates */
};

enum { NL_GRU_A, NL_GRU_B, NL_GRU_H, NL_GRU_SLOTS };
enum { NL_GRU_GATES, NL_GRU_AFTER };

extern const struct nl_operation nl_gru_cell_operation;

#endif
