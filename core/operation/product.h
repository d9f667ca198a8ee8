/* What linear layers and convolutions have in common: x, a weight, a bias, and what backward reads of them. */
#ifndef NL_OPERATION_PRODUCT_H
#define NL_OPERATION_PRODUCT_H

#include "operation/operation.h"

enum { NL_PRODUCT_X, NL_PRODUCT_WEIGHT, NL_PRODUCT_BIAS, NL_PRODUCT_SLOTS };

/* A weight of that shape, outputs first, and a bias, an output each. */
static inline void nl_declare_product(struct nl_declaration *d, int dims, const size_t *shape)
{
    struct nl_tensor_spec weight = {.name = "weight", .role = NL_WEIGHT, .slot = NL_PRODUCT_WEIGHT, .dims = dims};
    for (int i = 0; i < dims; i++)
        weight.shape[i] = shape[i];
    d->parameter[d->parameters++] = weight;
    d->parameter[d->parameters++] =
        (struct nl_tensor_spec){.name = "bias", .role = NL_BIAS, .slot = NL_PRODUCT_BIAS, .dims = 1, .shape = {shape[0]}};
}

static inline struct nl_reads nl_product_reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << NL_PRODUCT_X | 1u << NL_PRODUCT_WEIGHT};
}

#endif
