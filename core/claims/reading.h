/* What is read of the runs of a claim's cell, seed by seed.
 *
 * A number may be known between two ends only: a largest usable rate lies between two rates of the grid, a target was
 * reached between two evaluations, and a run that failed or never reached it is censored at the number of steps that it
 * was given, never at its own last one.
 */
#ifndef NL_CLAIMS_READING_H
#define NL_CLAIMS_READING_H

#include "config/published.h"
#include "stats/results.h"
#include "stats/steps.h"
#include "sweep/grid.h"

/* A sweep's results, as a claim looks at them. */
struct nl_evidence {
    const struct nl_experiment *experiment; /* as it was run */
    const struct nl_results *results;
    const struct nl_curves *curves;         /* of curves.csv; NULL where no part reads it */
    const struct nl_curves *metrics;        /* of metrics.csv; NULL likewise */
};

/* low == high: known exactly. NaN both: a trial is missing or could not be run, or there is no such number. */
struct nl_range {
    double low, high;
};

/* The unit that a part's numbers are read in, and what becomes of them. */
struct nl_part_scale {
    const char *unit;   /* "points", "nats", "x": a ratio, "decades", those with " per doubling" of a slope, or "" */
    double scale;       /* from the numbers that are read to it; of a ratio 1, and the numbers are natural logarithms */
    bool ratio, share;  /* share: differences are of shares */
    bool fixed;         /* all seeds share the part that is evaluated: what is said holds on it */
    struct nl_sampling sampling;
    double range;       /* of a slope: doublings between the key's ends */
    double step;        /* of the grid or the decades: the largest that the reading cannot resolve; 0: none */
};

struct nl_part_scale nl_part_scale(const struct nl_published_part *part, const struct nl_evidence *evidence);

/* The threshold in the numbers that are read. */
double nl_part_threshold(const struct nl_published_part *part, const struct nl_part_scale *scale);

/* out[seeds] of one side of the part. used, count: the cells that were read are added to them, used having room for all
 * of the results. */
void nl_side_spans(const struct nl_published_part *part, int side, const struct nl_evidence *evidence,
                   struct nl_range *out, const struct nl_cell **used, int *count);

/* Whether the reading takes, on each side for itself, the run that is best along a key. */
bool nl_takes_best(const struct nl_reading *reading);

/* The level of the key that a part varies along which serves all of the part's sides best, by what the best run is
 * chosen by: with the fewest runs that failed, or never reached the target, and then the least sum of distances from
 * each side's best mean. -1: no value is there for all. */
int nl_same_level(const struct nl_published_part *part, const struct nl_evidence *evidence);

/* Whether every cell of the claim is there in the experiment's grid, once, and every metric is evaluated: complaints
 * where its part was written. */
int nl_cells_check(const struct nl_experiment *experiment, const struct nl_grid *grid,
                   struct nl_diagnostics *diagnostics);

#endif
