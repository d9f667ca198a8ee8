/* in: instance normalization.
 *
 * Sets        one channel of one sample, over all positions: N C sets of S elements.
 * Forward     y = gamma_c (x - mu) / sqrt(var + eps) + beta_c, biased variance.
 * Backward    dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), with dxhat = dy gamma.
 * State       gamma (1) and beta (0), one a channel. No running statistics: evaluation is as training.
 * Conventions PyTorch's default has no gamma and beta (affine=False); here every normalizer has them unless norm.affine
 *             says none. With S = 1 (a fully connected layer) the variance is 0 and the output is beta: IN fits images,
 *             not an MLP. A bias before it is redundant.
 * Source      Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016; torch.nn.InstanceNorm2d(affine=True).
 * Used        style transfer, image translation.
 * Trap        it takes away a channel's contrast, which classification may need; nothing is left where S = 1.
 */
#include "norm/norm.h"

static struct nl_partition partition(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = 1, .positions = setup->positions, .channels = 1};
}

const struct nl_norm nl_norm_in = {
    .name = "in",
    .title = "instance normalization",
    .label = "IN",
    .partition = partition,
    .centers = true,
    .shifts = true,
    .cancels_bias = true,
};
