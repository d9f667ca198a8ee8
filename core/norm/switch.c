/* switch: switchable normalization.
 *
 * Sets        three at once: one channel of one sample (as in), one sample (as ln), one channel of the batch (as bn).
 * Forward     y = gamma_c (x - mu) / sqrt(var + eps) + beta_c with mu = w_in mu_in + w_ln mu_ln + w_bn mu_bn and
 *             var = v_in var_in + v_ln var_ln + v_bn var_bn, where w = softmax(mean_weight), v = softmax(var_weight).
 * Backward    with sums over the positions of one channel of one sample: dmu = -sum dxhat / sqrt(var + eps),
 *             dvar = -1/2 (var + eps)^(-3/2) sum dxhat (x - mu). The three means get w_k dmu, the three variances v_k
 *             dvar, each summed over its set; dmean_weight_k = w_k sum dmu (mu_k - mu), dvar_weight_k = v_k sum dvar
 *             (var_k - var).
 * State       mean_weight, var_weight (3 numbers each, for in, ln, bn, that begin as 1), gamma (1), beta (0); running
 *             mean (0) and running variance (1) as bn, which stand for the batch's in evaluation.
 * Conventions all variances are biased, as in the paper; the authors' code divides that of the instance by S - 1.
 *             norm.momentum, norm.running and norm.running_var as bn: the authors' momentum of 0.9 is 0.1 here, and
 *             norm.running_var: biased stores what they store. With norm.statistics: running the batch's statistics in
 *             training are the running ones, once they have taken the batch in. Weight decay treats the weights as
 *             gamma (train.weight_decay_on).
 * Source      Luo, Ren, Peng, Zhang and Li, Differentiable Learning-to-Normalize via Switchable Normalization, ICLR
 *             2019; their module SwitchNorm2d.
 * Used        detection and segmentation, where the batch is small and nobody knows which normalizer to take.
 * Trap        in a fully connected layer the instance's variance is 0 and its mean is the element, so that its share
 *             shrinks the output; the shares that small batches have taught are not those of large ones.
 */
#include "operation/mixture.h"

const struct nl_norm nl_norm_switch = {
    .name = "switch",
    .title = "switchable normalization",
    .label = "SwitchNorm",
    .operation = &nl_mixture_operation,
    .variant = NL_MIXTURE_SWITCH,
    .mixes_samples = true,
    .mixes_positions = true,
    .shifts = true,
    .tracks = true,
    .uses = NL_AFFINE_OF_CHANNEL,
};
