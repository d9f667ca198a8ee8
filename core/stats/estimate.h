/* Estimates over seeds: a mean with its interval, a share with its interval.
 *
 * A value that is not finite is a missing one: it is left out, and n says so. So paired differences are plain differences of
 * two vectors with one entry a seed.
 */
#ifndef NL_STATS_ESTIMATE_H
#define NL_STATS_ESTIMATE_H

#include <stdbool.h>

#include "config/config.h"

enum { NL_RESAMPLES = 10000 };

struct nl_estimate {
    int n;
    double mean, sd, median; /* NaN where n is too small */
    double lower, upper;     /* NaN below n = 2: one seed has no interval */
};

/* kind: Student's t, or the percentile bootstrap of the mean (NL_RESAMPLES resamples of a fixed Philox stream: the same
 * values give the same interval everywhere). */
struct nl_estimate nl_estimate(const double *values, int count, enum nl_interval kind, double level);

/* P value of a mean of 0 (two-sided t test; of paired differences: the paired t test). NaN below n = 2. */
double nl_mean_p(const double *values, int count);

/* Two one-sided tests: the 90 % t interval of the mean lies inside +-margin (each test at 5 %). */
bool nl_equivalent(const double *values, int count, double margin);

/* Wilson's interval of a share k of n. */
void nl_wilson(int k, int n, double level, double *lower, double *upper);

int nl_finite_values(const double *values, int count, double *out); /* those that are finite, sorted; how many */
double nl_median_sorted(const double *sorted, int count);           /* NaN for none */
double nl_quantile_sorted(const double *sorted, int count, double probability); /* linear between neighbours */

#endif
