/* bin: batch-instance normalization.
 *
 * Sets        two at once: one channel of the batch (as bn) and one channel of one sample (as in).
 * Forward     y = gamma_c (rho_c BN(x) + (1 - rho_c) IN(x)) + beta_c, where BN and IN are without gamma and beta.
 * Backward    dx = rho_c dx_bn + (1 - rho_c) dx_in, of the gradient dxhat = dy gamma each; drho = sum dxhat (BN(x) -
 *             IN(x)).
 * State       rho (1 a channel: it begins as bn), gamma (1), beta (0); running mean (0) and running variance (1) as bn,
 *             for the part of BN in evaluation.
 * Conventions rho stays in [0, 1]: after each step of the optimizer it is clipped, as in the paper, and the gradient
 *             takes no notice of it. The authors train rho with ten times the learning rate and without weight decay;
 *             here it goes as gamma (train.weight_decay_on). norm.momentum, norm.running and norm.running_var as bn;
 *             with norm.statistics: running, BN takes the running statistics in training, once they have taken the
 *             batch in. A bias before it is redundant.
 * Source      Nam and Kim, Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks, NeurIPS 2018.
 * Used        images whose style (contrast, colour, brightness) matters to some channels and disturbs others: style
 *             transfer, domain adaptation.
 * Trap        in a fully connected layer IN is 0, so that rho is a second gamma; and a rho that has reached 0 or 1
 *             comes back only as far as a step takes it.
 */
#include "operation/mixture.h"

const struct nl_norm nl_norm_bin = {
    .name = "bin",
    .title = "batch-instance normalization",
    .label = "BIN",
    .operation = &nl_mixture_operation,
    .variant = NL_MIXTURE_BIN,
    .mixes_samples = true,
    .mixes_positions = true,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
};
