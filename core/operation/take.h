#ifndef NL_OPERATION_TAKE_H
#define NL_OPERATION_TAKE_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* y[n] = x[n, s] at one position s of each sequence: the first, or the last that counts. y is 0 where none counts. */
struct nl_take {
    bool last;
    int positions, channels;  /* S, C */
    const void *x;            /* real (capacity, S, C) */
    const int32_t *lengths;   /* (capacity), or NULL: all positions count */
    void *y;                  /* real (capacity, C) */
    const void *dy;
    void *dx;
};

enum { NL_TAKE_X, NL_TAKE_LENGTHS, NL_TAKE_SLOTS };

/* The position that is taken of sample n, or -1: none counts. */
static inline NL_EVERYWHERE int nl_take_position(const struct nl_take *op, const int32_t *lengths, int n)
{
    int length = nl_length_of(lengths, n, op->positions);
    return op->last || length == 0 ? length - 1 : 0;
}

extern const struct nl_operation nl_take_operation;

#endif
