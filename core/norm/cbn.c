/* cbn: cross-iteration batch normalization.
 *
 * Sets        one channel over all samples and positions of the batch, as bn; its statistics count together with those
 *             of the norm.history batches before.
 * Forward     with mu_s and nu_s the mean and the mean of squares of the batch of step s, the weight w of the layer in
 *             front, and K batches in the window:
 *                 mu_s(w_t) = mu_s + dmu_s/dw (w_t - w_s)      nu_s(w_t) = nu_s + dnu_s/dw (w_t - w_s)
 *                 mu = 1/K sum mu_s(w_t)      nu = 1/K sum max(nu_s(w_t), mu_s(w_t)^2)      var = nu - mu^2
 *             over s = t, t-1, ..., t-K+1, then y = gamma (x - mu) / sqrt(var + eps) + beta. norm.compensate: false
 *             takes mu_s and nu_s as they were.
 * Backward    through the batch's own part in mu and nu alone: dx = (dxhat - mean(dxhat)/K - xhat mean(dxhat xhat)/K) /
 *             sqrt(var + eps).
 * State       as BN, whose running statistics take in the batch's own; of each of the last norm.history batches mean
 *             and variance and, with compensation, their derivatives and the weight: 3 norm.history times the memory of
 *             the weight. They are not saved with the weights.
 * Conventions K is the number of steps so far, this one counted, norm.history + 1 at most; during the first part
 *             norm.warmup of training it is 1, which is bn. (The paper's burn-in is some epochs of BN. It counts the
 *             batch in its window of k; here k is norm.history + 1.) The variance and its derivative are computed
 *             around the mean, which keeps digits that nu - mu^2 would lose: the same numbers. Outside of training, and
 *             in evaluation on batches, it is bn. A bias in front has no part in the compensation.
 * Source      Yao, Cao, Zheng, Huang and Lin, Cross-Iteration Batch Normalization, CVPR 2021: the Taylor expansion by
 *             the layer's own weight alone, the window and the maximum. That running statistics are those of single
 *             batches is the authors' code's way; it leaves a batch out of the window where its expansion has a
 *             negative variance, the paper and normlab count that variance as 0.
 * Used        detection and classification with 4 samples a device.
 * Trap        the expansion holds for small steps: with a high learning rate, or without compensation, the window lags
 *             behind the weights.
 */
#include "norm/norm.h"

static struct nl_partition whole_batch(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = setup->samples, .positions = setup->positions, .channels = 1};
}

const struct nl_norm nl_norm_cbn = {
    .name = "cbn",
    .title = "cross-iteration batch normalization",
    .label = "CBN",
    .partition = whole_batch,
    .centers = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_WINDOW,
};
