#ifndef NL_OPERATION_SQUASH_H
#define NL_OPERATION_SQUASH_H

#include "operation/normalizer.h"

/* Functions that squash numbers into (-1, 1): the variants of a normalizer that is computed so. */
enum nl_squash_function {
    NL_SQUASH_TANH,
    NL_SQUASH_ERF,      /* it has a shift */
    NL_SQUASH_HARDTANH, /* u held between -1 and 1; its derivative is 0 at both, as that of torch.nn.Hardtanh */
};

/* y = gamma f(u) + beta with u = alpha x + shift, element by element. Backward, with du = dy gamma f'(u) and sums over
 * all elements:
 *
 *     dx = alpha du     dalpha = sum du x     dshift = sum du     dgamma = sum dy f(u)     dbeta = sum dy
 */
struct nl_squash {
    struct nl_norm_settings set;
    int positions, channels;
    size_t affine_count;          /* C, S C (norm.affine = element), or 0: gamma and beta are NULL */
    const void *x;                /* real (capacity, S, C) */
    const void *gamma, *beta;     /* real (affine_count) */
    const void *alpha, *shift;    /* real (1); shift is NULL where the function has none */
    void *y;
    const void *dy;
    void *dx;                     /* NULL: nobody asks for it; may be dy */
    void *dgamma, *dbeta, *dalpha, *dshift;
    void *sums;                   /* in the state, as its kernel's micro says; NULL: all samples come at once */
};

static inline enum nl_squash_function nl_squash_function_of(const struct nl_squash *op)
{
    return (enum nl_squash_function)op->set.norm->variant;
}

extern const struct nl_operation nl_squash_operation;

#endif
