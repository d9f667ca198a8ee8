/* What varies, dealt out over a picture: an x axis (of a heat map a y axis, too), colours and panels.
 *
 * A method of the view along the axes is one colour in one panel. A method to which the key of the panels does not apply (norm.placement to
 * "none") stands in every panel.
 */
#ifndef NL_PLOT_CHART_H
#define NL_PLOT_CHART_H

#include "plot/pictures.h"
#include "plot/ruler.h"

enum { NL_MOST_COLOURS = 8 }; /* in one panel, where the user says nothing */

/* Where keys go that are neither axis nor plot.colour nor plot.facet. */
enum nl_dealing {
    NL_DEAL_COLOURS, /* to colours; but for normalizers to panels, where they would be too many */
    NL_DEAL_KIND,    /* to panels, but for normalizers, or else the first key that varies */
    NL_DEAL_PANELS,  /* all to panels */
};

struct nl_arm {
    char *label;
    struct nl_style style;
    const int *level; /* of one of its methods */
    int norm;         /* index into nl_norms */
    bool reference;   /* the x axis does not apply to it */
};

struct nl_chart {
    const struct nl_picture *picture;
    struct nl_comparison view;
    int arms;
    struct nl_arm *arm;
    int panels, all_panels; /* drawn, and there: of more than the page has room for some are left out, evenly over the values of their keys */
    struct nl_panel {
        char *title;
        const int *level;
    } *panel;
    const struct nl_cell **cell; /* [panels][arms][y][x]; NULL: not in the grid */
    int *method;            /* [panels][arms]: index into the view's of the one that has most in common with the panel, -1: there is none */
};

/* x, y: factors of the results, or -1. */
void nl_chart_make(const struct nl_picture *picture, int x, int y, enum nl_dealing dealing, struct nl_chart *out);
void nl_chart_release(struct nl_chart *chart);
/* point: y * points + x of the view. NULL: there is none. */
const struct nl_cell *nl_chart_cell(const struct nl_chart *chart, int panel, int arm, int point);

/* "12 of 54 panels are drawn; ..." into the note, and the like into the caption. */
void nl_chart_tell_panels(const struct nl_chart *chart, struct nl_page *page);

/* Whether the factor's values are words, and what stands for one on an axis, as plot.labels has it. New string. */
bool nl_factor_has_words(const struct nl_factor *factor);
char *nl_level_label(const struct nl_experiment *experiment, const struct nl_factor *factor, int level);
char *nl_factor_title(const struct nl_factor *factor); /* "learning rate"; new string */

/* A colour of the scale from dark to light, 0..1, which grows evenly in lightness (viridis). */
unsigned nl_scale_colour(double place);

/* The metric that a picture draws: plot.y where it is one, else plot.metric. */
const char *nl_drawn_metric(const struct nl_experiment *experiment);
/* The factor that a key of the section plot names; -1: auto or none, a word of another picture's, or it does not vary in these results. */
int nl_named_factor(const struct nl_results *results, const char *name);

/* The margins of a panel and its axes, as they stand in the script before `plot`. Labels are those of the panels at the edge. */
void nl_chart_put_axes(struct nl_page *page, int panel, const struct nl_ruler *x, const struct nl_ruler *y);

/* ---- the sentences of a caption ---- */

/* What is missing, and "WHAT of 5 seeds", without an end; or that one seed has no interval. */
void nl_caption_seeds(struct nl_page *page, const struct nl_picture *picture, const char *what);
/* That, and what the means are of. drawn: how intervals are drawn; NULL: they are not. */
void nl_caption_means(struct nl_page *page, const struct nl_picture *picture, const struct nl_metric_column *metric, const char *drawn);
void nl_caption_add(struct nl_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nl_caption_end(struct nl_page *page, const struct nl_picture *picture); /* plot.protocol */
/* "test error (%)"; new string. */
char *nl_metric_label(const struct nl_metric_column *metric, const char *column);

/* ---- the strip above a panel, a table of failed runs with a row for each colour that has some ---- */

struct nl_strip {
    int rows;
    int *row; /* [arms]: from 1; 0: none of its runs failed */
    bool summed; /* too many rows: one for all */
};

/* Sets what the strip of a page's panels needs, from which arms had failures. */
void nl_strip_make(struct nl_strip *strip, struct nl_page *page, int arms, const bool *failed);
void nl_strip_release(struct nl_strip *strip);
/* Emits $failed<panel> from its rows, each "x row text colour", and draws it above the panel's box, along the x range that is set. */
void nl_strip_draw(const struct nl_strip *strip, struct nl_page *page, int panel, const struct nl_text *rows);

#endif
