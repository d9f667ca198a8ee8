/* Claims: statements that the data are asked about, each with its effect, interval, test, and verdict.
 *
 * One rule for all of them. The estimate says what a claim may find: more or less, where it reaches the smallest effect that counts
 * (plot.min_effect); the same, where it does not. The finding holds where its p-value, adjusted by Holm's procedure over all claims of the
 * answer, is below 1 - plot.level: of more and less that of the paired test, of the same that of equivalence (two one-sided tests, margin
 * plot.margin). So at most one in twenty answers (at 95 %) holds a finding that is false, however many claims it makes.
 *
 * A claim that has found something leaves its share of the error rate to the others only where no other finding is in question: a difference must
 * also be beyond the margin, and sameness also within the smallest effect. Otherwise the share would be spent twice: where the truth
 * is at the margin, one sample gives a difference, which is true, and the next gives sameness, which is false.
 *
 *   supported      what was expected is found
 *   not supported  something else is found
 *   inconclusive   nothing is found, or an obstacle forbids to look: missing trials, fewer than five pairs, failed runs, saturation
 */
#ifndef NL_STATS_CLAIM_H
#define NL_STATS_CLAIM_H

#include "base/json.h"
#include "base/memory.h"
#include "stats/results.h"

enum { NL_LEAST_PAIRS = 5, NL_LEAST_FLIPS = 6, NL_LEAST_FLIPS_OF_MANY = 8 }; /* pairs that a t test, an exact test alone, one among several needs at least */

#define NL_SATURATED 0.75 /* of the runs at one end of the scale: no change can be seen */

enum nl_verdict { NL_SUPPORTED, NL_NOT_SUPPORTED, NL_INCONCLUSIVE };
extern const char *const nl_verdict_names[];

enum nl_finding { NL_FOUND_NOTHING, NL_FOUND_MORE, NL_FOUND_LESS, NL_FOUND_SAME };

/* The effect at one point of an axis. */
struct nl_dose {
    double x;
    struct nl_estimate effect;
};

/* What counts, from the keys of plot; in the unit that is read (points, nats, a ratio). */
struct nl_rule {
    double smallest, margin, level;
    bool exact; /* differences are judged by the sign-flip test */
};
struct nl_rule nl_rule_for(const struct nl_experiment *experiment, const char *unit);

/* The unit as it reads after the value: "point" after 1, else "points". */
const char *nl_unit_of(double value, const char *unit);

/* Whether numbers in this unit are ratios, which are judged as logarithms. */
bool nl_is_ratio(const char *unit);

struct nl_claim {
    char *method, *against; /* labels; against NULL: the method's own values at two points */
    const char *statement;  /* "worsens as the batch size falls" */
    enum nl_finding expected;

    struct nl_estimate effect; /* positive: more, of ratios above 1; in the units of trials.csv */
    double scale;              /* to the unit that is read: 100 for points */
    const char *unit;          /* "points", "nats", "x" or "x per doubling": a ratio */
    enum nl_finding candidate; /* what the estimate points to */
    double p;                  /* of the candidate; NaN: no test */
    double clear_p;            /* that no other finding is in question; where it is below p, p */
    const char *test;          /* "paired t", "exact sign flip", "two one-sided t", "Fisher" */
    bool exact;                /* the test asks for more pairs where several claims share the error rate */
    int failed[2], runs[2];    /* on both sides of the comparison */
    double other_part;         /* half the 95 % width that another test part would add; 0 where each seed has its own */
    char *obstacle;            /* why nothing may be found; NULL: nothing is in the way */
    bool of_failures;          /* the obstacle is runs that failed, which count at chance: in another comparison they may count */
    bool misleads;             /* failures at the point that changes are taken from make the effect look like something else: it is not shown */
    bool leads_on;             /* if found, and clearly, further points are tested at its share of the error rate */
    struct nl_dose *dose;      /* [doses]: the effect along the axis */
    int doses;
    double rate; /* of failed runs: the learning rate at which they were counted; NaN: no such claim */

    /* By nl_claims_judge: */
    double adjusted; /* p, adjusted over the family; NaN without a test */
    bool clear;      /* clear_p, adjusted likewise, is small enough: its share is free for others, or for what it leads to */
    enum nl_finding finding;
    enum nl_verdict verdict;

    double seen_from; /* a found loss: at this point of the axis and at every smaller one it was found; NaN: no such claim */
};

/* Judges all claims of an answer as one family. Returns how many tests it holds. */
int nl_claims_judge(struct nl_claim *claim, int count, double level);

/* Where a trial of these cells is missing or ended with an error, that is the claim's obstacle. */
void nl_claim_need_cells(struct nl_claim *claim, const struct nl_cell *const *cell, int count);
/* Where nothing else is in the way: of so many pairs too many have both values at 0 (at_end[0]), or both at 1, for a change to be seen. */
void nl_claim_need_room(struct nl_claim *claim, const int at_end[2], int pairs);
/* Where nothing else is in the way: too few pairs. */
void nl_claim_need_pairs(struct nl_claim *claim, const struct nl_rule *rule);

/* Sets candidate, p and test of a claim whose effect is set. values: the pairs that it was estimated from. equal_p: of the same, where more
 * than one point must be; NaN: that of effect. */
void nl_claim_test(struct nl_claim *claim, const struct nl_rule *rule, const double *values, int count, double equal_p);

void nl_claim_release(struct nl_claim *claim);

#endif
