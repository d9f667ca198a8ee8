/* Heat maps: metric over rate x batch, a panel for each method, one colour scale for all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/marks.h"
#include "stats/estimate.h"

enum { MOST_PANELS = 12, COLUMNS = 3 };

/* Which blocks a method has: gnuplot warns of empty ones. */
struct blocks {
    bool cells, hatched, marks;
};

static bool put_block(struct nl_text *out, const char *about, const char *name, int method, struct nl_text *rows)
{
    bool any = rows->length > 0;
    if (any)
        nl_text_add(out, "# %s\n$%s%d << EOD\n%sEOD\n", about, name, method + 1, rows->at);
    nl_text_release(rows);
    return any;
}

/* Cells are squares of a lattice, since rates and batches are anything but evenly spaced. */
static struct blocks put_method(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, int method,
                             const struct nl_metric_column *metric, struct nl_span *span)
{
    struct nl_text cells = {0}, hatched = {0}, marks = {0};
    for (int y = 0; y < view->rows; y++)
        for (int x = 0; x < view->points; x++) {
            const struct nl_cell *cell = view->method[method].cell[y * view->points + x];
            struct nl_estimate mean = nl_cell_mean(picture->results, picture->experiment, cell, metric);
            if (mean.n > 0 && cell->diverged < cell->trials) {
                nl_span_add(span, mean.mean * metric->measure.scale);
                nl_text_add(&cells, "%d %d", x, y);
                nl_page_number(&cells, mean.mean * metric->measure.scale);
                nl_text_add(&cells, " %d\n", mean.n);
            } else if (cell && cell->trials > 0) {
                nl_text_add(&hatched, "%d %d\n", x, y);
            }
            if (!cell || cell->trials == 0 || cell->failed)
                nl_text_add(&marks, "%d %d %s\n", x, y, !cell ? "–" : cell->trials == 0 ? "?" : cell->failed == cell->trials ? "×" : "·×");
        }
    nl_page_comment(&page->script, view->method[method].label);
    return (struct blocks){put_block(&page->script, "column row mean n", "cell", method, &cells),
                           put_block(&page->script, "column row: no run has a value", "hatched", method, &hatched),
                           put_block(&page->script, "column row mark", "mark", method, &marks)};
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

static void put_panel(struct nl_page *page, const struct nl_comparison *view, const struct blocks *blocks, int method, int shown,
                      double bar)
{
    struct nl_text *out = &page->script;
    int columns = shown < COLUMNS ? shown : COLUMNS, rows = (shown + columns - 1) / columns;
    int column = method % columns, row = method / columns;
    double area = page->right - bar - page->left, width = area / columns, height = (page->top - page->bottom) / rows;
    double whole = page->right - page->left;
    nl_page_panel(page, column * width / whole, ((column + 1) * width - 0.8 * page->font) / whole,
                  1.0 - ((row + 1) * height - (row + 1 < rows ? 1.0 * page->font : 0)) / (page->top - page->bottom),
                  1.0 - (row * height + 1.4 * page->font) / (page->top - page->bottom));
    nl_text_add(out, "set title ");
    nl_page_quote(out, view->method[method].label);
    nl_text_add(out, " offset 0,-0.9\n");
    bool below = method + columns < shown; /* another panel stands under it */
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
    nl_text_add(out, "plot NaN notitle");
    if (blocks->cells)
        nl_text_add(out, ", \\\n     $cell%d using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette notitle", method + 1);
    if (blocks->hatched)
        nl_text_add(out, ", \\\n     $hatched%d using 1:2:(0.5):(0.5) with boxxyerror fillstyle pattern 4 noborder linecolor rgb '#808080' notitle",
                    method + 1);
    if (blocks->marks)
        nl_text_add(out, ", \\\n     $mark%d using 1:2:3 with labels font sprintf(',%%.3g', %.3g * pt) textcolor rgb '#D55E00' notitle", method + 1,
                    page->font);
    nl_text_add(out, "\n");
    if (method == 0) /* one scale for all panels */
        nl_text_add(out, "unset colorbox\n");
}

int nl_picture_heatmap(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    (void)err;
    const struct nl_config *config = &picture->experiment->config;
    const struct nl_metric_column metric = nl_metric_column(picture->results, nl_metric_names[config->plot.metric]);
    int rate = nl_results_factor(picture->results, "train.lr"), batch = nl_batch_factor(picture->results);
    if (rate < 0 || batch < 0 || metric.column < 0) {
        nl_text_add(picture->note, "heatmap is not drawn: %s\n",
                    metric.column < 0 ? "plot.metric was not evaluated" : "it needs several values of train.lr and of train.batch");
        return NL_OK;
    }
    struct nl_comparison view;
    nl_comparison_make(picture->results, picture->experiment, rate, batch, &view);
    int shown = view.methods < MOST_PANELS ? view.methods : MOST_PANELS, rows = (shown + COLUMNS - 1) / COLUMNS;
    double width = config->plot.width * (shown > 1 ? 17.8 / 8.6 : 1.0); /* several panels: across both columns of the paper */
    nl_page_open(page, picture->experiment, "heatmap", "Metric over learning rate and batch size, a panel for each method.", width,
                 config->plot.height * (0.45 + 0.55 * rows));
    struct nl_span span = {0};
    struct blocks blocks[MOST_PANELS];
    for (int method = 0; method < shown; method++)
        blocks[method] = put_method(picture, page, &view, method, &metric, &span);
    double low = span.any ? span.low : 0.0, high = span.any && span.high > span.low ? span.high : low + 1.0;

    struct nl_text caption = {0};
    nl_page_add_interval(&caption, picture, &metric, NULL);
    nl_page_add_diverged(&caption, picture, &metric);
    nl_text_add(&caption, " Hatched: all runs diverged; ×: all failed; ·×: some failed; –: not in the grid; ?: not run.");
    if (view.methods > shown)
        nl_text_add(&caption, " %d of %d methods shown.", shown, view.methods);
    if (*config->plot.protocol)
        nl_text_add(&caption, " Protocol: %s.", config->plot.protocol);
    nl_page_frame(page, picture->experiment, caption.at);
    nl_text_release(&caption);

    struct nl_text *out = &page->script;
    double bar = 7.5 * page->font;
    nl_text_add(out, "set palette cubehelix start 0.5 cycles -1.2 saturation 1\n"
                     "set cbrange [%.6g:%.6g]\nset colorbox user origin screen %.4f, screen %.4f size screen %.4f, screen %.4f\nset cblabel ",
                low, high + 0.12 * (high - low), /* the scale's end is white: no cell takes it */
                (page->right - bar + 1.2 * page->font) / page->width, page->bottom / page->height,
                1.0 * page->font / page->width, (page->top - page->bottom - 1.4 * page->font) / page->height);
    char *label = *metric.measure.unit ? nl_format("%s (%s)", metric.measure.name, metric.measure.unit) : nl_strdup(metric.measure.name);
    nl_page_quote(out, label);
    free(label);
    nl_text_add(out, " offset 1,0\n");
    nl_page_begin_panels(page);
    nl_text_add(out, "set border 15\nset xrange [-0.5:%d.5]\nset yrange [-0.5:%d.5]\n", view.points - 1, view.rows - 1);
    for (int method = 0; method < shown; method++)
        put_panel(page, &view, &blocks[method], method, shown, bar);
    nl_text_add(out, "unset multiplot\n");
    if (view.methods > shown)
        nl_text_add(picture->note, "heatmap: %d of %d methods are drawn\n", shown, view.methods);
    nl_comparison_release(&view);
    return NL_OK;
}
