/* How many weight updates a run needs to a target, as its curve shows it, seed by seed.
 *
 * A metric is evaluated now and then: a run reached the target after the last evaluation before and by the first at
 * which it was there. A run that never was there, by failing or by ending, is censored at the updates that it was
 * given, never at its own last one: it had so many, and did not.
 */
#ifndef NL_STATS_STEPS_H
#define NL_STATS_STEPS_H

#include "stats/results.h"

/* Updates: low < needed <= high. Censored: needed > low, and high is INFINITY. NaN both: the trial is missing or could
 * not be run. */
struct nl_steps {
    double low, high;
};

/* A table with several rows a trial, curves.csv or metrics.csv, ready to be looked up by trial. */
struct nl_curves {
    struct nl_csv csv;
    int *first, *rows; /* [trials + 1]: rows of a trial, by its number */
    int trials;
};

/* Reads curves from a table, which is taken over, on failure too; or from the file of that name beside the results'
 * trials.csv. NL_BAD: it is damaged. */
int nl_curves_of(struct nl_csv *csv, struct nl_curves *out, struct nl_error *err);
int nl_curves_load(const struct nl_results *results, const char *file, struct nl_curves *out, struct nl_error *err);
void nl_curves_release(struct nl_curves *curves);

/* The rows of the cell's run with that seed: the first of them, and how many there are. False: it is missing or could
 * not be run. */
bool nl_curves_rows(const struct nl_curves *curves, const struct nl_results *results, const struct nl_cell *cell,
                    int seed, int *first, int *rows);

/* The updates that the cell's runs were given. */
double nl_steps_given(const struct nl_results *results, const struct nl_experiment *experiment,
                      const struct nl_cell *cell);

/* The updates of the cell's run with that seed until `metric` ("test_accuracy", "val_loss", "test_error_batch") is
 * at `target`, or better, in the units of trials.csv. */
struct nl_steps nl_steps_to(const struct nl_curves *curves, const struct nl_results *results,
                            const struct nl_experiment *experiment, const struct nl_cell *cell, int seed,
                            const char *metric, double target);

/* The share of the cell's runs that are not yet at the target, by the updates after which they were seen to be: as
 * nl_survival. out[seeds of the results]. */
int nl_steps_survival(const struct nl_steps *steps, int seeds, double level, struct nl_survival *out);

#endif
