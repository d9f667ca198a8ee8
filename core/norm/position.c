/* position: positional normalization.
 *
 * Sets        one position of one sample, over its channels: N S sets of C elements.
 * Forward     y = gamma (x - mu) / sqrt(var + eps) + beta, biased variance.
 * Backward    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), with dxhat = dy gamma.
 * State       gamma (1) and beta (0), one a channel, or one an element with norm.affine = element. No running
 *             statistics.
 * Conventions the same numbers as ln with norm.over = position. The paper has no gamma and beta (norm.affine = none),
 *             and divides by the standard deviation as here; its code takes the unbiased variance. It gives mean and
 *             deviation to a later layer of a generator as well (moment shortcut): that is another network, not a
 *             normalizer, and not here.
 * Source      Li, Wu, Weinberger and Belongie, Positional Normalization (PONO), NeurIPS 2019.
 * Used        image generation, with the moment shortcut; as the LayerNorm of transformers and ConvNeXt.
 * Trap        mean and deviation of a position hold what an image looks like there; without the shortcut they are lost.
 */
#include "norm/norm.h"

static struct nl_partition partition(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = 1, .positions = 1, .channels = setup->channels};
}

const struct nl_norm nl_norm_position = {
    .name = "position",
    .title = "positional normalization",
    .label = "PONO",
    .partition = partition,
    .centers = true,
    .shifts = true,
};
