/* scalenorm: scale normalization.
 *
 * Sets        one sample over all positions and channels: N sets of S C elements; with norm.over = position one
 *             position of it: N S sets of C.
 * Forward     y = g x / max(||x||, eps), with ||x|| the Euclidean length of the set and one g a layer.
 * Backward    with s = 1 / max(||x||, eps): dx = g s (dy - x s^2 sum(dy x)), without the second term where ||x|| < eps;
 *             dg = sum dy x s.
 * State       g, one number a layer, which begins as norm.gamma_init times the square root of a set's elements; no
 *             beta, no running statistics: training and evaluation are the same.
 * Conventions g begins so that the elements have a mean square of 1, as RMSNorm's: sqrt(d) in the paper, where a set is
 *             one position of d channels. eps bounds the length from below and is not added to it. With norm.eps = 0 a
 *             set of zeros stays one. Weight decay spares g as a gamma (train.weight_decay_on). There is nothing for
 *             norm.affine to say.
 * Source      Nguyen and Salazar, Transformers without Tears, IWSLT 2019; their module ScaleNorm.
 * Used        transformers for translation, with norm.over = position.
 * Trap        on images norm.over = sample (the default) lets one bright position scale all others.
 */
#include "norm/norm.h"
#include "operation/rescale.h"

const struct nl_norm nl_norm_scalenorm = {
    .name = "scalenorm",
    .title = "scale normalization",
    .label = "ScaleNorm",
    .operation = &nl_rescale_operation,
    .variant = NL_RESCALE_LENGTH,
    .uses = NL_USES_OVER | NL_LACKS_AFFINE | NL_HAS_GAIN,
};
