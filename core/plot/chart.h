/* What varies, assigned out over a picture: an x axis (of a heat map a y axis, too), colours and panels.
 *
 * A method of the view along the axes is one colour in one panel. A method to which the key of the panels does not
 * apply (norm.placement to "none") stands in every panel.
 *
 * More methods than there are styles to tell them apart, or plot.facet = each, make small multiples: each method has a
 * panel, in which it is drawn in colour, over its baseline, black and dashed, and over all others, thin and
 * grey. */
#ifndef NL_PLOT_CHART_H
#define NL_PLOT_CHART_H

#include "plot/pictures.h"
#include "plot/ruler.h"
#include "stats/inside.h"

enum { NL_MOST_COLOURS = 8 }; /* in one panel, where the user says nothing */

/* Where keys go that are neither axis nor plot.colour nor plot.facet. */
enum nl_assignment {
    NL_ASSIGN_TO_COLOURS, /* to colours; but for normalizers to panels, where they would be too many */
    NL_ASSIGN_KIND, /* to panels, but for normalizers, or else the first key that varies, and for keys that a part of
                       the runs of a normalizer has */
    NL_ASSIGN_TO_PANELS, /* all to panels */
};

/* What an arm is in a panel. */
enum nl_arm_role {
    NL_ROLE_ONE,      /* one of all that are drawn there, each in its style */
    NL_ROLE_OWN,      /* of small multiples: the one whose panel it is, */
    NL_ROLE_BASELINE, /* that one's baseline, */
    NL_ROLE_BEHIND,   /* or another */
};

struct nl_arm {
    char *label;
    struct nl_style style;
    const int *level; /* of one of its methods */
    int norm;         /* index into nl_norms */
    bool tracks;      /* it keeps running statistics */
    bool reference;   /* the x axis does not apply to it */
};

/* Above the panels, a table of failed runs with a row for each colour that has some. */
struct nl_strip {
    int rows;
    int *row; /* [arms]: from 1; 0: none of its runs failed */
    bool summed; /* too many rows: one for all */
    struct nl_failure {
        int panel, arm, failed, trials;
        double x;
    } *failure;
    int failures, capacity;
};

struct nl_chart {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_comparison view;
    int arms;
    struct nl_arm *arm;
    int panels, all_panels; /* drawn, and there: of more than the page has room for some are left out, evenly over the
                               values of their keys */
    struct nl_panel {
        char *title;
        const int *level;
        int own, base; /* of small multiples: the arm whose panel it is, and that one's baseline, -1: it has none, or is
                          it */
    } *panel;
    bool each; /* small multiples */
    const struct nl_cell **cell; /* [panels][arms][y][x]; NULL: not in the grid */
    int *method; /* [panels][arms]: index into the view's of the one that has most in common with the panel, -1: there
                    is none */
    struct nl_strip strip;
    struct nl_ruler x, y;
    struct nl_ruler *own_x; /* [panels]: x axes of their own; NULL: all have x */
    struct nl_value_span span; /* of the values along y */
    int zeros;           /* those of them that a logarithmic axis cannot show */
};

/* Opens the page, too. x, y: factors of the results, or -1. */
void nl_chart_make(const struct nl_picture *picture, int x, int y, enum nl_assignment rule, struct nl_page *page,
                   struct nl_chart *out);
void nl_chart_release(struct nl_chart *chart);
/* Draws a quantity of metrics.csv in panels, one for each method, or leaves the picture out where there is nothing of
 * it in that step (NL_AUTO: in any). */
int nl_draw_panels(const struct nl_picture *picture, struct nl_page *page, const struct nl_name_list *tensors,
                   enum nl_quantity quantity, int64_t step,
                   int (*draw)(struct nl_chart *chart, const struct nl_inside *inside, struct nl_error *err),
                   struct nl_error *err);

/* ---- small multiples (multiples.c) ---- */

bool nl_chart_any_alike(const struct nl_chart *chart); /* arms in the same style */
/* The one panel becomes one for each arm, or for as many as there is room for. */
void nl_chart_make_each(struct nl_chart *chart);
/* Sets the baseline of each panel: after all arms have their methods. */
void nl_chart_find_baselines(struct nl_chart *chart);
enum nl_arm_role nl_chart_role(const struct nl_chart *chart, int panel, int arm);
/* The panel whose blocks have an arm's numbers: of small multiples, which all show the same, the first. */
int nl_chart_block(const struct nl_chart *chart, int panel);
/* How what stands behind small multiples is drawn, "linewidth ... dashtype ..."; NULL: in its own style. */
const char *nl_role_line(enum nl_arm_role role);
/* point: y * points + x of the view. NULL: there is none. */
const struct nl_cell *nl_chart_cell(const struct nl_chart *chart, int panel, int arm, int point);

/* Whether the factor's values are words, and what stands for one on an axis, as plot.labels has it. New string. */
bool nl_factor_has_words(const struct nl_factor *factor);
char *nl_level_label(const struct nl_experiment *experiment, const struct nl_factor *factor, int level);
/* The style of a value: the same in every picture for the usual normalizers, light to dark for numbers, and in turn for
 * words; plot.colours may give another colour. */
struct nl_style nl_level_style(const struct nl_picture *picture, const struct nl_factor *factor, int level);
char *nl_factor_title(const struct nl_factor *factor); /* "learning rate"; new string */

/* A colour of the scale from dark to light, 0..1, which grows evenly in lightness (viridis). */
unsigned nl_scale_colour(double place);
/* The ruler of the scale for the values that the chart has seen, and its room beside the panels. */
int nl_chart_fit_scale(struct nl_chart *chart, const struct nl_measure *measure, struct nl_ruler *scale,
                       struct nl_error *err);
/* The palette, the scale at the right of the panels and its label. falls: its low end is the light one; light: what
 * light colours are, "good". */
void nl_chart_put_scale(struct nl_chart *chart, const struct nl_ruler *scale, bool falls, const char *light,
                        const char *label);

/* What a picture over keys draws: a metric, plot.y where it is one, else plot.metric; or a quantity of metrics.csv in
 * the step that plot.step names, its mean over plot.tensors. */
struct nl_drawn {
    const char *column; /* of the metric in trials.csv; NULL: a quantity is drawn */
    struct nl_metric_column metric;
    struct nl_inside inside; /* of the quantity */
    double *values;
};

/* word: plot.y or plot.colour, which may name a quantity. *why: why there is nothing to draw, a new string, or NULL. To
 * be released in any case. */
int nl_drawn_load(const struct nl_picture *picture, const char *word, struct nl_drawn *out, char **why,
                  struct nl_error *err);
void nl_drawn_release(struct nl_drawn *drawn);
char *nl_drawn_label(const struct nl_drawn *drawn); /* "test error (%)", "norm of gradients"; new string */

/* The factor that a key of the section plot names; -1: auto or none, a word of another picture's, or it does not vary
 * in these results. */
int nl_named_factor(const struct nl_results *results, const char *name);

/* ---- the axes ---- */

/* The x axis, or the y axis, of the view's points: numbers where they belong, or words. lattice: side by side, numbers
 * or not. */
int nl_chart_fit_points(struct nl_chart *chart, bool y, bool lattice, bool prefers_log, struct nl_error *err);
/* An axis of tensors, side by side, which is not yet fitted to its room. */
int nl_chart_fit_tensors(const struct nl_chart *chart, const struct nl_inside *inside, struct nl_ruler *ruler,
                         struct nl_error *err);
/* Takes a value along y into the axis. */
void nl_chart_see(struct nl_chart *chart, double value);
/* The y axis of what was seen. */
int nl_chart_fit_y(struct nl_chart *chart, const struct nl_measure *measure, bool from_zero, struct nl_error *err);
/* An x axis of training: from 0, or from `least` if it is logarithmic, to `most`. */
int nl_chart_fit_training(struct nl_chart *chart, double least, double most, bool may_be_log, struct nl_error *err);

/* Gives each panel an x axis of its own where the longest and the shortest differ by more than NL_SHARED_X, and the
 * user sets no end. most: [panels], where each ends; 0: nothing is drawn there. After nl_chart_fit_training. */
enum { NL_SHARED_X = 4 };
int nl_chart_fit_each(struct nl_chart *chart, double least, const double *most, struct nl_error *err);

/* ---- the parts of the script, in this order ---- */

/* An entry for each arm, with a mark or a line alone. */
void nl_chart_legend(struct nl_chart *chart, bool mark);
/* Adds a legend entry for the baseline of small multiples alone. Arms have their line styles before. */
void nl_chart_legend_of_each(struct nl_chart *chart);
/* Notes that so many runs of an arm, 0 or more, failed at x in a panel; trials 0: it is one that failed there, on
 * its way. */
void nl_chart_fail(struct nl_chart *chart, int panel, int arm, double x, int failed, int trials);
/* Sets what the strip needs: after all nl_chart_fail calls, before nl_chart_fit_y. */
void nl_chart_make_strip(struct nl_chart *chart);
/* As nl_page_frame. */
int nl_chart_frame(struct nl_chart *chart, const char *x_label, const char *y_label, struct nl_error *err);
/* Title and strip of a panel, then its margins and axes. */
void nl_chart_begin_panel(struct nl_chart *chart, int panel);
/* The margins of a panel and its axes. Labels are those of the panels at the edge. */
void nl_chart_put_axes(struct nl_chart *chart, int panel);

/* Ends a panel of shares in percent: its axes, the line of one half, and over it signs (nl_page_plot) in layers, which
 * are released. */
enum { NL_SHARE_LAYERS = 3 };
void nl_chart_put_shares(struct nl_chart *chart, int panel, struct nl_text signs[NL_SHARE_LAYERS]);

/* ---- the sentences of a caption ---- */

/* What is missing, and "WHAT of 5 seeds", without an end; or that one seed has no interval. */
void nl_caption_seeds(struct nl_page *page, const struct nl_picture *picture, const char *what);
/* That, and what the means are of. drawn: how intervals are drawn; NULL: they are not. */
void nl_caption_means(struct nl_page *page, const struct nl_picture *picture, const struct nl_metric_column *metric,
                      const char *drawn);
/* Says that there are no intervals where plot.interval is none; of kinds that have some otherwise. */
void nl_caption_intervals(struct nl_page *page, const struct nl_picture *picture);
void nl_caption_diverged(struct nl_page *page, const struct nl_picture *picture, const struct nl_metric_column *metric);
/* Names the tensors whose quantity is drawn. */
void nl_caption_inside(struct nl_page *page, const struct nl_inside *inside, const struct nl_experiment *experiment);
/* The step that a quantity is of. */
void nl_caption_step(struct nl_page *page, const struct nl_inside *inside, const struct nl_experiment *experiment);
/* What of the values is not in sight. cut: the sentence where intervals reach beyond the y axis; NULL: there are
 * none. */
void nl_caption_unseen(struct nl_chart *chart, const char *cut);
/* How small multiples are read, and which methods share a style; "12 of 54 panels are drawn; ...", which the note says,
 * too; plot.protocol. */
void nl_caption_end(struct nl_chart *chart);
/* How small multiples are read; or else which arms are drawn alike. Part of nl_caption_end. */
void nl_caption_each(struct nl_chart *chart);
/* Names the tensors whose quantity is drawn, and the step; nothing where a metric is. */
void nl_caption_drawn(struct nl_page *page, const struct nl_drawn *drawn, const struct nl_experiment *experiment);
/* "test error (%)"; new string. */
char *nl_metric_label(const struct nl_metric_column *metric, const char *column);

#endif
