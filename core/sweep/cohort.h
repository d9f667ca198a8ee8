/* Cohorts of a grid: trials of equal shapes, data and weights to start from, which advance together (nl_cohort_run). On
 * a GPU a whole sweep of small networks is a few of them. */
#ifndef NL_SWEEP_COHORT_H
#define NL_SWEEP_COHORT_H

#include "sweep/grid.h"
#include "train/train.h"

struct nl_cohorts {
    int count;
    struct nl_cohort {
        const int *trial;     /* [count] numbers, ascending */
        int count;
        struct nl_cost cost;  /* of each trial */
    } *at;
    int *trial; /* of all */
};

/* The trials todo[count] as cohorts of at most `most` (0: as many as pay on the device, and as its memory holds when so
 * many workers run one each), the longest first. Only trials of equal steps[trial] come together; NULL: all are at
 * their beginning. */
struct nl_cohorts nl_cohorts_make(const struct nl_grid *grid, const int *todo, int count, const int64_t *steps,
                                  int most, int workers);
double nl_cohort_cost(const struct nl_cohort *cohort); /* of all its trials, in the units of nl_trial_cost */
void nl_cohorts_release(struct nl_cohorts *cohorts);

#endif
