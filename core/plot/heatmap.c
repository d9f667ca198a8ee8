/* Heat maps: metric over rate x batch, a panel for each arm, one colour scale for all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/marks.h"
#include "stats/estimate.h"

enum { MOST_PANELS = 12, COLUMNS = 3 };

/* Cells are squares of a lattice, since rates and batches are anything but evenly spaced. */
static void put_arm(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, int arm, int column,
                    const struct nl_measure *measure, double *low, double *high)
{
    struct nl_text *out = &page->script, failed = {0};
    double *values = nl_alloc((size_t)picture->results->seeds, sizeof *values);
    nl_text_add(out, "# column row mean n: ");
    nl_page_comment(out, view->arm[arm].label);
    nl_text_add(out, "$cell%d << EOD\n", arm + 1);
    for (int y = 0; y < view->rows; y++)
        for (int x = 0; x < view->points; x++) {
            const struct nl_cell *cell = view->arm[arm].cell[y * view->points + x];
            nl_cell_values(picture->results, cell, column, values);
            struct nl_estimate mean = nl_estimate(values, picture->results->seeds, NL_INTERVAL_T, 0.95);
            if (mean.n > 0) {
                double value = mean.mean * measure->scale;
                *low = fmin(*low, value);
                *high = fmax(*high, value);
                nl_text_add(out, "%d %d", x, y);
                nl_page_number(out, value);
                nl_text_add(out, " %d\n", mean.n);
            }
            if (!cell)
                nl_text_add(&failed, "%d %d 0 –\n", x, y);
            else if (cell->failed)
                nl_text_add(&failed, "%d %d %d %s\n", x, y, mean.n == 0, cell->failed == cell->trials ? "×" : "·×");
        }
    /* A block must not be empty: gnuplot warns of it; a point without a place draws nothing. */
    nl_text_add(out, "NaN NaN NaN 0\nEOD\n# column row nothing_left mark: failed runs, cells that are not in the grid\n$failed%d << EOD\n%sNaN NaN 0 -\nEOD\n", arm + 1,
                failed.length ? failed.at : "");
    nl_text_release(&failed);
    free(values);
}

static void put_lattice_ticks(struct nl_text *out, const char *axis, int count, const struct nl_comparison *view, bool labels, int most)
{
    int every = (count + most - 1) / most;
    nl_text_add(out, "set %stics (", axis);
    for (int i = 0; i < count; i++) {
        char *label = labels && i % every == 0
                          ? nl_format("%.3g", *axis == 'x' ? nl_comparison_x(view, i) : nl_comparison_y(view, i))
                          : nl_strdup("");
        nl_text_add(out, "%s'%s' %d", i ? ", " : "", label, i);
        free(label);
    }
    nl_text_add(out, ")\n");
}

static void put_panel(struct nl_page *page, const struct nl_comparison *view, int arm, int shown, double bar)
{
    struct nl_text *out = &page->script;
    int columns = shown < COLUMNS ? shown : COLUMNS, rows = (shown + columns - 1) / columns;
    int column = arm % columns, row = arm / columns;
    double area = page->right - bar - page->left, width = area / columns, height = (page->top - page->bottom) / rows;
    double whole = page->right - page->left;
    nl_page_panel(page, column * width / whole, ((column + 1) * width - 0.8 * page->font) / whole,
                  1.0 - ((row + 1) * height - (row + 1 < rows ? 1.0 * page->font : 0)) / (page->top - page->bottom),
                  1.0 - (row * height + 1.4 * page->font) / (page->top - page->bottom));
    nl_text_add(out, "set title ");
    nl_page_quote(out, view->arm[arm].label);
    nl_text_add(out, " offset 0,-0.9\n");
    bool below = arm + columns < shown; /* another panel stands under it */
    put_lattice_ticks(out, "x", view->points, view, !below, (int)(width / (3.0 * page->font)) > 0 ? (int)(width / (3.0 * page->font)) : 1);
    put_lattice_ticks(out, "y", view->rows, view, column == 0, view->rows);
    if (below)
        nl_text_add(out, "unset xlabel\n");
    else
        nl_page_axis_label(out, "x", nl_key_title(view->results->factor[view->x_factor].key), "");
    if (column == 0)
        nl_page_axis_label(out, "y", nl_key_title(view->results->factor[view->y_factor].key), "");
    else
        nl_text_add(out, "unset ylabel\n");
    nl_text_add(out, "plot $cell%d using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \\\n"
                     "     $failed%d using 1:($3 > 0 ? $2 : NaN):(0.5):(0.5) with boxxyerror fillstyle pattern 4 noborder linecolor rgb '#808080' notitle, \\\n"
                     "     $failed%d using 1:2:4 with labels font sprintf(',%%.3g', %.3g * pt) textcolor rgb '#D55E00' notitle\n",
                arm + 1, arm + 1, arm + 1, page->font);
    if (arm == 0) /* one scale for all panels */
        nl_text_add(out, "unset colorbox\n");
}

int nl_picture_heatmap(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    (void)err;
    const struct nl_config *config = &picture->experiment->config;
    const char *metric = nl_metric_names[config->plot.metric];
    int column = nl_table_column(&picture->results->table, metric);
    int rate = nl_results_factor(picture->results, "train.lr"), batch = nl_batch_factor(picture->results);
    if (rate < 0 || batch < 0 || column < 0) {
        nl_text_add(picture->note, "heatmap is not drawn: %s\n",
                    column < 0 ? "plot.metric was not evaluated" : "it needs several values of train.lr and of train.batch");
        return NL_OK;
    }
    struct nl_comparison view;
    struct nl_measure measure;
    nl_measure(metric, &measure);
    nl_comparison_make(picture->results, picture->experiment, rate, batch, &view);
    int shown = view.arms < MOST_PANELS ? view.arms : MOST_PANELS, rows = (shown + COLUMNS - 1) / COLUMNS;
    double width = config->plot.width * (shown > 1 ? 17.8 / 8.6 : 1.0); /* several panels: across both columns of the paper */
    nl_page_open(page, picture->experiment, "heatmap", "Metric over learning rate and batch size, a panel for each arm.", width,
                 config->plot.height * (0.45 + 0.55 * rows));
    double low = INFINITY, high = -INFINITY;
    for (int arm = 0; arm < shown; arm++)
        put_arm(picture, page, &view, arm, column, &measure, &low, &high);
    if (low > high)
        low = 0.0, high = 1.0;
    if (low == high)
        high = low + 1.0;

    struct nl_text caption = {0};
    nl_text_add(&caption, "Mean of n = %d seeds; hatched and ×: all runs failed; ·×: some failed and are in no mean if they diverged; –: not in the grid.",
                picture->results->seeds);
    if (view.arms > shown)
        nl_text_add(&caption, " %d of %d arms shown.", shown, view.arms);
    if (*config->plot.protocol)
        nl_text_add(&caption, " Protocol: %s.", config->plot.protocol);
    nl_page_frame(page, picture->experiment, caption.at, 0);
    nl_text_release(&caption);

    struct nl_text *out = &page->script;
    double bar = 7.5 * page->font;
    nl_text_add(out, "set palette cubehelix start 0.5 cycles -1.2 saturation 1\n"
                     "set cbrange [%.6g:%.6g]\nset colorbox user origin screen %.4f, screen %.4f size screen %.4f, screen %.4f\nset cblabel ",
                low, high + 0.12 * (high - low), /* the scale's end is white: no cell takes it */
                (page->right - bar + 1.2 * page->font) / page->width, page->bottom / page->height,
                1.0 * page->font / page->width, (page->top - page->bottom - 1.4 * page->font) / page->height);
    char *label = *measure.unit ? nl_format("%s (%s)", measure.name, measure.unit) : nl_strdup(measure.name);
    nl_page_quote(out, label);
    free(label);
    nl_text_add(out, " offset 1,0\n");
    nl_page_begin_panels(page);
    nl_text_add(out, "set border 15\nset xrange [-0.5:%d.5]\nset yrange [-0.5:%d.5]\n", view.points - 1, view.rows - 1);
    for (int arm = 0; arm < shown; arm++)
        put_panel(page, &view, arm, shown, bar);
    nl_text_add(out, "unset multiplot\n");
    if (view.arms > shown)
        nl_text_add(picture->note, "heatmap: %d of %d arms are drawn\n", shown, view.arms);
    nl_comparison_release(&view);
    return NL_OK;
}
