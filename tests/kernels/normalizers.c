/* Compiled for real and for complex numbers, and by normalizers.cu for a GPU. */
#include "normalizers.h"

#include "norm/coefficients.h"

static inline NL_EVERYWHERE double clipped(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* r = sigma / sigma_running and d = (mu - mu_running) / sigma_running, clipped, which the gradient takes for
 * constants. */
static inline NL_EVERYWHERE struct nl_set_coefficients corrected_forward(const struct nl_norm *norm,
                                                                         const struct nl_set_statistics *set)
{
    struct nl_set_coefficients c = nl_standard_coefficients(norm, set);
    double r_max = set->numbers[0], d_max = set->numbers[1],
           running = nl_real_part(nl_standard_scale(norm, set, set->running_spread));
    if (nl_real_part(c.scale) == 0)
        return c;
    c.factor = clipped(running / nl_real_part(c.scale), 1 / r_max, r_max);
    c.offset = clipped(nl_real_part(set->center - set->running_center) * running, -d_max, d_max);
    return c;
}

NL_OWN_COEFFICIENTS(corrected, corrected_forward, nl_standard_means);

#ifdef NL_REAL_ON_HOST
/* Half of a sample's channels, where they are even in number. */
static struct nl_partition halves(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){
        .samples = 1, .positions = setup->positions, .channels = setup->channels / (1 + (setup->channels % 2 == 0))};
}

#define OF_BATCH .partition = nl_sets_of_batch, .centers = true, .shifts = true, .tracks = true
#define OF_SAMPLE .partition = halves, .shifts = true
const struct nl_norm corrected = {
    .name = "corrected", .coefficients = &nl_corrected_real, .complex_coefficients = &nl_corrected_complex, OF_BATCH};
const struct nl_norm mad = {.name = "mad", .power = 1, .centers = true, OF_SAMPLE},
                     mad_of_batch = {.name = "mad of the batch", .power = 1, OF_BATCH};
const struct nl_norm maxnorm = {.name = "largest", .spread = NL_SPREAD_LARGEST, .centers = true, OF_SAMPLE};
const struct nl_norm maxnorm_of_batch = {.name = "largest of the batch", .spread = NL_SPREAD_LARGEST, OF_BATCH};
const struct nl_norm cubes = {.name = "cubes", .power = 3, OF_SAMPLE},
                     magnitudes = {.name = "magnitudes", .power = 1, OF_SAMPLE};
const struct nl_norm centered = {.name = "centered", .spread = NL_SPREAD_NONE, OF_BATCH};
#endif
