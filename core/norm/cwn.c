/* cwn: centred weight normalization.
 *
 * Sets        the weights of one output: its I inputs, of a convolution its I x k x k.
 * Forward     t = v - mean(v), w = g t / |t|.
 * Backward    dg = sum(dw t) / |t|, dv = g / |t| (dw - mean(dw) - t sum(dw t) / |t|^2).
 * State       v (parametrizations.weight.original1, drawn as the plain weight would be), g (original0), which begins as
 *             |t|; a factor on the initial weight (model.init gpt2, deepnorm) multiplies g, as with wn.
 * Conventions wn of centred weights, and named like it. g begins as wn's does, so that w begins as t. The authors' code
 *             adds 1e-3 to |t| in convolutions. Constant weights have w = 0 and no gradient.
 *             Weight decay pulls at v and g; train.weight_decay_on: weights spares g.
 * Source      Huang, Liu, Liu, Lang and Tao, Centered Weight Normalization in Accelerating Training of Deep Neural
 *             Networks, ICCV 2017, section 3.
 * Used        in the place of wn; centring alone is what MABN does to weights (Yan et al., Towards Stabilizing Batch
 *             Statistics, ICLR 2020).
 * Trap        what all inputs of an output have in common, such as the mean of a ReLU, does not get through.
 */
#include "norm/weights.h"

const struct nl_weight_norm nl_weight_norm_cwn = {
    .name = "cwn",
    .title = "centred weight normalization",
    .measure = NL_WEIGHT_LENGTH,
    .gain = NL_GAIN_LENGTH,
    .centers = true,
};
