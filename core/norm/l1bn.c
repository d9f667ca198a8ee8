/* l1bn: batch normalization by the mean absolute deviation.
 *
 * Sets        one channel over all samples and positions of the batch, as bn.
 * Forward     y = gamma (x - mu) / (sqrt(pi/2) (s + eps)) + beta, with s = 1/m sum |x - mu|. Of normally distributed
 *             numbers sqrt(pi/2) s is the standard deviation.
 * Backward    with u = (x - mu) / (s + eps), h = sign(x - mu) and du = dxhat sqrt(2/pi):
 *             dx = (du - mean(du) - (h - mean(h)) mean(du u)) / (s + eps).
 * State       as BN; the running variance holds the running s.
 * Conventions sign(0) = 0. A bias before it is redundant.
 * Source      Hoffer, Banner, Golan and Soudry, Norm matters, NeurIPS 2018, equation 9.
 * Used        low-precision and hardware-near training, where a square root or a square is dear.
 * Trap        a copy of bn's running variance does not fit: this one holds an absolute deviation.
 */
#include "norm/coefficients.h"

static inline NL_EVERYWHERE struct nl_set_coefficients l1bn_forward(const struct nl_norm *norm,
                                                                    const struct nl_set_statistics *set)
{
    struct nl_set_coefficients c = nl_standard_coefficients(norm, set);
    c.factor = 0.79788456080286535588; /* sqrt(2 / pi) */
    return c;
}

NL_OWN_COEFFICIENTS(l1bn, l1bn_forward, nl_standard_means);

#ifdef NL_REAL_ON_HOST
const struct nl_norm nl_norm_l1bn = {
    .name = "l1bn",
    .title = "L1 batch normalization",
    .label = "L1 BN",
    .partition = nl_sets_of_batch,
    .centers = true,
    .power = 1,
    .coefficients = &nl_l1bn_real,
    .complex_coefficients = &nl_l1bn_complex,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_STAT_BATCH,
};
#endif
