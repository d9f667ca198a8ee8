/* varbn: batch normalization of the variance alone.
 *
 * Sets        one channel over all samples and positions of the batch, as bn.
 * Forward     y = gamma x / sqrt(var + eps) + beta. The variance is that around the mean, which is not subtracted.
 * Backward    with u = x / sqrt(var + eps) and t = x - mu: dx = (dxhat - t / sqrt(var + eps) mean(dxhat u)) / sqrt(var
 *             + eps).
 * State       as BN; the running mean is kept and not used.
 * Conventions a bias before it is not redundant.
 * Source      the half of Ioffe and Szegedy 2015 that meanbn leaves out.
 * Used        ablations of what batch normalization's two halves do.
 * Trap        means add up from layer to layer, so that deep networks saturate or diverge.
 */
#include "norm/coefficients.h"

static inline NL_EVERYWHERE struct nl_set_coefficients varbn_forward(const struct nl_norm *norm,
                                                                     const struct nl_set_statistics *set)
{
    struct nl_set_coefficients c = nl_standard_coefficients(norm, set);
    c.shift = 0;
    return c;
}

static inline NL_EVERYWHERE struct nl_set_means varbn_backward(const struct nl_set_statistics *set,
                                                               struct nl_set_means means)
{
    means.gradient = 0;
    return nl_standard_means(set, means);
}

NL_OWN_COEFFICIENTS(varbn, varbn_forward, varbn_backward);

#ifdef NL_REAL_ON_HOST
const struct nl_norm nl_norm_varbn = {
    .name = "varbn",
    .title = "variance-only batch normalization",
    .label = "variance-only BN",
    .partition = nl_sets_of_batch,
    .centers = true,
    .coefficients = &nl_varbn_real,
    .complex_coefficients = &nl_varbn_complex,
    .shifts = true,
    .tracks = true,
    .uses = NL_USES_STAT_BATCH,
};
#endif
