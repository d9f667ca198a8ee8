#ifndef NL_OPERATION_RESCALE_H
#define NL_OPERATION_RESCALE_H

#include "operation/normalizer.h"

/* What a set is divided by: the variants of a normalizer that only divides. */
enum nl_rescale_measure {
    NL_RESCALE_LENGTH,  /* max(sqrt(sum x^2), eps); gamma is one number for the layer */
    NL_RESCALE_PARTIAL, /* sqrt(mean x^2 + eps) over the first `counted` channels of the set */
};

/* y = gamma x s with one s a set: a sample, or one of its positions. Backward, with du = dy gamma and sums over the
 * set:
 *
 *     dx = s du - x slope sum(du x) in the channels that are counted, s du in the others     dgamma = sum dy x s
 *
 * slope: s^3 of a length, 0 where eps holds it; s^3 over the number of elements counted of a mean. Where there is
 * nothing to divide by, s is 0. */
struct nl_rescale {
    struct nl_norm_settings set;
    int positions, channels;
    int counted;                  /* channels whose squares count: the first */
    size_t affine_count;          /* C, S C (norm.affine = element), 1 of a length, or 0: gamma is NULL */
    const struct nl_hyper *hyper; /* norm_eps, where it has none of its own */
    const void *x;                /* real (capacity, S, C) */
    const void *gamma;            /* real (affine_count) */
    void *y;
    const void *dy;
    void *dx;                     /* NULL: nobody asks for it; may be dy */
    void *dgamma;
};

static inline NL_EVERYWHERE enum nl_rescale_measure nl_rescale_measure_of(const struct nl_rescale *op)
{
    return op->set.norm->variant == NL_RESCALE_LENGTH ? NL_RESCALE_LENGTH : NL_RESCALE_PARTIAL;
}

/* Positions of a set. */
static inline int nl_rescale_positions(const struct nl_rescale *op)
{
    return op->set.over_position ? 1 : op->positions;
}

extern const struct nl_operation nl_rescale_operation;

#endif
