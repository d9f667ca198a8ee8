/* The values of lines by cell, seed by seed: a metric over training (curves.csv), or a quantity over the layers
 * (metrics.csv). */
#ifndef NL_PLOT_SERIES_H
#define NL_PLOT_SERIES_H

#include "plot/pictures.h"
#include "stats/inside.h"
#include "stats/steps.h"

struct nl_sighting {
    int step;        /* or the index of the tensor */
    double x, value; /* x in the unit of plot.x; value scaled for the picture */
    int seed;
    double low, high; /* of a ribbon: the ends of what the value is the mean of */
};

struct nl_series {
    struct nl_sighting *at; /* in order of steps, then seeds */
    int count, capacity;
    double *failed_x; /* where its diverged runs ended; their values are left out */
    int failed;
    int left_out; /* values that are not finite, or 0 where means are geometric */
};

/* What the x axis of curves is: plot.x where it is one of their words. */
enum nl_x nl_series_x(const struct nl_experiment *experiment);
/* The metric of curves: the one that is drawn, in its first evaluation. */
const char *nl_series_metric(const struct nl_experiment *experiment);
/* The statistics with which the cell's networks are evaluated first: the column eval of their rows in curves.csv. */
const char *nl_series_eval(const struct nl_results *results, const struct nl_experiment *experiment,
                           const struct nl_cell *cell);

/* out[results->cells]; free with nl_series_release. Training metrics are those of the training batches, means over the
 * steps since the row before; a shorter last window is joined with the one before it. NL_BAD: a table does not
 * fit its checksum. */
int nl_series_load(const struct nl_picture *picture, struct nl_series **out, struct nl_error *err);
/* As nl_series_load, from curves that were read, which are taken over, on failure too. */
int nl_series_of(const struct nl_picture *picture, struct nl_curves *curves, struct nl_series **out,
                 struct nl_error *err);
/* Likewise the values of a quantity over the layers, in the step that plot.step names. Where that is the last, a run
 * that did not come to its end is left out: it counts in `failed`, without a place in
 * failed_x. */
struct nl_series *nl_series_of_depth(const struct nl_picture *picture, const struct nl_inside *inside);
/* Likewise the values of a quantity over training, at each step of metrics.csv: its mean over the tensors. least, most:
 * NULL, or where the ribbon around it ends. */
struct nl_series *nl_series_over_training(const struct nl_picture *picture, const struct nl_inside *inside,
                                          const struct nl_inside *least, const struct nl_inside *most);
/* *out[trials + 1]: a column of timing.csv by trial, from 1 on; NAN: it has no row there. To be freed in any case.
 * NL_BAD: the table does not fit its checksum. */
int nl_timing_load(const struct nl_picture *picture, const char *column, int trials, double **out,
                   struct nl_error *err);
/* NL_FAIL, with the message that a trial which is to be drawn over its time has none. */
int nl_timing_lacks(const struct nl_picture *picture, int trial, struct nl_error *err);
void nl_series_release(struct nl_series *series, int cells);

#endif
