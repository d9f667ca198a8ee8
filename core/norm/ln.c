/* ln: layer normalization.
 *
 * Sets        one sample over all positions and channels: N sets of S C elements; with norm.over = position
 *             (transformers, ConvNeXt) one position of one sample: N S sets of C elements.
 * Forward     y = gamma (x - mu) / sqrt(var + eps) + beta, biased variance.
 * Backward    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), with dxhat = dy gamma.
 * State       gamma (1) and beta (0), one a channel, or one an element (S x C) with norm.affine = element, as
 *             torch.nn.LayerNorm has them over the normalized shape. No running statistics: evaluation is as training.
 * Conventions of sequences of different lengths all sums leave out what stands after the ends, where y and dx are 0;
 *             not with norm.over = position. A bias before it is not redundant: only the part that all channels share
 *             goes away.
 * Source      Ba, Kiros and Hinton, Layer Normalization, 2016; torch.nn.LayerNorm.
 * Used        transformers (over: position), recurrent networks, ConvNeXt (over: position).
 * Trap        on images `over: sample` and PyTorch's LayerNorm(C) are different sets. A causal sequence must normalize
 *             by position.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_ln = {
    .name = "ln",
    .title = "layer normalization",
    .label = "LN",
    .partition = nl_sets_of_sample,
    .centers = true,
    .shifts = true,
    .uses = NL_USES_OVER,
};
