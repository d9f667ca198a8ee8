/* brn: Batch Renorm.
 *
 * Sets        one channel over all samples and positions of the batch, as bn; or of each slice of norm.stat_batch
 *             samples.
 * Forward     u = (x - mu) / sigma, xhat = u r + d, y = gamma xhat + beta, with sigma = sqrt(var + eps) and
 *             r = sigma / sigma_running, from 1/r_max to r_max; d = (mu - mu_running) / sigma_running, from -d_max to
 *             d_max. Where neither bound is met, y is what evaluation makes of x. Without corrections (r_max = 1, d_max
 *             = 0) it is BN.
 * Backward    BN's with gamma r in the place of gamma: r and d are constants to the gradient.
 * State       as BN: gamma (1), beta (0), running mean (0) and variance (1), from before the batch in r and d; the
 *             batch moves them on afterwards.
 * Conventions the bounds grow linearly from 1 and 0 to norm.r_max and norm.d_max over the first part norm.warmup of
 *             training. (The paper trains with 1 and 0 for a while, then lets r_max grow until step 40,000 of 130,000,
 *             and d_max until 25,000.) The running variance is stored unbiased, as BN's (the paper's is biased);
 *             sigma_running is sqrt(running var + eps). A set without spread and with eps = 0 has u = 0 and no
 *             corrections.
 * Source      Ioffe, Batch Renormalization, NeurIPS 2017.
 * Used        training with small or not independent batches where evaluation must match training.
 * Trap        bounds that open at once let early statistics, which are far off, blow the outputs up: that is what the
 *             warm-up is for.
 */
#include "norm/coefficients.h"

static inline NL_EVERYWHERE double brn_bounded(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

static inline NL_EVERYWHERE struct nl_set_coefficients brn_forward(const struct nl_norm *norm,
                                                                   const struct nl_set_statistics *set)
{
    struct nl_set_coefficients c = nl_standard_coefficients(norm, set);
    double scale = nl_real_part(c.scale), running = nl_real_part(nl_standard_scale(norm, set, set->running_spread));
    double r_max = set->numbers[NL_R_MAX], d_max = set->numbers[NL_D_MAX];
    if (scale == 0)
        return c;
    c.factor = brn_bounded(running / scale, 1 / r_max, r_max);
    c.offset = brn_bounded(nl_real_part(set->center - set->running_center) * running, -d_max, d_max);
    return c;
}

NL_OWN_COEFFICIENTS(brn, brn_forward, nl_standard_means);

#ifdef NL_REAL_ON_HOST
const struct nl_norm nl_norm_brn = {
    .name = "brn",
    .title = "batch renormalization",
    .label = "Batch Renorm",
    .partition = nl_sets_of_batch,
    .centers = true,
    .coefficients = &nl_brn_real,
    .complex_coefficients = &nl_brn_complex,
    .shifts = true,
    .tracks = true,
    .cancels_bias = true,
    .uses = NL_USES_STAT_BATCH | NL_USES_RATIO | NL_USES_SHIFT,
};
#endif
