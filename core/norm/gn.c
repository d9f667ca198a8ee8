/* gn: group normalization.
 *
 * Sets        one of G groups of consecutive channels of one sample, over all positions: N G sets of S C/G elements.
 * Forward     y = gamma_c (x - mu) / sqrt(var + eps) + beta_c, biased variance.
 * Backward    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), with dxhat = dy gamma.
 * State       gamma (1) and beta (0), one a channel (an element with norm.affine = element). No running statistics.
 * Conventions G = 1 is LN over (S, C); G = C is IN. G must divide C. A bias before it is not redundant unless G = C.
 * Source      Wu and He, Group Normalization, ECCV 2018; torch.nn.GroupNorm.
 * Used        detection and segmentation with few samples a device; diffusion models' U-Nets.
 * Trap        G must divide every layer's channels; with C/G of few elements and S = 1 a group has hardly a variance.
 */
#include "norm/norm.h"

static struct nl_partition partition(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){
        .samples = 1, .positions = setup->positions, .channels = setup->channels / setup->groups};
}

const struct nl_norm nl_norm_gn = {
    .name = "gn",
    .title = "group normalization",
    .label = "GN",
    .partition = partition,
    .centers = true,
    .shifts = true,
    .uses = NL_USES_GROUPS,
};
