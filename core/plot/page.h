/* A page: one gnuplot script in the making, with its terminals, margins, legend above and caption below.
 *
 * Lengths are points (1/72 inch), which gnuplot gets as fractions of the page; so the layout is the same in every format.
 * No text of a user reaches a script but through nl_page_quote or nl_page_comment: gnuplot runs shell commands that stand in
 * backquotes. Terminals are `noenhanced`: _ and ^ are plain characters.
 */
#ifndef NL_PLOT_PAGE_H
#define NL_PLOT_PAGE_H

#include <stdbool.h>

#include "base/memory.h"
#include "config/config.h"
#include "stats/comparison.h"

struct nl_style {
    unsigned colour; /* 0xRRGGBB */
    int marker;      /* gnuplot's point type */
    int dash;        /* gnuplot's dash type: 1 is solid */
};

struct nl_page {
    struct nl_text script;
    const char *name;
    double width, height, font;
    double left, right, top, bottom; /* of the area for panels, from the page's left and bottom edge */
    bool log_y;
    char **legend;                   /* keyentry clauses, emitted by nl_page_begin_panels */
    int entries;
};

void nl_page_open(struct nl_page *page, const struct nl_experiment *experiment, const char *name, const char *about,
                  double width_cm, double height_cm);
void nl_page_release(struct nl_page *page);

/* "text", as gnuplot reads it back; a backquote, a backslash and a double quote by their numbers. (A single-quoted string cannot begin with a
 * quote: gnuplot takes ''''a' for two strings.) */
void nl_page_quote(struct nl_text *script, const char *text);
void nl_page_comment(struct nl_text *script, const char *text); /* "# text\n" */

/* Style `index` (from 1) of the page, and its line in the legend; `with` is what draws it there ("linespoints"). */
void nl_page_style(struct nl_page *page, int index, const struct nl_style *style);
void nl_page_legend(struct nl_page *page, int index, const char *with, const char *label);

/* Emits legend layout, title and caption and sets the area for panels. After all nl_page_legend calls. */
void nl_page_frame(struct nl_page *page, const struct nl_experiment *experiment, const char *caption);

/* Margins of a panel: the part [x0, x1] x [y0, y1] (fractions) of the area. */
void nl_page_panel(struct nl_page *page, double x0, double x1, double y0, double y1);

/* Begins a multiplot, and draws legend, title and caption in a panel of their own that is the whole page (a panel's own legend gets no
 * more columns than the panel is wide). The ticks of the panels are set after it. */
void nl_page_begin_panels(struct nl_page *page);

/* The style of a method: its normalizer's colour and marker, the same in every picture; methods of one normalizer differ in dash. Where the
 * normalizer does not vary, methods take the colours in turn. */
struct nl_style nl_method_style(const struct nl_comparison *view, int method);
struct nl_style nl_norm_style(int norm);
struct nl_style nl_turn_style(int index);

struct nl_picture;
/* "Mean of 8 seeds with its 95 % CI (bars; t of logits).", after what is missing. drawn: how it is drawn, NULL: the mean alone is. */
void nl_page_add_interval(struct nl_text *out, const struct nl_picture *picture, const struct nl_metric_column *metric, const char *drawn);
/* Where diverged runs are, if there are any. */
void nl_page_add_diverged(struct nl_text *out, const struct nl_picture *picture, const struct nl_metric_column *metric);

/* The least and largest of the values that are drawn. */
struct nl_span {
    bool any;
    double low, high;
    double reach; /* the highest upper end of an interval; 0: none */
};

void nl_span_add(struct nl_span *span, double value);
/* gnuplot's word for the automatic upper end of the y axis: a share's axis ends near 100 % even where an interval goes past it. */
const char *nl_span_top(const struct nl_span *span, const struct nl_measure *measure);

/* A logarithmic y axis where values, all positive, span more than a decade; sets `floor`, at which lower ends of intervals are
 * cut: on such an axis gnuplot leaves out in silence what has an end at or below 0. */
void nl_page_yscale(struct nl_page *page, const struct nl_span *span);
/* Ticks of that axis: gnuplot's own, but where it would name a single power of ten, 1, 2 and 5 times each. */
void nl_page_yticks(struct nl_page *page, const struct nl_span *span);

/* plot.ymin and plot.ymax as a gnuplot range; what is auto takes `low`, `high` (gnuplot text). */
int nl_page_yrange(struct nl_page *page, const struct nl_experiment *experiment, const char *low, const char *high,
                   struct nl_error *err);
int nl_page_xrange(struct nl_page *page, const struct nl_experiment *experiment, const char *low, const char *high, struct nl_error *err);

void nl_page_axis_label(struct nl_text *script, const char *axis, const char *name, const char *unit);
void nl_page_number(struct nl_text *script, double value); /* " 1.25", or " NaN" */

#endif
