/* The largest usable learning rate of a method, seed by seed, as the answer says it and the picture marks it.
 *
 * A rate is usable for a seed where the run came to its end, not at chance, and
 *   by training accuracy: reaches 0.95 of the best that the method reaches with this seed at any rate;
 *   by validation loss: closes 0.95 of the distance from chance, ln(classes), to the lowest loss likewise.
 * The largest usable rate is the last of those that follow, without a gap, on the best. The grid knows it only to lie
 * between two of its rates.
 *
 * Where sweep.refine adds rates, a seed is judged by those of the grid and those that its own results asked for. With
 * those of all seeds together, each further rate would be one more chance to fail early, which cuts the usable rates
 * short, and the more seeds of a method end near each other, the more such chances all of them have: seeds would depend
 * on one another.
 */
#ifndef NL_STATS_RATES_H
#define NL_STATS_RATES_H

#include "stats/comparison.h"

enum nl_rate_criterion { NL_RATE_BY_ACCURACY, NL_RATE_BY_LOSS, NL_RATE_CRITERIA };

/* Natural logarithms: low <= largest usable rate < high. high is INFINITY where the grid's last rate is usable. Where
 * none is, low is -INFINITY, and high the first rate if that diverges, or else INFINITY: nothing is known. NaN both: a
 * trial of this seed is missing or could not be run. */
struct nl_rate_range {
    double low, high;
};

/* The factor of train.lr where rates can be compared: several, all above 0. -1: they cannot, and *why says so. */
int nl_rate_factor(const struct nl_results *results, const char **why);

/* Whether the metric of the criterion was evaluated. */
bool nl_rate_criterion_there(const struct nl_results *results, enum nl_rate_criterion criterion);

/* out[seeds], of a view along train.lr. Methods may have rates of their own (sweep.points): only those count. */
void nl_usable_rates(const struct nl_comparison *view, int method, enum nl_rate_criterion criterion,
                     struct nl_rate_range *out);

/* The rate that makes a range narrower, to four digits: between its ends while they are further apart than the factor;
 * where there is no end, a step beyond the other. NaN: none. */
double nl_rate_to_add(const struct nl_rate_range *range, double factor, double step);

/* The largest factor between neighbours of the grid, as a natural logarithm: what it cannot resolve. */
double nl_rate_step(const struct nl_comparison *view);

/* The point at which at least half of the seeds have a usable rate of that size or a larger one, by training accuracy.
 * -1: none. */
int nl_median_rate(const struct nl_comparison *view, int method);

#endif
