#ifndef NL_OPERATION_CLASS_TOKEN_H
#define NL_OPERATION_CLASS_TOKEN_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* y[n, 0] = the token, y[n, s + 1] = x[n, s]: a learned vector in front of each sequence (Devlin et al. 2019;
 * Dosovitskiy et al. 2021). Where sequences have different lengths, those of y, one more than those of x, are the
 * second output. */
struct nl_class_token {
    int positions, channels;  /* of x: S, C */
    const void *x;            /* real (capacity, S, C) */
    const void *token;        /* real (1, C) */
    const int32_t *lengths;   /* of x (capacity), or NULL: all positions count */
    void *y;                  /* real (capacity, S + 1, C) */
    int32_t *y_lengths;       /* (capacity); NULL where lengths is */
    const void *dy;
    void *dx;                 /* NULL: not wanted */
    void *dtoken;
};

enum { NL_CLASS_TOKEN_X, NL_CLASS_TOKEN_WEIGHT, NL_CLASS_TOKEN_LENGTHS, NL_CLASS_TOKEN_SLOTS };
enum { NL_CLASS_TOKEN_Y, NL_CLASS_TOKEN_Y_LENGTHS, NL_CLASS_TOKEN_OUTPUTS };

extern const struct nl_operation nl_class_token_operation;

#endif
