/* An x axis that is measured: a metric, or what a training cost, in place of a key of the sweep. */
#ifndef NL_PLOT_ACROSS_H
#define NL_PLOT_ACROSS_H

#include "plot/pictures.h"

struct nl_across {
    const char *word;               /* plot.x; NULL: the x axis is a key */
    struct nl_metric_column metric; /* costs are of runs that came to their end: those that diverged have none */
    double *values;                 /* [cells][seeds] of seconds, which the metric reads; else NULL */
    bool cost;
};

/* What plot.x of a figure measures where it names no key: "training error", "training FLOPs"; NULL: nothing. New
 * string. */
char *nl_across_title(const char *x);
/* Reads what plot.x names, for which there is a title. To be released in any case. NL_BAD: timing.csv does not fit its
 * checksum. */
int nl_across_load(const struct nl_picture *picture, struct nl_across *out, struct nl_error *err);
void nl_across_release(struct nl_across *across);

#endif
