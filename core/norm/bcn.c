/* bcn: batch-channel normalization.
 *
 * Sets        one channel of the batch (as bn), then one group of channels of one sample (as gn).
 * Forward     z = gamma1_c (x - mu_c) / sqrt(var_c + eps) + beta1_c by the batch's statistics; y = gamma_c (z - mu_g) /
 *             sqrt(var_g + eps) + beta_c by those of z over the group.
 * Backward    dz as gn's dx; dgamma1 and dbeta1 as bn's of dz, and dx as bn's: with norm.statistics: running mu_c and
 *             var_c are constants to the gradient, and dx = dz gamma1 / sqrt(var_c + eps).
 * State       batch_weight (gamma1: 1), batch_bias (beta1: 0), gamma (1), beta (0); running mean (0) and running
 *             variance (1) as bn.
 * Conventions both forms of the paper are there. For large batches (norm.statistics: batch, the default) mu_c and var_c
 *             are the batch's. For micro-batches (norm.statistics: running) they are the running estimates, which take
 *             the batch in before it is normalized (the paper's algorithm 1); its update rate r is norm.momentum. The
 *             algorithm estimates the biased variance (norm.running_var: biased); as with bn, unbiased is the default.
 *             norm.groups is of the second part. gamma and beta are one a channel, as gn has them; the authors' code
 *             has one a group. A bias before it is redundant.
 * Source      Qiao, Wang, Liu, Shen and Yuille, Micro-Batch Training with Batch-Channel Normalization and Weight
 *             Standardization, 2019.
 * Used        detection and segmentation with one or two samples a device, with weight standardization.
 * Trap        the micro-batch form before its estimates have settled: they begin as 0 and 1; without the first part,
 *             gn, channels of a group may die (elimination singularities), which the estimates are there to prevent.
 */
#include "operation/mixture.h"

const struct nl_norm nl_norm_bcn = {
    .name = "bcn",
    .title = "batch-channel normalization",
    .label = "BCN",
    .operation = &nl_mixture_operation,
    .variant = NL_MIXTURE_BCN,
    .mixes_samples = true,
    .mixes_positions = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_GROUPS,
};
