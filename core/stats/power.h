/* How many seeds an answer needs: from the spread that is there, for intervals of a width, or to find an effect.
 *
 * With N seeds the standard error of a mean is sd sqrt(1/N + overlap / (1 - overlap)), as in stats/estimate.h: where
 * the seeds' parts overlap it does not go to 0, and for some questions no number of seeds suffices.
 */
#ifndef NL_STATS_POWER_H
#define NL_STATS_POWER_H

#include "stats/claim.h"

/* The seeds that a t interval needs whose half width is at most half_width (in the unit of the values), with sd and
 * degrees of freedom of `first`: the second stage of Stein (1945), which keeps the level. At least those that are
 * there, at most `most`; -1: no number is enough. */
int nl_seeds_for_width(const struct nl_estimate *first, double half_width, double level, int most);

/* The standard error that N seeds would have with the spread of `now`. */
double nl_standard_error_at(const struct nl_estimate *now, int seeds);

/* The chance that a mean whose true value is `effect`, with standard error se estimated with `freedom` degrees of
 * freedom, is found to reach `smallest`: it lies above, and its two-sided t test against `smallest` has p < alpha. The
 * upper tail of the noncentral t distribution. */
double nl_finding_chance(double effect, double smallest, double se, double freedom, double alpha);

/* The fewest seeds, from NL_LEAST_PAIRS to `most`, that give at least this chance; -1: none. */
int nl_seeds_for_chance(const struct nl_estimate *now, double effect, double smallest, double alpha, double chance,
                        int most);

/* What is asked for, in the unit that a claim is read in: points, nats, a ratio. */
struct nl_aim {
    double half_width; /* of the interval */
    double effect;     /* true effect that is to be found */
    double chance;     /* with this chance */
    double alpha;      /* the share of the error rate that a claim of the answer has */
    int most;          /* seeds */
};

/* What a claim has, and needs: in the unit that it is read in; of ratios everything but the seeds is a factor. */
struct nl_need {
    double spread;     /* standard deviation over seeds */
    double half_width; /* of its interval now */
    double narrowest;  /* that any number of seeds gives */
    int for_width, for_effect; /* seeds, -1: no number up to aim->most is enough */
};

/* false: the claim has no spread to go by (fewer than two pairs, or a count of failures). */
bool nl_claim_need(const struct nl_claim *claim, const struct nl_rule *rule, const struct nl_aim *aim,
                   struct nl_need *out);

#endif
