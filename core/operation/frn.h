#ifndef NL_OPERATION_FRN_H
#define NL_OPERATION_FRN_H

#include "operation/normalizer.h"

/* Filter response normalization, over the positions of each channel of each sample: nu2 = mean x^2, u = x / sqrt(nu2 +
 * eps), y = gamma u + beta, z = max(y, tau). eps is norm.eps, and the size of learned_eps more where there is one.
 * Backward, with dy = dz where y > tau, dz / 2 where y = tau, else 0, and du = dy gamma:
 *
 *     dx = (du - u mean(du u)) / sqrt(nu2 + eps)
 *     dgamma = sum dy u     dbeta = sum dy     dtau = sum (dz - dy)
 *     dlearned_eps = -sign(learned_eps) / 2 sum du u / (nu2 + eps)
 *
 * Where nu2 + eps is 0, u and dx are 0. */
struct nl_frn {
    struct nl_norm_settings set;
    int positions, channels;
    const struct nl_hyper *hyper;                 /* norm_eps, where it has none of its own */
    const void *x;                                /* real (capacity, S, C) */
    const void *gamma, *beta;                     /* real (C), or NULL */
    const void *tau;                              /* real (C); NULL: z is y */
    const void *learned_eps;                      /* real (1); NULL: it is not learned */
    void *z;
    const void *dz;
    void *dx;                                     /* NULL: nobody asks for it; may be dz */
    void *dgamma, *dbeta, *dtau, *dlearned_eps;
};

extern const struct nl_operation nl_frn_operation;

#endif
