/* dyt: dynamic tanh.
 *
 * Sets        none: each element by itself.
 * Forward     y = gamma tanh(alpha x) + beta, with one alpha a layer.
 * Backward    with du = dy gamma (1 - tanh(alpha x)^2): dx = alpha du, dalpha = sum du x over all elements, dgamma =
 *             sum dy tanh(alpha x), dbeta = sum dy.
 * State       alpha (norm.alpha, 0.5), gamma (1), beta (0); no running statistics: training and evaluation are the
 *             same.
 * Conventions alpha is one number for the whole layer, as the authors have it. Weight decay spares it with gamma
 *             (train.weight_decay_on).
 * Source      Zhu, Chen, He, LeCun and Liu, Transformers without Normalization, CVPR 2025, equation 1; their module
 *             DynamicTanh.
 * Used        transformers in place of LN and RMSNorm.
 * Trap        alpha_0: too large, and training is unstable; the best value shrinks as the network gets wider, and in
 *             front of attention it is larger.
 */
#include "norm/norm.h"
#include "operation/squash.h"

const struct nl_norm nl_norm_dyt = {
    .name = "dyt",
    .title = "dynamic tanh",
    .label = "DyT",
    .operation = &nl_squash_operation,
    .variant = NL_SQUASH_TANH,
    .shifts = true,
    .uses = NL_USES_ALPHA | NL_LACKS_EPS,
};
