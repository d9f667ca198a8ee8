#include "stats/estimate.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "stats/distribution.h"

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int nl_finite_values(const double *values, int count, double *out)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            out[kept++] = values[i];
    qsort(out, (size_t)kept, sizeof *out, by_value);
    return kept;
}

double nl_quantile_sorted(const double *sorted, int count, double probability)
{
    if (count == 0)
        return NAN;
    double place = probability * (count - 1);
    int below = (int)floor(place);
    if (below >= count - 1)
        return sorted[count - 1];
    return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

double nl_median_sorted(const double *sorted, int count)
{
    return nl_quantile_sorted(sorted, count, 0.5);
}

static void bootstrap(const double *values, int n, double level, double *lower, double *upper)
{
    struct nl_stream stream = nl_stream(0, "stats.bootstrap");
    double *means = nl_alloc(NL_RESAMPLES, sizeof *means);
    for (int resample = 0; resample < NL_RESAMPLES; resample++) {
        double sum = 0.0;
        for (int i = 0; i < n; i++)
            sum += values[nl_stream_below(stream, (uint64_t)resample, (uint64_t)i, (uint32_t)n)];
        means[resample] = sum / n;
    }
    qsort(means, NL_RESAMPLES, sizeof *means, by_value);
    *lower = nl_quantile_sorted(means, NL_RESAMPLES, 0.5 * (1.0 - level));
    *upper = nl_quantile_sorted(means, NL_RESAMPLES, 0.5 * (1.0 + level));
    free(means);
}

struct nl_estimate nl_estimate(const double *values, int count, enum nl_interval kind, double level)
{
    double *kept = nl_alloc((size_t)count, sizeof *kept);
    struct nl_estimate out = {.mean = NAN, .sd = NAN, .median = NAN, .lower = NAN, .upper = NAN};
    out.n = nl_finite_values(values, count, kept);
    out.median = nl_median_sorted(kept, out.n);
    if (out.n > 0) {
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < out.n; i++)
            sum += kept[i];
        out.mean = sum / out.n;
        for (int i = 0; i < out.n; i++)
            squares += (kept[i] - out.mean) * (kept[i] - out.mean);
        if (out.n > 1) {
            out.sd = sqrt(squares / (out.n - 1));
            if (kind == NL_INTERVAL_BOOTSTRAP) {
                bootstrap(kept, out.n, level, &out.lower, &out.upper);
            } else {
                double half = nl_t_quantile(0.5 * (1.0 + level), out.n - 1) * out.sd / sqrt(out.n);
                out.lower = out.mean - half;
                out.upper = out.mean + half;
            }
        }
    }
    free(kept);
    return out;
}

double nl_mean_p(const double *values, int count)
{
    struct nl_estimate mean = nl_estimate(values, count, NL_INTERVAL_T, 0.95);
    if (mean.n < 2)
        return NAN;
    if (mean.sd == 0.0)
        return mean.mean == 0.0 ? 1.0 : 0.0;
    return nl_t_two_sided(mean.mean / (mean.sd / sqrt(mean.n)), mean.n - 1);
}

bool nl_equivalent(const double *values, int count, double margin)
{
    struct nl_estimate mean = nl_estimate(values, count, NL_INTERVAL_T, 0.90);
    return mean.n >= 2 && mean.lower > -margin && mean.upper < margin;
}

void nl_wilson(int k, int n, double level, double *lower, double *upper)
{
    double z = nl_normal_quantile(0.5 * (1.0 + level));
    double share = (double)k / n, square = z * z / n;
    double centre = (share + 0.5 * square) / (1.0 + square);
    double half = z / (1.0 + square) * sqrt(share * (1.0 - share) / n + 0.25 * square / n);
    /* The ends are exact at 0 and n of n; rounding must not move them past it. */
    *lower = k == 0 ? 0.0 : centre - half;
    *upper = k == n ? 1.0 : centre + half;
}
