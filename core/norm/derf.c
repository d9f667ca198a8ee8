/* derf: dynamic error function.
 *
 * Sets        none: each element by itself.
 * Forward     y = gamma erf(alpha x + s) + beta, with one alpha and one shift s a layer.
 * Backward    with du = dy gamma 2/sqrt(pi) exp(-(alpha x + s)^2): dx = alpha du, dalpha = sum du x, ds = sum du over
 *             all elements, dgamma = sum dy erf(alpha x + s), dbeta = sum dy.
 * State       alpha (norm.alpha, 0.5), shift (0), gamma (1), beta (0); training and evaluation are the same.
 * Conventions alpha and s are one number each for the whole layer.
 * Source      Chen, Lu, Zhu, Sun and Liu, Stronger Normalization-Free Transformers, 2025.
 * Used        transformers, as dyt.
 * Trap        alpha_0, as dyt; erf is flat sooner than tanh, so that large numbers have no gradient at all in float32.
 */
#include "norm/norm.h"
#include "operation/squash.h"

const struct nl_norm nl_norm_derf = {
    .name = "derf",
    .title = "dynamic erf",
    .label = "Derf",
    .operation = &nl_squash_operation,
    .variant = NL_SQUASH_ERF,
    .shifts = true,
    .uses = NL_USES_ALPHA | NL_LACKS_EPS,
};
