#ifndef NL_OPERATION_CLASS_TOKEN_H
#define NL_OPERATION_CLASS_TOKEN_H

#include "operation/operation.h"

/* y[n, 0] = the token, y[n, s + 1] = x[n, s]: a learned vector in front of each sequence (Devlin et al. 2019; Dosovitskiy et al. 2021). The sequences have one
 * length: y has S + 1 positions, to which lengths of x say nothing. */
struct nl_class_token {
    int positions, channels;  /* of x: S, C */
    const void *x;            /* real (capacity, S, C) */
    const void *token;        /* real (1, C) */
    void *y;                  /* real (capacity, S + 1, C) */
    const void *dy;
    void *dx;                 /* NULL: not wanted */
    void *dtoken;
};

enum { NL_CLASS_TOKEN_X, NL_CLASS_TOKEN_WEIGHT, NL_CLASS_TOKEN_SLOTS };

extern const struct nl_operation nl_class_token_operation;

#endif
