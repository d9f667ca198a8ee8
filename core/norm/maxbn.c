/* maxbn: batch normalization by the largest deviation.
 *
 * Sets        one channel over all samples and positions of the batch, as bn.
 * Forward     y = gamma (x - mu) / (s + eps) + beta, with s = max |x - mu|.
 * Backward    with u = (x - mu) / (s + eps) and h = m/k sign(x - mu) for the k elements whose |x - mu| is s, 0 for the
 *             others: dx = (dxhat - mean(dxhat) - (h - mean(h)) mean(dxhat u)) / (s + eps).
 * State       as BN; the running variance holds the running s.
 * Conventions elements that are the largest together share the gradient equally (torch.amax). The paper multiplies s
 *             with 1 / sqrt(2 ln m), which makes it the standard deviation of normally distributed numbers: a constant,
 *             which gamma learns here. The paper's variant with the ten largest is not here. A bias before it is
 *             redundant.
 * Source      Hoffer, Banner, Golan and Soudry, Norm matters, NeurIPS 2018, section 4.
 * Used        low-precision training, with quantized activations that may not leave a range.
 * Trap        one outlier scales its whole channel, and alone takes the gradient of the scale. With larger batches the
 *             scale grows.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_maxbn = {
    .name = "maxbn",
    .title = "L-infinity batch normalization",
    .label = "Max BN",
    .partition = nl_sets_of_batch,
    .centers = true,
    .spread = NL_SPREAD_LARGEST,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_STAT_BATCH,
};
