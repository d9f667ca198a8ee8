/* mabn: moving average batch normalization.
 *
 * Sets        one channel over all samples and positions of the batch: C sets.
 * Forward     z = x / sqrt(chi + eps), y = gamma r z + beta, where chi is the mean of x^2 averaged over the last
 *             norm.history batches, this one counted, and r = sqrt(chi + eps) / sqrt(chi_running + eps), from 1/r_max
 *             to r_max.
 * Backward    dx = (g - z psi) / sqrt(chi + eps) with g = dy gamma r, where psi is mean(g z) averaged over the same
 *             batches. It is not the derivative of the forward pass: what follows from one batch is noise where it is
 *             small. dgamma = sum dy r z, dbeta = sum dy.
 * State       gamma (1), beta (0); the last norm.history means of both; the running mean of squares (1), which takes in
 *             chi: running = (1 - momentum) running + momentum chi. Evaluation has y = gamma x / sqrt(chi_running +
 *             eps) + beta.
 * Conventions the mean of x is not subtracted: the paper centralizes the weights before it instead. Until norm.history
 *             batches came before, chi and psi are the batch's own, as in the authors' program. There r is 1 for 1,000
 *             batches, then from 1/5 to 5; here norm.r_max grows from 1 over the first part norm.warmup of training, as
 *             with brn. Momentum is 0.02 there.
 * Source      Yan, Wan, Zhang, Zhang, Sun and Wang, Towards Stabilizing Batch Statistics in Backward Propagation of
 *             Batch Normalization, ICLR 2020.
 * Used        detection and segmentation, with one or two images a device.
 * Trap        weights that are not centralized leave a mean that nothing takes away; a history longer than weights stay
 *             alike averages strangers.
 */
#include "norm/coefficients.h"

static inline NL_EVERYWHERE struct nl_set_coefficients mabn_forward(const struct nl_norm *norm,
                                                                    const struct nl_set_statistics *set)
{
    struct nl_set_coefficients c = nl_standard_coefficients(norm, set);
    double scale = nl_real_part(c.scale), running = nl_real_part(nl_standard_scale(norm, set, set->running_spread)),
           most = set->numbers[NL_R_MAX];
    if (scale != 0) {
        double r = running / scale;
        c.factor = r < 1 / most ? 1 / most : r > most ? most : r;
    }
    return c;
}

NL_OWN_COEFFICIENTS(mabn, mabn_forward, nl_standard_means);

#ifdef NL_REAL_ON_HOST
static struct nl_partition all_of_batch(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = setup->samples, .positions = setup->positions, .channels = 1};
}

const struct nl_norm nl_norm_mabn = {
    .name = "mabn",
    .title = "moving average batch normalization",
    .label = "MABN",
    .partition = all_of_batch,
    .coefficients = &nl_mabn_real,
    .complex_coefficients = &nl_mabn_complex,
    .shifts = true,
    .tracks = true,
    .uses = NL_USES_RATIO | NL_USES_HISTORY,
};
#endif
