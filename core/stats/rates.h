/* The largest usable learning rate of an arm, as the verdict says it and the picture marks it. */
#ifndef NL_STATS_RATES_H
#define NL_STATS_RATES_H

#include "stats/comparison.h"

/* The factor of train.lr where rates can be compared: several, all above 0. -1: they cannot, and *why says so. */
int nl_rate_factor(const struct nl_results *results, const char **why);

/* LRmax: the largest rate of the view's x axis (train.lr) whose median final training accuracy reaches 0.95 of the arm's own
 * best median, with no failed run. `seeds`: which seeds count, with repetition (a bootstrap resample), or NULL for all once.
 * Returns the point, or -1: no rate is usable. A diverged run has accuracy 0. */
int nl_largest_rate(const struct nl_comparison *view, int arm, const int *seeds);

#endif
