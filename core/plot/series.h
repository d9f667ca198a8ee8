/* curves.csv by cell: the metric over training, seed by seed. */
#ifndef NL_PLOT_SERIES_H
#define NL_PLOT_SERIES_H

#include "plot/pictures.h"

struct nl_sighting {
    int step;
    double x, value; /* x in the unit of plot.x; value scaled for the picture */
    int seed;
};

struct nl_series {
    struct nl_sighting *at; /* in order of steps, then seeds */
    int count, capacity;
    double *failed_x; /* where its diverged runs ended; their values are left out */
    int failed;
};

/* What the x axis of curves is: plot.x where it is one of their words. */
enum nl_x nl_series_x(const struct nl_experiment *experiment);
/* The metric of curves: the one that is drawn, in its first evaluation. */
const char *nl_series_metric(const struct nl_experiment *experiment);

/* out[results->cells]; free with nl_series_release. Training metrics are those of the training batches, means over the
 * steps since the row before; a shorter last window is joined with the one before it. NL_BAD: a table does not
 * fit its checksum. */
int nl_series_load(const struct nl_picture *picture, struct nl_series **out, struct nl_error *err);
void nl_series_release(struct nl_series *series, int cells);

#endif
