/* Data blocks of means over seeds along an axis, shared by the pictures that draw them. */
#ifndef NL_PLOT_MARKS_H
#define NL_PLOT_MARKS_H

#include "plot/pictures.h"

/* Methods stand side by side around their value of the x axis: the factor by which method `index` of `count` is moved. */
double nl_dodge(int index, int count, double step);

/* Values that are drawn are added to `span`. Means, intervals and single values are those of the tables (stats/results.h). $mean<ID>: x, mean, lower, upper, n; a blank line where a point has no value, so that no line crosses a gap.
 * Returns the number of points with a value. */
int nl_put_means(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int method, const struct nl_metric_column *metric,
                 double dodge, const char *id, struct nl_span *span);

/* $seeds<ID>: x, value of each seed. Returns their number. */
int nl_put_seeds(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int method, const struct nl_metric_column *metric,
                 double dodge, const char *id, struct nl_span *span);

/* $failed<ID>: x, height (0..1 of the panel), how many of how many failed. Returns the number of points. */
int nl_put_failed(struct nl_page *page, const struct nl_comparison *view, int method, double height, const char *id);

/* "set xtics ('64' 64, ...)" at the points of the x axis. */
void nl_put_ticks(struct nl_page *page, const struct nl_comparison *view);

#endif
