#ifndef NL_OPERATION_WHITENING_H
#define NL_OPERATION_WHITENING_H

#include "norm/whitening.h"
#include "operation/normalizer.h"

/* Whitening of groups of d = C / groups consecutive channels over all samples and positions of a batch, m elements a
 * channel:
 *
 *     cov = 1/m sum (x - mean) (x - mean)'     xhat = W (x - mean)     y = gamma xhat + beta
 *
 * where W is made of cov as norm/whitening.h says. Backward, with du = dy gamma, dW = sum du (x - mean)' and dcov of dW
 * as said there:
 *
 *     dx = W' (du - mean(du)) + 2/m dcov (x - mean)     dgamma = sum dy xhat     dbeta = sum dy
 *
 * With running or precise statistics mean and W are constants, and dx = W' du. */
struct nl_whitening {
    struct nl_norm_settings set;
    int positions, channels;
    size_t affine_count;              /* C, or 0: gamma and beta are NULL */
    const void *x;                    /* real (capacity, S, C) */
    const void *gamma, *beta;         /* real (affine_count) */
    void *y;
    void *mean, *w; /* statistic (C), (groups, d, d): of the last forward call with statistics of its batch */
    void *factors;                    /* statistic (groups, nl_whitening_factors): of the same */
    void *running_mean, *running_w;   /* real (C), (groups, d, d) */
    int64_t *updates;                 /* (1) number of updates so far */
    double *precise_mean, *precise_cov; /* (C), (groups, d, d) */
    double *precise_count;            /* (1) elements a channel merged so far; 0 starts anew */
    const struct nl_hyper *hyper;     /* norm_eps and norm_momentum, where it has none of its own */
    const void *dy;
    void *dx;                         /* NULL: nobody asks for it */
    void *dgamma, *dbeta;
};

static inline int nl_whitening_width(const struct nl_whitening *op)
{
    return op->channels / op->set.groups;
}

static inline enum nl_whitening_kind nl_whitening_kind_of(const struct nl_norm_settings *set)
{
    return set->norm->variant == NL_WHITEN_NEWTON ? NL_WHITEN_NEWTON : set->whitening;
}

static inline struct nl_whitening_form nl_whitening_form_of(const struct nl_whitening *op, const struct nl_hyper *hyper)
{
    struct nl_whitening_form form = {nl_whitening_kind_of(&op->set), nl_whitening_width(op), op->set.iterations,
                                     nl_override_or(op->set.eps, hyper->norm_eps)};
    return form;
}

/* How many factors a group keeps. */
static inline size_t nl_whitening_factors_of(const struct nl_whitening *op)
{
    return nl_whitening_factors(nl_whitening_kind_of(&op->set), nl_whitening_width(op), op->set.iterations);
}

extern const struct nl_operation nl_whitening_operation;

#endif
