/* What the explorer of a page draws: means with their intervals, runs and curves, as they are computed everywhere else.
 * The script (explore.js) draws and computes no statistics.
 *
 *     notes      [texts]        what was left out, and where it is
 *     interval   text           what intervals are: "95 % t interval"
 *     seeds      [texts]
 *     outcomes   [texts]        how a run may end
 *     keys       [{key, title, numbers, values: [texts of trials.csv], labels: [texts], at: [numbers] or null,
 *                  styles: [[colour, marker, dash]], usual: index of the value that is shown first, kind: is it
 *                  norm.kind}]
 *     x, lines   index of a key, or -1: what is shown first
 *     cells      [[index of the value of each key, or -1: it does not apply]]
 *     planned, trials, failed   [cells]
 *     metrics    [{column, name, unit, scale, chance, mean: [cells], lower, upper, n,
 *                  finished: {cell: [n, mean, lower, upper]}, values: [cells x seeds] or null}], plot.metric first
 *     trial      [cells x seeds]  its number in trials.csv; 0: the run is not there
 *     ended      [cells x seeds]  index into outcomes, or -1
 *     failed_at  {cell x seeds + seed: step}
 *     curves     [{column, name, unit, scale}]
 *     steps      [[numbers]]
 *     lines_of   {cell: [[seed, curve, index into steps, values]]}, where least, greatest may stand for values
 *
 * Numbers of cells and runs are those of summary.csv and trials.csv, to the last digit. chance is what a run that
 * diverged counts as. Curves have four digits; where one has more evaluations than a picture shows it has the least and
 * the greatest value of each group of neighbouring evaluations, at the last step of each. What is not a number is null.
 */
#ifndef NL_REPORT_EXPLORE_H
#define NL_REPORT_EXPLORE_H

#include "report/section.h"

/* What a page may hold of one results folder, so that it stays one that a browser opens at once. */
enum {
    NL_EXPLORE_RUNS = 60000,      /* cells times seeds: beyond, there is no explorer */
    NL_EXPLORE_MEANS = 20000,     /* cells times metrics */
    NL_EXPLORE_VALUES = 60000,    /* cells times seeds times metrics */
    NL_EXPLORE_POINTS = 100000,   /* numbers of curves */
    NL_EXPLORE_EVALUATIONS = 160, /* of a curve, of which a picture shows each */
    NL_EXPLORE_LEAST = 20,        /* that a curve is thinned to before curves are left out */
    NL_EXPLORE_CURVES = 4         /* metrics that have curves */
};

/* Adds the explorer of the results to the document. */
void nl_explore(const struct nl_report_section *s);

/* Part of it: the members curves, steps and lines_of. metric[metrics]: in the order of the data. notes: sentences are
 * added to it, as the elements of a list of JSON. */
void nl_explore_curves(const struct nl_report_section *s, const struct nl_metric_column *metric, int metrics,
                       struct nl_text *out, struct nl_text *notes);

/* Adds a sentence to such a list. */
void nl_explore_note(struct nl_text *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a member whose value is a text of somebody's. */
void nl_explore_text(struct nl_text *out, const char *name, const char *text);
/* Adds what a metric is: column, name, unit and scale. */
void nl_explore_measure(struct nl_text *out, const struct nl_report_section *s, const struct nl_metric_column *metric);

#endif
