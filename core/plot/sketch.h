/* The curves of runs as a drawing for a page that is written anew every few seconds: without gnuplot, which may not be
 * there, and takes longer. Panels, colours, dashes and axes are those of the picture `curves`. */
#ifndef NL_PLOT_SKETCH_H
#define NL_PLOT_SKETCH_H

#include "plot/pictures.h"
#include "stats/steps.h"

struct nl_sketch {
    char *drawing;      /* an SVG element of shapes and text, whose texts are escaped; NULL: there is nothing to draw */
    struct nl_text alt; /* what it shows, for who does not see it */
    struct nl_text caption; /* sentences: how it is read; or why there is nothing to draw */
};

/* Draws the metric of nl_series_metric over the training: a thin line for each run, a thick one for the mean over the
 * seeds of each cell. picture->folder is not read; the curves are taken over, on failure too. plot.x = seconds is drawn
 * over epochs, because the pace of a run is known only when the sweep has ended. Release *out in any case. NL_BAD: the
 * curves do not belong to the results; NL_FAIL: plot.ymin or another end of an axis is no number. */
int nl_sketch_curves(const struct nl_picture *picture, struct nl_curves *curves, struct nl_sketch *out,
                     struct nl_error *err);
void nl_sketch_release(struct nl_sketch *sketch);

#endif
