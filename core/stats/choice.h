/* Which value of a key is chosen by results: the best of each point, or the one that serves all points best. */
#ifndef NL_STATS_CHOICE_H
#define NL_STATS_CHOICE_H

/* A value at a point: how many of its runs failed, and their mean score. */
struct nl_candidate {
    int failed;   /* -1: the point has not this value */
    double score; /* smaller is better; NaN: none */
};

/* candidate[values] of one point: with the fewest failures, and of those the best score. -1: the point has no value. */
int nl_choose(const struct nl_candidate *candidate, int values);

/* candidate[points][values]: with the fewest failures in all, and of those the least sum of distances from each point's
 * best score. -1: no value is there for all points. */
int nl_choose_for_all(const struct nl_candidate *candidate, int points, int values);

#endif
