#ifndef NL_OPERATION_STANDARDIZE_H
#define NL_OPERATION_STANDARDIZE_H

#include "operation/operation.h"

/* Before the first step: gain and bias, in which x is linear, become those with which each channel of the first batch
 * has mean 0 and variance 1 (Salimans and Kingma 2016, section 3); y is x with them. A channel without variance keeps
 * its gain. Without a bias the mean stays. */
struct nl_standardize {
    int positions, channels;
    const void *x;      /* real (capacity, S, C) */
    void *gain, *bias;  /* real (C); bias may be NULL */
    void *y;            /* as x */
};

enum { NL_STANDARDIZE_X, NL_STANDARDIZE_GAIN, NL_STANDARDIZE_BIAS, NL_STANDARDIZE_SLOTS };

extern const struct nl_operation nl_standardize_operation;

#endif
