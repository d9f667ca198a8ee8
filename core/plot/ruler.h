/* An axis as it is drawn: its ends, and the ticks between them. All is decided here, nothing by gnuplot, so that room
 * for labels is known. */
#ifndef NL_PLOT_RULER_H
#define NL_PLOT_RULER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "stats/results.h"

/* The values that are drawn. */
struct nl_value_span {
    bool any;
    double low, high;
    double least;            /* above 0; INFINITY: none */
    double lowest, highest;  /* ends of intervals, too */
};

void nl_span_add(struct nl_value_span *span, double value);
void nl_span_add_interval(struct nl_value_span *span, double lower, double upper);

struct nl_tick {
    double at;
    char *label; /* NULL: a minor tick */
};

struct nl_ruler {
    bool log;
    bool words;       /* places 0, 1, 2, ... with a label each */
    bool upright;     /* its labels are turned by 90 degrees */
    double low, high; /* low > high: it falls from left to right */
    int ticks;
    struct nl_tick *tick;
};

void nl_ruler_release(struct nl_ruler *ruler);

/* An axis for these values of the measure, of which only errors, losses and what is compared by ratio may be
 * logarithmic where plot.ylog is auto. from_zero: for bars. Intervals lengthen it only where they reach little beyond
 * the values. NL_FAIL: plot.ymin or plot.ymax is no number, or they are no range. */
int nl_ruler_fit(struct nl_ruler *ruler, const struct nl_value_span *span, const struct nl_measure *measure,
                 bool from_zero, const struct nl_config *config, struct nl_error *err);
/* An x axis for them likewise, by plot.xlog, plot.xmin and plot.xmax. */
int nl_ruler_fit_across(struct nl_ruler *ruler, const struct nl_value_span *span, const struct nl_measure *measure,
                        const struct nl_config *config, struct nl_error *err);
/* An x axis from 0, or from `least` if it is logarithmic, to `most`. may_be_log: where plot.xlog is auto and these are
 * far apart. */
int nl_ruler_from_zero(struct nl_ruler *ruler, double least, double most, bool may_be_log,
                       const struct nl_config *config, struct nl_error *err);
/* Round numbers as ticks: at most as many as fit into `room`, each `each` wide. */
void nl_ruler_ticks(struct nl_ruler *ruler, double room, double each);

/* An axis of points, with numbers or words as labels, which are taken over: words stand at 0, 1, 2, ... prefers_log:
 * where plot.xlog is auto. */
int nl_ruler_points(struct nl_ruler *ruler, const double *at, char **labels, int count, bool words, bool prefers_log,
                    const struct nl_config *config, struct nl_error *err);
/* Makes the labels fit into `room`: fewer of numbers, or round ones; words are turned. */
void nl_ruler_fit_labels(struct nl_ruler *ruler, double room, double size);
/* As many labels of a y axis as have room: every second, third, ... */
void nl_ruler_fit_rows(struct nl_ruler *ruler, double room, double size);

double nl_ruler_place(const struct nl_ruler *ruler, double value); /* 0 at low, 1 at high */
double nl_ruler_value(const struct nl_ruler *ruler, double place);

/* The widest label, in sizes of the text; and the height of the labels of an x axis, in points. */
double nl_ruler_label_width(const struct nl_ruler *ruler, double size);
double nl_ruler_label_height(const struct nl_ruler *ruler, double size);
/* How far the labels of an x axis reach past its right end, in points, where it is `length` long. */
double nl_ruler_label_overhang(const struct nl_ruler *ruler, double length, double size);

/* "set logscale x", "set xrange", "set xtics (...)": labels says whether the labels are written. axis: "x", "y",
 * "cb". */
void nl_ruler_put(const struct nl_ruler *ruler, struct nl_text *script, const char *axis, bool labels);

char *nl_number_label(double value, int digits); /* "0.05", "1e-5", with so many digits at most; "10240", all of them
                                                    before the point below 1e5; new string */

#endif
