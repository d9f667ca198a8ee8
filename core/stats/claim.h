/* Claims: statements that the data are asked about, each with its effect, interval, tests, and verdict.
 *
 * One rule for all of them. Up to three tests say what a claim finds: whether there is an effect at all; on which side
 * of the smallest effect that counts (plot.min_effect) it lies; whether it is within the margin (plot.margin), by two
 * one-sided tests. A claim of an answer may state several of these things, and where a loss begins besides. So its
 * share of the error rate stays its own, and each of its p-values is multiplied by the number of claims that are tested
 * (Bonferroni): at most one in twenty answers (at plot.level 0.95) holds a finding that is false, however many claims
 * it makes. A part of a published claim is asked one thing, and those p-values are adjusted by Holm's procedure.
 *
 *   more, less     there is an effect, of this sign; it reaches the smallest one, does not, or may
 *   the same       it is within the margin
 *
 *   supported      what was expected is found, and of a difference that it reaches the smallest effect that counts
 *   not supported  something else is found
 *   inconclusive   neither, or an obstacle forbids to look: missing trials, fewer than five pairs, failed runs,
 * saturation
 */
#ifndef NL_STATS_CLAIM_H
#define NL_STATS_CLAIM_H

#include "base/json.h"
#include "base/memory.h"
#include "stats/results.h"

enum {
    NL_LEAST_PAIRS = 5,
    NL_LEAST_FLIPS = 6,
    NL_LEAST_FLIPS_OF_MANY = 8
}; /* pairs that a t test, an exact test alone, one among several needs at least */

#define NL_SATURATED 0.75 /* of the runs at one end of the scale: no change can be seen */

enum nl_verdict { NL_SUPPORTED, NL_NOT_SUPPORTED, NL_INCONCLUSIVE };
extern const char *const nl_verdict_names[];

enum nl_finding { NL_FOUND_NOTHING, NL_FOUND_MORE, NL_FOUND_LESS, NL_FOUND_SAME };

/* What a claim is asked. */
enum nl_asked {
    NL_DIFFERS, /* is there an effect? */
    NL_REACHES, /* which side of the smallest effect that counts does it lie on? */
    NL_AGREES,  /* is it within the margin? */
    NL_ASKED
};

struct nl_asked_test {
    const char *name; /* "paired t", "exact sign flip", "two one-sided t", "Fisher"; NULL: it is not asked */
    double p, adjusted; /* adjusted by nl_claims_judge; NaN: no test */
};

/* Whether an effect that was found is at least the smallest one that counts. */
enum nl_reach { NL_REACH_OPEN, NL_REACH_YES, NL_REACH_NO };

/* How p-values are adjusted over a family. */
enum nl_adjustment { NL_BONFERRONI, NL_HOLM };

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
    char *of;               /* what it is about, where an answer compares several things: "grad:fc1.weight"; or NULL */
    enum nl_finding expected;

    struct nl_estimate effect; /* positive: more, of ratios above 1; in the units of trials.csv */
    double scale;              /* to the unit that is read: 100 for points */
    const char *unit;          /* "points", "nats", "x" or "x per doubling": a ratio */
    enum nl_finding points; /* the sign of the estimate: NL_FOUND_MORE or NL_FOUND_LESS; of a part of a published claim
                               the side of its threshold */
    bool beyond;               /* the estimate reaches the smallest effect */
    double smallest, margin;   /* that the tests are about, in the unit that is read */
    struct nl_asked_test test[NL_ASKED];
    bool exact; /* its tests of a difference are exact: they ask for more pairs where claims share the error rate */
    int failed[2], runs[2];    /* on both sides of the comparison */
    double other_part;         /* half the 95 % width that another test part would add; 0 where each seed has its own */
    char *obstacle;            /* why nothing may be found; NULL: nothing is in the way */
    char *not_same;            /* why it may not be found to be the same; NULL: it may */
    bool
        of_failures; /* the obstacle is runs that failed, which count at chance: in another comparison they may count */
    bool misleads; /* failures at the point that changes are taken from make the effect look like something else: it is
                      not shown */
    struct nl_dose *dose;      /* [doses]: the effect along the axis */
    int doses;
    double rate; /* of failed runs: the learning rate at which they were counted; NaN: no such claim */

    /* By nl_claims_judge: */
    enum nl_finding finding;
    enum nl_reach reach; /* of more and less */
    enum nl_verdict verdict;

    double seen_from; /* a loss that reaches the smallest effect: at this point of the axis and at every smaller one it
                         does; NaN: no such claim */
};

/* Judges claims as one family. Returns how many of them are tested: without an obstacle, and with a p-value. Holm's
 * procedure is for claims that are asked one thing each. */
int nl_claims_judge(struct nl_claim *claim, int count, enum nl_adjustment adjustment, double level);

/* The test that the finding rests on; where nothing is found, the first that was made. */
const struct nl_asked_test *nl_claim_decides(const struct nl_claim *claim);

/* Where a trial of these cells is missing or ended with an error, that is the claim's obstacle. */
void nl_claim_need_runs(struct nl_claim *claim, const struct nl_cell *const *cell, int count);
/* Likewise, or where one has trained nothing. */
void nl_claim_need_cells(struct nl_claim *claim, const struct nl_cell *const *cell, int count);
/* Where nothing else is in the way: of so many pairs too many have both values at 0 (at_end[0]), or both at 1, for a
 * change to be seen. */
void nl_claim_need_room(struct nl_claim *claim, const int at_end[2], int pairs);
/* Where nothing else is in the way: too few pairs. */
void nl_claim_need_pairs(struct nl_claim *claim, const struct nl_rule *rule);

/* The p-value that an effect does not lie above `from` (side: +1) or below it (side: -1); 1 where its estimate does
 * not. The test is two-sided, so that the whole interval must lie there. exact: the sign-flip test of values[count],
 * which it was estimated from; else the t test, and values may be NULL. */
double nl_beyond_p(const struct nl_estimate *effect, const double *values, int count, double from, double side,
                   bool exact);

/* Sets what the estimate points to, and the tests, of a claim whose effect is set. values: the pairs that it was
 * estimated from. equal_p: of the same, where more than one point must be; NaN: that of effect. */
void nl_claim_test(struct nl_claim *claim, const struct nl_rule *rule, const double *values, int count, double equal_p);

void nl_claim_release(struct nl_claim *claim);

#endif
