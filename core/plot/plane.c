/* The loss in a plane of the parameters as colours (log.layers planes), a panel for each method, one scale for all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/chart.h"

struct drawing {
    struct nl_chart *chart;
    const struct nl_inside *inside;
    struct nl_measure measure;
    struct nl_ruler colours;
    int infinite; /* points of a panel at which no run has a finite loss */
};

/* Where a point lies, by its name: "plane:-0.8/+0.2". */
static bool read_point(const char *name, double at[2])
{
    return nl_observer_aspect(name) == NL_PLANE && sscanf(name, "plane:%lf/%lf", &at[0], &at[1]) == 2;
}

/* The mean over the seeds whose loss there is finite, in the step that plot.step names. */
static double value_of(const struct drawing *d, const struct nl_cell *cell, int tensor)
{
    const struct nl_results *results = d->chart->picture->results;
    const struct nl_experiment *experiment = d->chart->picture->experiment;
    double *values = nl_alloc((size_t)results->seeds, sizeof *values);
    for (int seed = 0; seed < results->seeds; seed++) {
        int step = cell ? nl_inside_step_of(d->inside, results, experiment, cell, seed) : -1;
        values[seed] = step < 0 ? NAN : nl_inside_value(d->inside, results, cell, seed, tensor, step);
    }
    struct nl_estimate mean = nl_inside_mean(d->inside->quantity, values, results->seeds, results, experiment);
    free(values);
    return mean.n > 0 ? mean.mean : NAN;
}

static const struct nl_cell *cell_of(const struct drawing *d, int panel)
{
    return nl_chart_cell(d->chart, panel, 0, 0);
}

/* Returns whether all losses are above 0. */
static bool see_values(struct drawing *d)
{
    bool positive = true;
    for (int panel = 0; panel < d->chart->panels; panel++)
        for (int i = 0; i < d->inside->tensors; i++) {
            double value = value_of(d, cell_of(d, panel), i);
            d->infinite += !isfinite(value);
            positive &= !(value <= 0);
            if (isfinite(value))
                nl_chart_see(d->chart, value);
        }
    return positive;
}

/* The side of a box: the distance from a point to its neighbours. */
static const double side = 2.0 / (NL_PLANE_SIDE - 1);

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->chart->page;
    struct nl_text rows = {0};
    for (int i = 0; i < d->inside->tensors; i++) {
        double at[2], value = value_of(d, cell_of(d, panel), i);
        if (read_point(d->inside->tensor[i], at) && isfinite(value))
            nl_page_row(&rows, (const double[]){at[0], at[1], value}, 3);
    }
    bool any = nl_page_block(page, "plane", panel + 1, 0, "first second loss", NULL, &rows);
    nl_chart_begin_panel(d->chart, panel);
    nl_text_add(&page->script, "plot NaN notitle");
    if (any)
        nl_page_plot(&page->script,
                     "$plane%d using 1:2:(%.3g):(%.3g):3 with boxxyerror fillstyle solid noborder linecolor palette",
                     panel + 1, 0.52 * side,
                     0.52 * side); /* a little over the next: else the background shines through */
    nl_page_plot(&page->script, "'+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF'");
    nl_text_add(&page->script, "\nunset colorbox\n"); /* one scale for all panels */
    nl_page_end_panel(page);
}

/* Both axes are the factors of the directions. */
static int fit_axis(const struct drawing *d, struct nl_ruler *ruler, double room, struct nl_error *err)
{
    double at[NL_PLANE_SIDE];
    char **label = nl_alloc(NL_PLANE_SIDE, sizeof *label);
    for (int i = 0; i < NL_PLANE_SIDE; i++) {
        at[i] = nl_slice_factor(i, NL_PLANE_SIDE);
        label[i] = nl_format("%.1f", at[i]);
    }
    int status =
        nl_ruler_points(ruler, at, label, NL_PLANE_SIDE, false, false, &d->chart->picture->experiment->config, err);
    free(label);
    if (status != NL_OK)
        return status;
    ruler->low = -1 - side / 2;
    ruler->high = 1 + side / 2;
    nl_ruler_ticks(ruler, room, 4.0 * d->chart->page->small);
    return NL_OK;
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->chart->page;
    nl_caption_means(page, d->chart->picture, &(struct nl_metric_column){.measure = d->measure}, NULL);
    nl_caption_inside(page, d->inside, d->chart->picture->experiment);
    nl_caption_add(page, "Cross: the parameters.");
    nl_caption_step(page, d->inside, d->chart->picture->experiment);
    if (d->infinite > 0)
        nl_caption_add(page, "White: %s at which no run has a finite loss.", NL_COUNT(d->infinite, "point"));
    nl_caption_end(d->chart);
}

static int draw_plane(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->chart->page;
    page->aspect = 1;
    struct nl_measure scaled = d->measure;
    scaled.by_ratio = see_values(d); /* a loss that grows by orders of magnitude has logarithmic colours */
    if (nl_chart_fit_scale(d->chart, &scaled, &d->colours, err) != NL_OK ||
        fit_axis(d, &d->chart->x, nl_page_panel_width(page), err) != NL_OK ||
        fit_axis(d, &d->chart->y, nl_page_panel_height(page), err) != NL_OK)
        return NL_FAIL;
    put_caption(d);
    int status = nl_chart_frame(d->chart, "first direction (lengths of the filters)", "second direction", err);
    if (status != NL_OK)
        return status;
    nl_chart_put_scale(d->chart, &d->colours, false, "high", "loss");
    for (int panel = 0; panel < d->chart->panels; panel++)
        put_panel(d, panel);
    return NL_OK;
}

static int draw(struct nl_chart *chart, const struct nl_inside *inside, struct nl_error *err)
{
    struct drawing d = {.chart = chart, .inside = inside, .measure = nl_inside_measure(inside->quantity)};
    int status = draw_plane(&d, err);
    nl_ruler_release(&d.colours);
    return status;
}

int nl_picture_plane(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct nl_name_list planes = {.count = 1, .at = {(char *)(uintptr_t) "plane:*"}};
    return nl_draw_panels(picture, page, &planes, NL_QUANTITY_mean, picture->experiment->config.plot.step, draw, err);
}
