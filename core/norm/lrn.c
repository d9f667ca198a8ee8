/* lrn: local response normalization.
 *
 * Sets        windows that overlap: each element with the n channels around its own, at the same position of the same
 *             sample.
 * Forward     y_c = x_c / D_c^b with D_c = k + a / n sum x_j^2 over j from c - floor(n / 2) to c + floor((n - 1) / 2),
 *             channels that do not exist being 0; n, a, b, k: norm.lrn_size, lrn_alpha, lrn_beta, lrn_k.
 * Backward    dx_j = dy_j / D_j^b - 2 a b / n x_j sum dy_c x_c / D_c^(b + 1) over the windows c that hold j.
 * State       none; training and evaluation are the same.
 * Conventions those of PyTorch: the sum is divided by n, at the edges too, and an even window reaches one channel
 *             further to the left. The paper does not divide by n, and has k = 2, n = 5, a = 1e-4, b = 0.75: here that
 *             is lrn_alpha = 5e-4 and lrn_k = 2. Where D is 0 (k = 0 and a window of zeros), y and dx are 0; PyTorch
 *             has NaN. norm.eps and norm.affine have nothing to say.
 * Source      Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
 *             NeurIPS 2012, section 3.3; torch.nn.LocalResponseNorm.
 * Used        AlexNet, GoogLeNet; out of use since batch normalization.
 * Trap        with numbers of size 1 and the defaults D is 1 to four digits: almost nothing is normalized. Which
 *             channels are neighbours is arbitrary.
 */
#include "norm/norm.h"
#include "operation/lrn.h"

const struct nl_norm nl_norm_lrn = {
    .name = "lrn",
    .title = "local response normalization",
    .label = "LRN",
    .operation = &nl_lrn_operation,
    .uses = NL_USES_LRN | NL_LACKS_EPS | NL_LACKS_AFFINE,
};
