#ifndef NL_OPERATION_EMBEDDING_H
#define NL_OPERATION_EMBEDDING_H

#include "operation/operation.h"

/* y[n, s] = row x[n, s] of the table: torch.nn.Embedding. The table is PyTorch's (V, C), stored as every matrix is, (C,
 * V): a linear layer to V outputs takes it as its weight (a tied head).
 *
 * Backward: row v of dw is the sum of dy over the positions whose id is v, in their order. */
struct nl_embedding {
    int vocabulary, channels; /* V, C */
    int positions;
    const int32_t *x;    /* (capacity, S), 0 .. V - 1 */
    const void *w;       /* real (C, V) */
    void *y;             /* real (capacity, S, C) */
    const void *dy;
    void *dw;            /* NULL: not wanted */
};

enum { NL_EMBEDDING_IDS, NL_EMBEDDING_WEIGHT, NL_EMBEDDING_SLOTS };

extern const struct nl_operation nl_embedding_operation;

#endif
