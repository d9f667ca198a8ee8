/* custom: a normalizer put together from its parts.
 *
 * Sets        what norm.sets lists: samples, height, width, channels, or channels/8, an eighth of the channels (8
 *             groups of consecutive ones); what is not listed is apart. [samples, height, width] is BN, [height, width,
 *             channels] LN, [channels] LN of a position, [height, width] IN, [height, width, channels/8] GN with 8
 *             groups.
 * Forward     y = gamma (x - center) / scale + beta. norm.center: mean; kept, as mean, but the mean stays in; none, and
 *             the scale is measured from 0. norm.scale: std, the root of the mean square distance from the center and
 *             eps; l1, sqrt(pi/2) times the mean distance; max, the largest distance; none, 1.
 * Backward    that of the general form, through center and scale, unless norm.detach takes one or both for constants.
 * State       gamma (1), beta (0); of channels over samples and positions (BN's sets) running mean (0) and running
 *             scale (1), as BN.
 * Conventions height and width go together. Sets over samples that are not BN's have no running statistics: evaluation
 *             takes the batch's own. norm.statistics, norm.momentum and norm.running matter where there are running
 *             statistics, as they do for BN.
 * Source      the general form of bn, ln, gn, in, position, rms (without its missing beta), meanbn, varbn, l1bn and
 *             maxbn.
 * Used        questions that no paper asked.
 * Trap        sets over samples and channels mix all that there is: a network that evaluates with such statistics
 *             depends on its batch.
 */
#include <stddef.h>

#include "norm/coefficients.h"

extern const struct nl_real_coefficients nl_varbn_real, nl_l1bn_real;
extern const struct nl_complex_coefficients nl_varbn_complex, nl_l1bn_complex;

static struct nl_partition sets(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){.samples = setup->over_samples ? setup->samples : 1,
                                 .positions = setup->over_positions ? setup->positions : 1,
                                 .channels = setup->channel_groups > 0 ? setup->channels / setup->channel_groups : 1};
}

#define NAMES                                                                                                          \
    .name = "custom", .title = "normalization by parts", .label = "custom", .partition = sets, .shifts = true,         \
    .uses = NL_USES_PARTS
#define STD .spread = NL_SPREAD_POWER
#define L1 .power = 1, .coefficients = &nl_l1bn_real, .complex_coefficients = &nl_l1bn_complex
#define MAX .spread = NL_SPREAD_LARGEST
#define NO_SCALE .spread = NL_SPREAD_NONE
#define KEPT .centers = true, .coefficients = &nl_varbn_real, .complex_coefficients = &nl_varbn_complex

/* With sets of several channels, of one, and those of BN. */
#define VARIANTS(cancels, ...)                                                                                         \
    {                                                                                                                  \
        {NAMES, __VA_ARGS__}, {NAMES, .cancels_bias = cancels, __VA_ARGS__},                                           \
        {                                                                                                              \
            NAMES, .cancels_bias = cancels, .tracks = true, __VA_ARGS__                                                \
        }                                                                                                              \
    }

static const struct nl_norm custom[NL_CENTERS][NL_SCALINGS][3] = {
    [NL_CENTER_MEAN] = {
        [NL_BY_STD] = VARIANTS(true, .centers = true, STD),
        [NL_BY_L1] = VARIANTS(true, .centers = true, L1),
        [NL_BY_MAX] = VARIANTS(true, .centers = true, MAX),
        [NL_BY_NOTHING] = VARIANTS(true, .centers = true, NO_SCALE),
    },
    [NL_CENTER_KEPT] = {
        [NL_BY_STD] = VARIANTS(false, KEPT, STD),
        [NL_BY_MAX] = VARIANTS(false, KEPT, MAX),
    },
    [NL_CENTER_NONE] = {
        [NL_BY_STD] = VARIANTS(false, STD),
        [NL_BY_L1] = VARIANTS(false, L1),
        [NL_BY_MAX] = VARIANTS(false, MAX),
        [NL_BY_NOTHING] = VARIANTS(false, NO_SCALE),
    },
};

const struct nl_norm *nl_norm_by_parts(enum nl_norm_center center, enum nl_norm_scale scale,
                                       const struct nl_norm_setup *setup)
{
    int variant = setup->channel_groups > 0 ? 0 : setup->over_samples && setup->over_positions ? 2 : 1;
    const struct nl_norm *norm = &custom[center][scale][variant];
    return norm->name ? norm : NULL;
}

const struct nl_norm nl_norm_custom = {NAMES, .centers = true};
