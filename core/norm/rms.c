/* rms: root mean square layer normalization.
 *
 * Sets        one sample over all positions and channels, as ln; or one position of it (C elements) with norm.over =
 *             position.
 * Forward     y = gamma x / sqrt(mean(x^2) + eps). No mean is subtracted and there is no beta.
 * Backward    dx = (dxhat - xhat mean(dxhat xhat)) / sqrt(mean(x^2) + eps): that of ln without its middle term.
 * State       gamma (1), one a channel (an element with norm.affine = element).
 * Conventions eps under the root, norm.eps = 1e-5 as for the others (torch.nn.RMSNorm defaults to the machine epsilon
 *             instead). The authors' code adds eps to the root: norm.eps_place = outside.
 *             What is reported as `var` is the mean of squares, and `mean` is 0.
 * Source      Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019; torch.nn.RMSNorm.
 * Used        language models: T5, LLaMA, Gemma, Qwen.
 * Trap        it keeps the mean: numbers far from zero stay far from zero. eps differs by model, 1e-5 to 1e-8.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_rms = {
    .name = "rms",
    .title = "root mean square normalization",
    .label = "RMSNorm",
    .partition = nl_sets_of_sample,
    .uses = NL_USES_OVER,
};
