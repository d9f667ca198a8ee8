/* meanbn: mean-only batch normalization.
 *
 * Sets        one channel over all samples and positions of the batch, as bn.
 * Forward     y = gamma (x - mu) + beta.
 * Backward    dx = dxhat - mean(dxhat).
 * State       as BN; the running variance is kept and not used.
 * Conventions the paper has it beside weight normalization, and without gamma: norm.affine = channel keeps gamma here.
 *             A bias before it is redundant.
 * Source      Salimans and Kingma, Weight Normalization, NeurIPS 2016, section 4.
 * Used        beside weight normalization; generative networks.
 * Trap        nothing bounds the scale of the outputs: rates that suit bn diverge.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_meanbn = {
    .name = "meanbn",
    .title = "mean-only batch normalization",
    .label = "mean-only BN",
    .partition = nl_sets_of_batch,
    .centers = true,
    .spread = NL_SPREAD_NONE,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_STAT_BATCH,
};
