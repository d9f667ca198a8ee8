/* What normalizers learn: gamma and beta, and single numbers. For their `declare`. */
#ifndef NL_OPERATION_AFFINE_H
#define NL_OPERATION_AFFINE_H

#include "base/choices.h"
#include "operation/operation.h"

/* How many gammas a layer of activations x has: C, S C, or 0. */
static inline size_t nl_affine_count(enum nl_affine affine, const struct nl_extent *x)
{
    return affine == NL_AFFINE_NONE ? 0 : affine == NL_AFFINE_ELEMENT ? nl_elements(*x) : (size_t)x->channels;
}

/* Declares a gamma or beta of count (nl_affine_count) numbers; nothing where it is 0. */
static inline void nl_declare_affine(struct nl_declaration *d, struct nl_tensor_spec spec, size_t count,
                                     const struct nl_extent *x)
{
    bool elements = count > (size_t)x->channels;
    size_t shape[] = {(size_t)x->height, (size_t)x->width, (size_t)x->channels};
    spec.dims = elements ? 3 : 1;
    for (int i = 0; i < spec.dims; i++)
        spec.shape[i] = elements ? shape[i] : shape[2];
    if (count > 0)
        d->parameter[d->parameters++] = spec;
}

static inline void nl_declare_gamma(struct nl_declaration *d, int slot, size_t count, const struct nl_extent *x)
{
    nl_declare_affine(d, (struct nl_tensor_spec){.name = "weight", .role = NL_GAMMA, .slot = slot, .initial = 1}, count,
                      x);
}

static inline void nl_declare_beta(struct nl_declaration *d, int slot, size_t count, const struct nl_extent *x)
{
    nl_declare_affine(d, (struct nl_tensor_spec){.name = "bias", .role = NL_BETA, .slot = slot}, count, x);
}

/* Declares a parameter of one number. */
static inline void nl_declare_scalar(struct nl_declaration *d, const char *name, enum nl_role role, int slot,
                                     double initial)
{
    d->parameter[d->parameters++] =
        (struct nl_tensor_spec){.name = name, .role = role, .slot = slot, .dims = 1, .shape = {1}, .initial = initial};
}

/* Backward reads all that forward takes. For descriptors. */
static inline struct nl_reads nl_reads_inputs(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled};
}

/* The gradient of input 0 may take the place of the output's. For descriptors. */
static inline struct nl_sharing nl_shares_gradient(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_sharing){.gradient = 1u << 0};
}

#endif
