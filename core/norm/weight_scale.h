/* From the weights of an output to what they are multiplied with, and back (norm/weights.h). Of the numbers that
 * norm/coefficients.h names. */
#ifndef NL_NORM_WEIGHT_SCALE_H
#define NL_NORM_WEIGHT_SCALE_H

#include "norm/coefficients.h"
#include "norm/weights.h"

struct nl_weight_scale {
    nl_number scale, slope;
};

static inline NL_EVERYWHERE struct nl_weight_scale nl_weight_scale_of(enum nl_weight_measure measure, double eps,
                                                                      nl_number q, int m)
{
    struct nl_weight_scale of = {0, 0};
    if (measure == NL_WEIGHT_DEVIATION) {
        nl_number deviation = sqrt(q / (double)(m - 1));
        of.scale = 1.0 / (deviation + eps);
        of.slope = nl_real_part(q) == 0 ? 0 : of.scale * of.scale / (deviation * (double)(m - 1));
    } else if (measure == NL_WEIGHT_BOUNDED && nl_real_part(q) <= eps) {
        of.scale = 1.0 / sqrt(eps);
    } else if (nl_real_part(q) != 0) {
        of.scale = 1.0 / sqrt(q);
        of.slope = of.scale / q;
    }
    return of;
}

#endif
