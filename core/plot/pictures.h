/* The pictures: every one builds the script and the caption of its page from the results, or says why there is nothing
 * to draw (nl_picture_leave_out; then page->script stays empty). */
#ifndef NL_PLOT_PICTURES_H
#define NL_PLOT_PICTURES_H

#include "plot/page.h"
#include "stats/comparison.h"

struct nl_picture {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    const char *folder; /* of the results: curves.csv, timing.csv */
    const char *home;   /* in which the round of sweep.tune lies, as `tuning` */
    struct nl_text *note, *left_out;
};

void nl_picture_leave_out(const struct nl_picture *picture, const struct nl_page *page, const char *why);
/* Whether it may have intervals and bands: plot.interval is not none. */
bool nl_picture_has_intervals(const struct nl_picture *picture);

/* Means over an axis of the sweep (points.c): one picture, of which small_batch and lr_tolerance are presets. */
int nl_picture_small_batch(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_lr_tolerance(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_figure(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_curves(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_steps(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
/* Runs of all tasks that are at least as good as a value (stats/tasks.h), and the best of k settings (stats/best.h). */
int nl_picture_profiles(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_best_of_k(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
/* A quantity of metrics.csv over the layers, along the gradient, and layer by step. */
int nl_picture_depth(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_landscape(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_plane(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_spectrum(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_signal(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_layers(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);
int nl_picture_heatmap(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err);

#endif
