/* Heat maps: the metric over two keys of the sweep, a panel for each combination of the others, one colour scale for
 * all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/chart.h"
#include "stats/answer.h"

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_chart chart;
    struct nl_drawn drawn;
    struct nl_ruler colours;
};

static struct nl_estimate mean_of(const struct drawing *d, const struct nl_cell *cell)
{
    return nl_cell_mean(d->picture->results, d->picture->experiment, cell, &d->drawn.metric);
}

static const struct nl_cell *cell_of(const struct drawing *d, int panel, int x, int y)
{
    return nl_chart_cell(&d->chart, panel, 0, y * d->chart.view.points + x);
}

/* Whether its mean is one of values: of a cell all of whose runs diverged it is not. */
static bool has_value(const struct drawing *d, const struct nl_cell *cell)
{
    return cell && cell->diverged < cell->trials && mean_of(d, cell).n > 0;
}

static double value_of(const struct drawing *d, const struct nl_cell *cell)
{
    return mean_of(d, cell).mean * d->drawn.metric.measure.scale;
}

/* From dark, which is bad, to light. */
static unsigned colour_of(const struct drawing *d, double value)
{
    double place = nl_ruler_place(&d->colours, value);
    return nl_scale_colour(d->drawn.metric.measure.worse > 0 ? 1.0 - place : place);
}

static bool is_dark(unsigned colour)
{
    return 0.299 * (colour >> 16 & 255) + 0.587 * (colour >> 8 & 255) + 0.114 * (colour & 255) < 130.0;
}

/* "2.3", "54": as many digits as a cell holds. */
static char *number_of(const struct drawing *d, double value)
{
    if (!d->drawn.metric.measure.share)
        return nl_format("%.2g", value);
    return nl_format(value < 9.95 ? "%.1f" : "%.0f", value);
}

struct rows {
    struct nl_text cells, hatched, texts, best;
};

static void add_text(struct nl_text *out, double x, double y, const char *text, unsigned colour)
{
    nl_text_add(out, "%g %g %s %u\n", x, y, text, colour);
}

static void add_cell(const struct drawing *d, struct rows *rows, int panel, int x, int y, bool numbers, bool both)
{
    const struct nl_cell *cell = cell_of(d, panel, x, y);
    if (!cell || cell->trials == 0) {
        add_text(&rows->texts, x, y, cell ? "?" : "–", 0);
        return;
    }
    bool valued = has_value(d, cell);
    double value = valued ? value_of(d, cell) : 0.0;
    unsigned ink = valued && is_dark(colour_of(d, value)) ? 0xFFFFFF : 0;
    if (valued) {
        nl_text_add(&rows->cells, "%d %d", x, y);
        nl_page_number(&rows->cells, value);
        nl_text_add(&rows->cells, " %d\n", mean_of(d, cell).n);
    } else {
        nl_text_add(&rows->hatched, "%d %d\n", x, y);
    }
    bool number = valued && numbers && (cell->failed == 0 || both);
    if (number) {
        char *text = number_of(d, value);
        add_text(&rows->texts, x, cell->failed ? y + 0.2 : y, text, ink);
        free(text);
    }
    if (cell->failed > 0) {
        char *text = nl_format("×%d", cell->failed);
        add_text(&rows->texts, x, number ? y - 0.24 : y, text, ink);
        free(text);
    }
}

/* Whether the cell can have the best mean: some run of it trained, and did not fail. */
static bool competes(const struct drawing *d, const struct nl_cell *cell)
{
    return has_value(d, cell) && cell->failed < cell->trials && !cell->untrained;
}

/* The best mean of the panel, of those that compete, as value_of with the sign of measure.worse; NAN: all of them have
 * the same. */
static double best_of(const struct drawing *d, int panel)
{
    const struct nl_comparison *view = &d->chart.view;
    double best = INFINITY, worst = -INFINITY;
    for (int i = 0; i < view->points * view->rows; i++) {
        const struct nl_cell *cell = cell_of(d, panel, i % view->points, i / view->points);
        if (competes(d, cell)) {
            best = fmin(best, d->drawn.metric.measure.worse * value_of(d, cell));
            worst = fmax(worst, d->drawn.metric.measure.worse * value_of(d, cell));
        }
    }
    return best < worst && !nl_tied(best, worst) ? best : NAN;
}

/* Frames all cells of the panel that have its best mean. */
static void add_best(const struct drawing *d, struct rows *rows, int panel)
{
    const struct nl_comparison *view = &d->chart.view;
    double best = best_of(d, panel);
    for (int i = 0; !isnan(best) && i < view->points * view->rows; i++) {
        const struct nl_cell *cell = cell_of(d, panel, i % view->points, i / view->points);
        if (competes(d, cell) && nl_tied(d->drawn.metric.measure.worse * value_of(d, cell), best))
            nl_text_add(&rows->best, "%d %d\n", i % view->points, i / view->points);
    }
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script;
    struct nl_box box = nl_page_box(page, panel);
    double width = (box.right - box.left) / d->chart.view.points, height = (box.top - box.bottom) / d->chart.view.rows;
    double size = fmin(0.9 * page->small, fmin(width / 2.1, height / 1.1));
    struct rows rows = {0};
    for (int y = 0; y < d->chart.view.rows; y++)
        for (int x = 0; x < d->chart.view.points; x++)
            add_cell(d, &rows, panel, x, y, size > 0.5 * page->small, height > 2.2 * size);
    add_best(d, &rows, panel);
    bool cells = nl_page_block(page, "cell", panel + 1, 0, "column row mean n", NULL, &rows.cells);
    bool hatched = nl_page_block(page, "hatched", panel + 1, 0, "column row: all runs diverged", NULL, &rows.hatched);
    bool best = nl_page_block(page, "best", panel + 1, 0, "column row: the best mean", NULL, &rows.best);
    bool texts = nl_page_block(page, "text", panel + 1, 0, "column row text colour", NULL, &rows.texts);
    nl_page_title(page, panel, d->chart.panel[panel].title);
    nl_chart_put_axes(&d->chart, panel);
    nl_text_add(out, "plot NaN notitle");
    if (cells)
        nl_page_plot(out, "$cell%d using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette",
                     panel + 1);
    if (hatched)
        nl_page_plot(
            out,
            "$hatched%d using 1:2:(0.5):(0.5) with boxxyerror fillstyle pattern 4 noborder linecolor rgb '#808080'",
            panel + 1);
    if (best)
        nl_page_plot(
            out,
            "$best%d using 1:2:(0.46):(0.46) with boxxyerror fillstyle empty linecolor rgb '#000000' linewidth 1.6",
            panel + 1);
    if (texts)
        nl_page_plot(out, "$text%d using 1:2:3:4 with labels font sprintf(',%%.3g', %.3g * pt) textcolor rgb variable",
                     panel + 1, fmax(size, 0.5 * page->small));
    nl_text_add(out, "\nunset colorbox\n"); /* one scale for all panels */
    nl_page_end_panel(page);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    const struct nl_comparison *view = &d->chart.view;
    bool failed = false, hatched = false, gap = false, missing = false, framed = false;
    for (int panel = 0; panel < d->chart.panels; panel++) {
        framed = framed || !isnan(best_of(d, panel));
        for (int i = 0; i < view->points * view->rows; i++) {
            const struct nl_cell *cell = cell_of(d, panel, i % view->points, i / view->points);
            gap = gap || !cell;
            missing = missing || (cell && cell->trials == 0);
            failed = failed || (cell && cell->failed > 0);
            hatched = hatched || (cell && cell->trials > 0 && !has_value(d, cell));
        }
    }
    nl_caption_means(page, d->picture, &d->drawn.metric, NULL);
    nl_caption_drawn(page, &d->drawn, d->picture->experiment);
    if (framed)
        nl_caption_add(
            page,
            "Frame: the best mean of a panel, or all that tie; it need not differ significantly from the others.");
    nl_caption_diverged(page, d->picture, &d->drawn.metric);
    if (failed)
        nl_caption_add(page, "×k: k runs failed (diverged, at chance, or ended with an error).");
    if (hatched)
        nl_caption_add(page, "Hatched: no run has a value.");
    if (gap)
        nl_caption_add(page, "–: not in the grid.");
    if (missing)
        nl_caption_add(page, "?: not run.");
    nl_caption_end(&d->chart);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    const struct nl_comparison *view = &d->chart.view;
    for (int panel = 0; panel < d->chart.panels; panel++)
        for (int i = 0; i < view->points * view->rows; i++) {
            const struct nl_cell *cell = cell_of(d, panel, i % view->points, i / view->points);
            if (has_value(d, cell))
                nl_chart_see(&d->chart, value_of(d, cell));
        }
    if (nl_chart_fit_scale(&d->chart, &d->drawn.metric.measure, &d->colours, err) != NL_OK)
        return NL_FAIL;
    /* Cells are squares of a lattice, since rates and batches are anything but evenly spaced. */
    if (nl_chart_fit_points(&d->chart, false, true, false, err) != NL_OK ||
        nl_chart_fit_points(&d->chart, true, true, false, err) != NL_OK)
        return NL_FAIL;
    put_caption(d);
    const struct nl_results *results = d->picture->results;
    char *x_label = nl_factor_title(&results->factor[view->x_factor]),
         *y_label = nl_factor_title(&results->factor[view->y_factor]);
    char *label = nl_drawn_label(&d->drawn);
    page->least_height = fmax(page->least_height, nl_text_width(label, page->font));
    int status = nl_chart_frame(&d->chart, x_label, y_label, err);
    if (status == NL_OK) {
        nl_chart_put_scale(&d->chart, &d->colours, d->drawn.metric.measure.worse > 0, d->drawn.column ? "good" : "high",
                           label);
        nl_text_add(&page->script, "unset border; set tics scale 0\n");
        for (int panel = 0; panel < d->chart.panels; panel++)
            put_panel(d, panel);
    }
    free(x_label);
    free(y_label);
    free(label);
    return status;
}

/* The axes: what the user names; the learning rate and the batch size; what varies first. */
static void choose_axes(const struct nl_picture *picture, int *x, int *y)
{
    const struct nl_results *results = picture->results;
    const struct nl_config *config = &picture->experiment->config;
    *x = nl_named_factor(results, config->plot.x);
    *y = nl_named_factor(results, config->plot.y);
    int rate = nl_named_factor(results, "train.lr"), batch = nl_batch_factor(results);
    if (*x < 0 && rate != *y)
        *x = rate;
    if (*y < 0 && batch != *x)
        *y = batch;
    for (int i = 0; i < results->factors; i++) {
        bool varies = results->factor[i].values > 1 && i != *x && i != *y;
        if (varies && *x < 0)
            *x = i;
        else if (varies && *y < 0)
            *y = i;
    }
}

int nl_picture_heatmap(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    struct drawing d = {.picture = picture, .page = page};
    const struct nl_config *config = &picture->experiment->config;
    bool by_colour = nl_quantity_find(config->plot.colour) < NL_QUANTITIES;
    char *why;
    int x, y,
        status = nl_drawn_load(picture, by_colour ? config->plot.colour : config->plot.y, &d.drawn, &why, err);
    choose_axes(picture, &x, &y);
    if (status != NL_OK || why || x < 0 || y < 0) {
        if (status == NL_OK)
            nl_picture_leave_out(picture, page, why ? why : "it needs two keys that vary");
        free(why);
        nl_drawn_release(&d.drawn);
        return status;
    }
    nl_chart_make(picture, x, y, NL_ASSIGN_TO_PANELS, page, &d.chart);
    status = draw(&d, err);
    nl_ruler_release(&d.colours);
    nl_chart_release(&d.chart);
    nl_drawn_release(&d.drawn);
    return status;
}
