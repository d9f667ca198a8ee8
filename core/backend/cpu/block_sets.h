/* What a set's sums become, in double: shared by the kernels that keep a few rows in registers (block_small.h) and those that walk over many
 * (block.c). */
#ifndef NL_BACKEND_CPU_BLOCK_SETS_H
#define NL_BACKEND_CPU_BLOCK_SETS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/cpu/lanes.h"

/* mean and var of `sets` sets of `width` elements, from sums of t = x - shift and t^2. */
NL_INLINE void nl_sets_moments(size_t sets, size_t width, bool centers, const float *restrict shift, const float *restrict sum,
                               const float *restrict squares, double *restrict mean, double *restrict var)
{
    double inverse = 1.0 / (double)width, inverse_if_centered = centers ? inverse : 0.0;
    NL_ROLLED
    for (size_t set = 0; set < sets; set++) {
        double left = sum[set] * inverse_if_centered, spread = squares[set] * inverse - left * left;
        mean[set] = shift[set] + left;
        var[set] = spread < 0 ? 0.0 : spread;
    }
}

/* The mean rounded to float, what that left, and rstd. */
NL_INLINE void nl_sets_prepare(size_t sets, const double *restrict mean, const double *restrict var, double eps, float *restrict shift,
                               float *restrict mean_low, float *restrict rstd)
{
    NL_ROLLED
    for (size_t set = 0; set < sets; set++) {
        float sum = (float)(var[set] + eps); /* nl_inverse_deviation, written without branches so that it vectorizes */
        float some = (float)(sum != 0);
        float near = (float)mean[set];
        shift[set] = near;
        mean_low[set] = (float)(mean[set] - near);
        rstd[set] = some / sqrtf(sum + (1.0f - some));
    }
}

#endif
