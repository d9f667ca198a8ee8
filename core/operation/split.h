#ifndef NL_OPERATION_SPLIT_H
#define NL_OPERATION_SPLIT_H

#include "operation/operation.h"

/* One value of k C channels becomes k values of C: torch.chunk of the channels.
 *
 * Where `heads` is not 0, all parts but the last have heads times as many positions of C / heads channels: a normalizer
 * of a position then normalizes a head of queries or keys (Dehghani et al. 2023), and attention takes them as they
 * are. */
struct nl_split_channels {
    int parts;                        /* k, at most NL_MOST_OUTPUTS */
    int heads;
    int positions, channels;          /* S, C */
    const void *x;                    /* real (capacity, S, k C) */
    void *y[NL_MOST_OUTPUTS];         /* real (capacity, S, C) */
    const void *dy[NL_MOST_OUTPUTS];  /* NULL: the loss does not depend on it */
    void *dx;
};

extern const struct nl_operation nl_split_operation;

#endif
