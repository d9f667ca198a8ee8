/* Normalizers that are operations of their own (struct nl_norm): what they are told. */
#ifndef NL_OPERATION_NORMALIZER_H
#define NL_OPERATION_NORMALIZER_H

#include "config/config.h"
#include "norm/norm.h"
#include "operation/normalize.h"

/* The first member of the arguments of each such operation: the norm section of the configuration, as far as it is about one layer. */
struct nl_norm_settings {
    const struct nl_norm *norm;
    enum nl_affine affine;
    double alpha;               /* norm.alpha */
    int groups;                 /* norm.groups */
    enum nl_whitening_kind whitening; /* norm.whitening */
    int iterations;             /* norm.iterations */
    struct nl_own eps, momentum; /* the layer's own (struct nl_normalize) */
};

/* The normalizer that an operation with these arguments is, "normalize" or one of its own; NULL: it is none. */
static inline const struct nl_norm *nl_normalizer_of(const struct nl_operation *operation, const void *arguments)
{
    if (operation == &nl_normalize_operation)
        return ((const struct nl_normalize *)arguments)->norm;
    for (int i = 0; nl_norms[i]; i++)
        if (nl_norms[i]->operation == operation)
            return ((const struct nl_norm_settings *)arguments)->norm;
    return NULL;
}

#endif
