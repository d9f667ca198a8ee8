/* From the statistics of a set to what its elements are normalized with, and back: the general form of a normalizer.
 *
 * Forward, with t = x - center:
 *
 *     center = mean of x, or 0
 *     spread = mean |t|^p (NL_SPREAD_POWER), max |t| (NL_SPREAD_LARGEST), or 1 (NL_SPREAD_NONE)
 *     u      = (x - shift) scale
 *     xhat   = u factor + offset
 *     y      = gamma xhat + beta
 *
 * By the standard coefficients shift = center, scale = (spread + eps)^(-1/p), 1 / (spread + eps) or 1, factor = 1 and
 * offset = 0; with eps outside the root (norm.eps_place) scale = 1 / (sqrt(spread) + eps) at p = 2. A normalizer may
 * have coefficients of its own: a factor and an offset that correct u (Batch Renorm), or shift and scale of other
 * statistics than the batch's. The latter are constants to the gradient: its `backward` says which means are 0, or what
 * stands in their place.
 *
 * Backward, with du = dy gamma factor and means over the set:
 *
 *     dx = scale (du - mean(du) - (h - mean(h)) mean(du u))
 *     h  = sign(w) |w|^(p-1) with w = t scale (NL_SPREAD_POWER; w itself at p = 2), m / k sign(t) where |t| is the
 * largest of the set and 0 elsewhere (NL_SPREAD_LARGEST), 0 (NL_SPREAD_NONE)
 *
 * With eps outside the root mean(du u) is multiplied with 1 + eps / sqrt(spread), since d sqrt(spread)/dx has no eps.
 *
 * Here sign(0) = 0, and k elements that are the largest together share the gradient equally, as torch.amax has it.
 * Without a center the terms mean(du) and mean(h) are absent, and mean(h) is 0 at p = 2. A factor and an offset are
 * constants to the gradient. Statistics that are detached, or fixed by evaluation, have no part in it: the first or the
 * second mean is 0. A normalizer may replace the two means by its own.
 *
 * A file with coefficients of its own is compiled for real numbers, for complex ones and for a GPU (norm/own.h). Its
 * functions bear NL_EVERYWHERE and name their numbers nl_number; NL_OWN_COEFFICIENTS makes them known; its descriptor
 * stands in #ifdef NL_REAL_ON_HOST.
 */
#ifndef NL_NORM_COEFFICIENTS_H
#define NL_NORM_COEFFICIENTS_H

#include "norm/norm.h"

#ifdef NL_COMPLEX_NUMBERS
#include <tgmath.h>
typedef double _Complex nl_number;
#define nl_real_part(x) creal(x)
#define NL_COEFFICIENTS nl_complex_coefficients
#define NL_COEFFICIENTS_OF(norm) (norm)->complex_coefficients
#define NL_OWN_COEFFICIENTS(name, forward, backward)                  \
    extern const struct nl_complex_coefficients nl_##name##_complex; \
    const struct nl_complex_coefficients nl_##name##_complex = {forward, backward}
#else
typedef double nl_number;
#define nl_real_part(x) (x)
#define NL_COEFFICIENTS nl_real_coefficients
#define NL_COEFFICIENTS_OF(norm) (norm)->coefficients
#ifdef __cplusplus /* for a GPU: backend/cuda/normalize_coefficients.cuh */
#define NL_OWN_COEFFICIENTS(name, forward, backward)                                                                   \
    struct nl_##name##_device {                                                                                        \
        static NL_EVERYWHERE nl_set_coefficients coefficients(const nl_norm *norm, const nl_set_statistics *set)       \
        {                                                                                                              \
            return forward(norm, set);                                                                                 \
        }                                                                                                              \
        static NL_EVERYWHERE nl_set_means means(const nl_set_statistics *set, nl_set_means means)                      \
        {                                                                                                              \
            return backward(set, means);                                                                               \
        }                                                                                                              \
    }
#else
#define NL_REAL_ON_HOST
#define NL_OWN_COEFFICIENTS(name, forward, backward)                  \
    extern const struct nl_complex_coefficients nl_##name##_complex; \
    extern const struct nl_real_coefficients nl_##name##_real;       \
    const struct nl_real_coefficients nl_##name##_real = {forward, backward}
#endif
#endif

/* What is known of a set. */
struct nl_set_statistics {
    nl_number center, spread;                 /* the batch's own; where they are fixed, the running or precise ones */
    nl_number running_center, running_spread; /* before this batch; 0 and 1 where the normalizer does not track */
    double eps;                               /* norm.eps, */
    bool eps_outside;                         /* which is added to the root */
    const double *numbers;                    /* (NL_NORM_NUMBERS) the normalizer's own, of this step */
};

/* xhat = (x - shift) scale factor + offset */
struct nl_set_coefficients {
    nl_number shift, scale, factor, offset;
};

/* mean(du) and mean(du u) */
struct nl_set_means {
    nl_number gradient, product;
};

/* The functions of a normalizer that has its own. */
struct NL_COEFFICIENTS {
    struct nl_set_coefficients (*forward)(const struct nl_norm *norm, const struct nl_set_statistics *set);
    struct nl_set_means (*backward)(const struct nl_set_statistics *set, struct nl_set_means means);
};

/* 1, -1 or 0. */
static inline NL_EVERYWHERE double nl_sign(nl_number x)
{
    return (nl_real_part(x) > 0) - (nl_real_part(x) < 0);
}

static inline NL_EVERYWHERE nl_number nl_magnitude(nl_number x)
{
    return nl_real_part(x) < 0 ? -x : x;
}

/* NaN is larger than all. */
static inline NL_EVERYWHERE nl_number nl_larger(nl_number a, nl_number b)
{
    return nl_real_part(a) > nl_real_part(b) || nl_real_part(a) != nl_real_part(a) ? a : b;
}

/* What an element adds to the spread of its set, whose mean it is; of NL_SPREAD_LARGEST the candidate. */
static inline NL_EVERYWHERE nl_number nl_spread_of(const struct nl_norm *norm, nl_number t)
{
    double p = nl_power(norm);
    if (norm->spread == NL_SPREAD_LARGEST || p == 1)
        return nl_magnitude(t);
    return p == 2 ? t * t : pow(nl_magnitude(t), p);
}

/* By that spread, with the set's eps. 0 where there is nothing to divide by. */
static inline NL_EVERYWHERE nl_number nl_standard_scale(const struct nl_norm *norm, const struct nl_set_statistics *set,
                                                        nl_number spread)
{
    double p = norm->spread == NL_SPREAD_LARGEST ? 1 : nl_power(norm), eps = set->eps;
    if (norm->spread == NL_SPREAD_NONE)
        return 1;
    if (nl_real_part(spread) + eps == 0)
        return 0;
    if (p == 2)
        return set->eps_outside ? 1.0 / (sqrt(spread) + eps) : 1.0 / sqrt(spread + eps);
    return p == 1 ? 1.0 / (spread + eps) : pow(spread + eps, -1 / p);
}

static inline NL_EVERYWHERE struct nl_set_coefficients nl_standard_coefficients(const struct nl_norm *norm,
                                                                                const struct nl_set_statistics *set)
{
    struct nl_set_coefficients standard = {set->center, nl_standard_scale(norm, set, set->spread), 1, 0};
    return standard;
}

static inline NL_EVERYWHERE struct nl_set_means nl_standard_means(const struct nl_set_statistics *set,
                                                                  struct nl_set_means means)
{
    if (set->eps_outside && nl_real_part(set->spread) > 0)
        means.product *= 1 + set->eps / sqrt(set->spread);
    return means;
}

/* h of an element; of NL_SPREAD_LARGEST before it is multiplied with m / k. */
static inline NL_EVERYWHERE nl_number nl_spread_slope(const struct nl_norm *norm, nl_number t, nl_number scale,
                                                      nl_number spread)
{
    double p = nl_power(norm);
    nl_number w = t * scale;
    if (norm->spread == NL_SPREAD_NONE)
        return 0;
    if (norm->spread == NL_SPREAD_LARGEST)
        return nl_real_part(nl_magnitude(t)) == nl_real_part(spread) ? nl_sign(t) : 0;
    if (p == 2)
        return w;
    return p == 1 ? nl_sign(w) : nl_sign(w) * pow(nl_magnitude(w), p - 1);
}

/* Whether mean(h) is subtracted. */
static inline NL_EVERYWHERE bool nl_centers_slope(const struct nl_norm *norm, unsigned detached)
{
    bool of_variance = norm->spread == NL_SPREAD_POWER && nl_power(norm) == 2;
    return norm->centers && !(detached & NL_DETACH_CENTER) && !of_variance;
}

/* The means without those that are detached. */
static inline NL_EVERYWHERE struct nl_set_means nl_attached(const struct nl_norm *norm, unsigned detached,
                                                            struct nl_set_means means)
{
    if (!norm->centers || (detached & NL_DETACH_CENTER))
        means.gradient = 0;
    if (norm->spread == NL_SPREAD_NONE || (detached & NL_DETACH_SPREAD))
        means.product = 0;
    return means;
}

#endif
