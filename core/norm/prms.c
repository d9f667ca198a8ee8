/* prms: partial root mean square layer normalization.
 *
 * Sets        one sample over all positions and channels; with norm.over = position one position of it. Both as rms.
 * Forward     y = gamma x / sqrt(mean(x^2) + eps), the mean over the first k = ceil(p C) channels of the set alone (p:
 *             norm.share).
 * Backward    with s = 1 / sqrt(mean(x^2) + eps) and dxhat = dy gamma: dx = s dxhat, and in the first k channels - x
 *             s^3 sum(dxhat x) / m more, the sum over the whole set and m the number of its elements in these channels.
 *             dgamma = sum dy x s.
 * State       gamma (1), one a channel (an element with norm.affine = element); no beta, no running statistics.
 * Conventions k is rounded up, as in the paper. In an image the first k channels are taken at all positions, so that no
 *             part of it is preferred. eps under the root, norm.eps, as rms has it. norm.share = 1 is rms.
 * Source      Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019 (pRMSNorm), with p = 6.25 %.
 * Used        their comparison: a cheaper RMSNorm.
 * Trap        the first channels speak for all: where they are 0 (after a ReLU, say), the others are divided by
 *             sqrt(eps).
 */
#include "norm/norm.h"
#include "operation/rescale.h"

const struct nl_norm nl_norm_prms = {
    .name = "prms",
    .title = "partial RMS normalization",
    .label = "pRMSNorm",
    .operation = &nl_rescale_operation,
    .variant = NL_RESCALE_PARTIAL,
    .uses = NL_USES_OVER | NL_USES_SHARE,
};
