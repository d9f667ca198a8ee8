/* hardtanh: dynamic hard tanh.
 *
 * Sets        none: each element by itself.
 * Forward     y = gamma max(-1, min(1, alpha x)) + beta, with one alpha a layer.
 * Backward    with du = dy gamma where |alpha x| < 1, else 0: dx = alpha du, dalpha = sum du x over all elements,
 *             dgamma = sum dy clip(alpha x), dbeta = sum dy.
 * State       alpha (norm.alpha, 0.5), gamma (1), beta (0); training and evaluation are the same.
 * Conventions the derivative at -1 and 1 is 0, as that of torch.nn.Hardtanh.
 * Source      Zhu, Chen, He, LeCun and Liu, Transformers without Normalization, CVPR 2025, section 6.1: one of the
 *             functions that tanh is compared with.
 * Used        that comparison; hardware without tanh.
 * Trap        elements beyond the bounds have no gradient: a layer whose numbers have all grown beyond them learns
 *             nothing more.
 */
#include "norm/norm.h"
#include "operation/squash.h"

const struct nl_norm nl_norm_hardtanh = {
    .name = "hardtanh",
    .title = "dynamic hard tanh",
    .label = "Hard tanh",
    .operation = &nl_squash_operation,
    .variant = NL_SQUASH_HARDTANH,
    .shifts = true,
    .uses = NL_USES_ALPHA | NL_LACKS_EPS,
};
