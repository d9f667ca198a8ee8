/* frn: filter response normalization, with its thresholded linear unit (TLU).
 *
 * Sets        one channel of one sample, over all positions: N C sets of S elements.
 * Forward     nu2 = mean(x^2), u = x / sqrt(nu2 + eps), y = gamma u + beta, z = max(y, tau). Where eps is learned, it
 *             is norm.eps + |e|.
 * Backward    dy = dz where y > tau, dz / 2 where y = tau, else 0. With du = dy gamma and means over the set:
 *             dx = (du - u mean(du u)) / sqrt(nu2 + eps), dgamma = sum dy u, dbeta = sum dy, dtau = sum (dz - dy),
 *             de = -sign(e) / 2 sum du u / (nu2 + eps).
 * State       gamma (1), beta (0) and tau (0), one a channel; e (learned_eps, 1e-4), one a layer, as norm.learn_eps
 *             says. No running statistics: training and evaluation are the same.
 * Conventions the TLU takes the place of the activation function right after the layer. Where none is there, as at the
 *             end of a residual branch, there is no TLU. With norm.tlu = false there is none at all. norm.eps is 1e-5
 *             unless said; the paper has 1e-6. The paper learns eps where a set is one element, as in a fully connected
 *             layer; so does norm.learn_eps = auto. The gradient at y = tau is that of torch.maximum. Weight decay
 *             spares tau and e with beta (train.weight_decay_on). norm.affine = none leaves tau.
 * Source      Singh and Krishnan, Filter Response Normalization Layer, CVPR 2020, section 3.
 * Used        image classification and detection with few images a device.
 * Trap        no mean is subtracted, so a bias that drifts stays: the authors begin with a small learning rate
 *             (train.warmup_epochs). With one position and no learned eps only the sign of each element is left.
 */
#include "norm/norm.h"
#include "operation/frn.h"

const struct nl_norm nl_norm_frn = {
    .name = "frn",
    .title = "filter response normalization",
    .label = "FRN",
    .operation = &nl_frn_operation,
    .mixes_positions = true,
    .shifts = true,
    .uses = NL_USES_TLU | NL_AFFINE_OF_CHANNEL,
};
