/* GN: group normalization.
 *
 * Sets        one of G groups of consecutive channels of one sample, over all positions: N G sets of S C/G elements.
 * Forward     y = gamma_c (x - mu) / sqrt(var + eps) + beta_c, biased variance.
 * Backward    the general form of norm.h.
 * State       gamma (1) and beta (0), one a channel (an element with norm.affine = element). No running statistics.
 * Conventions G = 1 is LN over (S, C); G = C is IN. G must divide C. A bias before it is not redundant unless G = C.
 * Source      Wu and He, Group Normalization, ECCV 2018; torch.nn.GroupNorm.
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
