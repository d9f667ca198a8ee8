/* ws: weight standardization.
 *
 * Sets        the weights of one output: its I inputs, of a convolution its I x k x k = m.
 * Forward     t = v - mean(v), s = sqrt(sum t^2 / (m - 1)), w = t / (s + 1e-5).
 * Backward    dv = (dw - mean(dw)) / (s + 1e-5) - t sum(dw t) / ((m - 1) s (s + 1e-5)^2).
 * State       v (parametrizations.weight.original, drawn as the plain weight would be). There is no gain: a normalizer
 *             after it has one. So a factor on the initial weight (model.init gpt2, deepnorm) has no effect.
 * Conventions as the authors' code: the unbiased deviation (torch.std), and eps added to it. PyTorch Image Models
 *             (StdConv2d) takes the biased variance and adds 1e-6 under the root, since it calls F.batch_norm; of m
 *             weights that is w sqrt(m / (m - 1)). Constant weights have w = 0.
 * Source      Qiao, Wang, Liu, Shen and Yuille, Micro-Batch Training with Batch-Channel Normalization and Weight
 *             Standardization, 2019, equation 6.
 * Used        with group normalization at small batches (Big Transfer, detection), in the convolutions alone.
 * Trap        w has length sqrt(m - 1), not the length of a good start: without a normalizer after it activations grow
 *             from layer to layer; sws is for that. An output of one weight has no deviation.
 */
#include "norm/weights.h"

const struct nl_weight_norm nl_weight_norm_ws = {
    .name = "ws",
    .title = "weight standardization",
    .measure = NL_WEIGHT_DEVIATION,
    .centers = true,
    .eps = 1e-5,
};
