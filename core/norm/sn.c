/* sn: spectral normalization.
 *
 * Sets        the whole weight as a matrix V (O, I), of a convolution (O, I k k).
 * Forward     a step of training takes norm.iterations times a = V b / |V b|, b = V' a / |V' a|; sigma = a' V b, W = V
 *             / sigma. Evaluation takes a and b as they are.
 * Backward    dV = dW / sigma - sum(dW V) / sigma^2 a b': a and b are constants to the gradient.
 * State       V (parametrizations.weight.original, drawn as the plain weight would be); a and b
 *             (parametrizations.weight.0._u and 0._v), saved with the weights. b is drawn, and 15 iterations follow
 *             before training. There is no gain, so a factor on the initial weight (model.init gpt2, deepnorm) has no
 *             effect.
 * Conventions torch.nn.utils.parametrizations.spectral_norm. A length counts as at least 1e-12. V = 0 has W = 0 and no
 *             gradient; PyTorch has NaN.
 * Source      Miyato, Kataoka, Koyama and Yoshida, Spectral Normalization for Generative Adversarial Networks, ICLR
 *             2018, algorithm 1.
 * Used        discriminators of generative networks; where a bound of the Lipschitz constant is wanted.
 * Trap        the largest singular value is 1 only once the iterations have converged; and that of the matrix (O, I k
 *             k) is not that of the convolution, which may be up to k times as large.
 */
#include "norm/weights.h"

const struct nl_weight_norm nl_weight_norm_sn = {
    .name = "sn",
    .title = "spectral normalization",
    .measure = NL_WEIGHT_SPECTRAL,
    .eps = 1e-12,
};
