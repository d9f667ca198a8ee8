/* sws: scaled weight standardization.
 *
 * Sets        the weights of one output: its I inputs, of a convolution its I x k x k = m.
 * Forward     t = v - mean(v), w = gain t / sqrt(max(m var, 1e-4)), with m var = sum t^2: w has the length |gain|.
 * Backward    as cwn; where 1e-4 is the larger, dv = gain (dw - mean(dw)) / sqrt(1e-4).
 * State       v (parametrizations.weight.original, drawn as the plain weight would be), gain
 *             (parametrizations.weight.0.gain), which begins as 1, times model.init_scale and any other factor on the
 *             initial weight (model.init gpt2, deepnorm).
 * Conventions the authors' code (haiku): biased variance, eps as a lower bound of m var. PyTorch Image Models
 *             (ScaledStdConv2d) adds 1e-6 to var. The authors scale activations (sqrt(2 / (1 - 1 / pi)) = 1.71 of a
 *             ReLU), so that their variance is 1; here a gain must learn that. Weight decay pulls at v and gain;
 *             train.weight_decay_on: weights spares the gain.
 * Source      Brock, De and Smith, Characterizing Signal Propagation, ICLR 2021; Brock, De, Smith and Simonyan, NFNets,
 *             ICML 2021, equation 3.
 * Used        networks without a normalizer of activations (NFNets), with adaptive gradient clipping.
 * Trap        after a ReLU the variance shrinks by 1 - 1 / pi a layer at the start: deep plain networks start slowly.
 */
#include "norm/weights.h"

const struct nl_weight_norm nl_weight_norm_sws = {
    .name = "sws",
    .title = "scaled weight standardization",
    .measure = NL_WEIGHT_BOUNDED,
    .gain = NL_GAIN_ONE,
    .centers = true,
    .eps = 1e-4,
};
