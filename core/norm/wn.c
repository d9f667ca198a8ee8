/* wn: weight normalization.
 *
 * Sets        the weights of one output: its I inputs, of a convolution its I x k x k.
 * Forward     w = g v / |v|: g is how long the weights of an output are, v which way they point.
 * Backward    dg = sum(dw v) / |v|, dv = g / |v| (dw - v sum(dw v) / |v|^2): dv is orthogonal to v, so that plain steps
 *             only lengthen v, and shrink what the next ones turn.
 * State       v (parametrizations.weight.original1, drawn as the plain weight would be), g (original0), which begins as
 *             |v|: w begins as v. A factor on the initial weight (model.init gpt2, deepnorm) multiplies g; v is drawn
 *             as without it.
 * Conventions torch.nn.utils.parametrizations.weight_norm with dim = 0. An output without weights (v = 0) has w = 0 and
 *             no gradient; PyTorch has NaN. Weight decay pulls at v and g; train.weight_decay_on: weights spares g.
 * Source      Salimans and Kingma, Weight Normalization, NeurIPS 2016, equations 2 and 3.
 * Used        beside meanbn or without a normalizer: recurrent networks, generative networks, speech.
 * Trap        it does not look at activations: that they begin with mean 0 and variance 1 takes the paper's
 *             initialization by data. Weight decay of v changes no output: it raises the rate at which v turns.
 */
#include "norm/weights.h"

const struct nl_weight_norm nl_weight_norm_wn = {
    .name = "wn",
    .title = "weight normalization",
    .measure = NL_WEIGHT_LENGTH,
    .gain = NL_GAIN_LENGTH,
};
