/* How many seeds an answer needs: from the spread that is there, for intervals of a width, or to find an effect.
 *
 * With N seeds the standard error of a mean is sd sqrt(1/N + overlap / (1 - overlap)), as in stats/estimate.h: where the seeds' parts overlap it does not go
 * to 0, and for some questions no number of seeds suffices.
 */
#ifndef NL_STATS_POWER_H
#define NL_STATS_POWER_H

#include "stats/estimate.h"

/* The seeds that a t interval needs whose half width is at most half_width (in the unit of the values), with sd and degrees of freedom of `first`: the second
 * stage of Stein (1945), which keeps the level. At least those that are there, at most `most`; -1: no number is enough. */
int nl_seeds_for_width(const struct nl_estimate *first, double half_width, double level, int most);

/* The standard error that N seeds would have with the spread of `now`. */
double nl_standard_error_at(const struct nl_estimate *now, int seeds);

/* The chance that a mean whose true value is `effect`, with standard error se estimated with `freedom` degrees of freedom, is found: at least `smallest`, and
 * its two-sided t test has p < alpha. With smallest 0 it is the upper tail of the noncentral t distribution. */
double nl_finding_chance(double effect, double smallest, double se, int freedom, double alpha);

/* The fewest seeds, from 2 to `most`, that give at least this chance; -1: none. */
int nl_seeds_for_chance(const struct nl_estimate *now, double effect, double smallest, double alpha, double chance, int most);

#endif
