/* A quantity of metrics.csv as colours: layer by step, a panel for each method, one scale for all. */
#include <math.h>
#include <stdlib.h>

#include "plot/chart.h"

enum {
    MOST_BOXES = 12000, /* of a picture: more make a file that is slow to open */
    LEAST_COLUMNS = 12,
    MOST_COLUMNS = 64,
    MOST_NAMES = 24, /* layers that a panel grows for */
};
static const double overlap = 0.1;   /* of a box, under the next one: else the background shines through between them */
static const double tallest = 560.0; /* points: all panels, where the height is free */

struct drawing {
    struct nl_chart *chart;
    const struct nl_inside *inside;
    struct nl_measure measure;
    struct nl_ruler colours;
    int every;          /* of the steps that a cell has seen, each so manieth is drawn */
    double first, last; /* steps */
    bool gap, zero, diverged;
    int left_out; /* values of single runs that the mean of others is without */
};

static const struct nl_cell *cell_of(const struct drawing *d, int panel)
{
    return nl_chart_cell(d->chart, panel, 0, 0);
}

/* The mean over the seeds that have a value that it can hold: a geometric one no 0. zero: all that have a value are 0.
 * left_out: how many values it is without, where it is one. */
static double value_of(const struct drawing *d, const struct nl_cell *cell, int tensor, int step, bool *zero,
                       int *left_out)
{
    const struct nl_results *results = d->chart->picture->results;
    double *values = nl_alloc((size_t)results->seeds, sizeof *values);
    *zero = false;
    *left_out = 0;
    for (int seed = 0; seed < results->seeds; seed++) {
        values[seed] = nl_inside_value(d->inside, results, cell, seed, tensor, step);
        *zero |= values[seed] == 0;
        *left_out += !isnan(values[seed]) && !nl_inside_is_comparable(d->inside->quantity, values[seed]);
    }
    struct nl_estimate mean =
        nl_inside_mean(d->inside->quantity, values, results->seeds, results, d->chart->picture->experiment);
    free(values);
    *zero &= mean.n == 0;
    *left_out *= mean.n > 0;
    return mean.n > 0 ? mean.mean * d->measure.scale : NAN;
}

/* The steps of which some run of the cell has a value, as indices: one in `every` of them, and the last. */
static int steps_of(const struct drawing *d, const struct nl_cell *cell, int every, int *out)
{
    const struct nl_inside *inside = d->inside;
    int count = 0, kept = 0;
    for (int step = 0; step < inside->steps; step++) {
        bool seen = false;
        for (int i = 0; i < inside->seeds * inside->tensors && !seen; i++)
            seen = !isnan(nl_inside_value(inside, d->chart->picture->results, cell, i / inside->tensors,
                                          i % inside->tensors, step));
        if (seen)
            out[count++] = step;
    }
    for (int i = 0; i < count; i++)
        if (i % every == 0 || i == count - 1)
            out[kept++] = out[i];
    return kept;
}

/* As many columns as make a picture of reasonable size. */
static void choose_steps(struct drawing *d)
{
    int *steps = nl_alloc((size_t)d->inside->steps, sizeof *steps), longest = 1;
    for (int panel = 0; panel < d->chart->panels; panel++) {
        int count = cell_of(d, panel) ? steps_of(d, cell_of(d, panel), 1, steps) : 0;
        longest = count > longest ? count : longest;
        if (count > 0) {
            d->first = fmin(d->first, d->inside->step[steps[0]]);
            d->last = fmax(d->last, d->inside->step[steps[count - 1]]);
        }
    }
    free(steps);
    double columns = MOST_BOXES / (d->chart->panels * d->inside->tensors);
    columns = fmin(fmax(columns, LEAST_COLUMNS), MOST_COLUMNS);
    d->every = (int)ceil(longest / columns);
}

struct rows {
    struct nl_text boxes, zeros;
};

/* Column `at` of the steps: from the middle between it and the one before to that between it and the next. */
static void add_column(const struct drawing *d, struct rows *rows, const struct nl_cell *cell, const int *steps,
                       int count, int at)
{
    const int *step = d->inside->step;
    double here = step[steps[at]], before = at > 0 ? step[steps[at - 1]] : here,
           after = at + 1 < count ? step[steps[at + 1]] : here;
    double left = at > 0 ? (before + here) / 2 : fmax(d->chart->x.low, here - (after - here) / 2);
    double right = at + 1 < count ? (here + after) / 2 : fmax(here, left + 0.5);
    double beyond = at + 1 < count ? overlap * (right - left) : 0;
    for (int tensor = 0; tensor < d->inside->tensors; tensor++) {
        bool zero;
        int left_out;
        double value = value_of(d, cell, tensor, steps[at], &zero, &left_out);
        bool top = tensor + 1 == d->inside->tensors;
        double row[] = {(left + right) / 2,
                        tensor,
                        left,
                        right + beyond,
                        tensor - 0.5,
                        tensor + (top ? 0.5 : 0.5 + overlap),
                        value};
        if (isfinite(value))
            nl_page_row(&rows->boxes, row, 7);
        else if (zero)
            nl_page_row(&rows->zeros, row, 6);
    }
}

static void see_panel(struct drawing *d, int panel)
{
    const struct nl_cell *cell = cell_of(d, panel);
    int *steps = nl_alloc((size_t)d->inside->steps, sizeof *steps);
    int count = cell ? steps_of(d, cell, d->every, steps) : 0;
    for (int i = 0; i < count; i++)
        for (int tensor = 0; tensor < d->inside->tensors; tensor++) {
            bool zero;
            int left_out;
            double value = value_of(d, cell, tensor, steps[i], &zero, &left_out);
            d->zero |= zero;
            d->left_out += left_out;
            d->gap |= !zero && !isfinite(value);
            if (isfinite(value))
                nl_chart_see(d->chart, value);
        }
    d->gap |= count == 0;
    d->diverged |= cell && cell->diverged > 0;
    free(steps);
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->chart->page;
    struct nl_text *out = &page->script;
    const struct nl_cell *cell = cell_of(d, panel);
    int *steps = nl_alloc((size_t)d->inside->steps, sizeof *steps);
    int count = cell ? steps_of(d, cell, d->every, steps) : 0;
    struct rows rows = {0};
    for (int i = 0; i < count; i++)
        add_column(d, &rows, cell, steps, count, i);
    free(steps);
    bool boxes = nl_page_block(page, "box", panel + 1, 0, "step layer left right bottom top value", NULL, &rows.boxes);
    bool zeros = nl_page_block(page, "zero", panel + 1, 0, "step layer left right bottom top: 0", NULL, &rows.zeros);
    nl_chart_begin_panel(d->chart, panel);
    nl_text_add(out, "plot NaN notitle");
    if (boxes)
        nl_page_plot(out, "$box%d using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette",
                     panel + 1);
    if (zeros)
        nl_page_plot(out, "$zero%d using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#C0C0C0'",
                     panel + 1);
    nl_text_add(out, "\nunset colorbox\n"); /* one scale for all panels */
    nl_page_end_panel(page);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->chart->page;
    nl_caption_means(page, d->chart->picture, &(struct nl_metric_column){.measure = d->measure}, NULL);
    nl_caption_inside(page, d->inside, d->chart->picture->experiment);
    if (d->every > 1)
        nl_caption_add(page, "Of the steps that metrics.csv has, one in %d is drawn.", d->every);
    if (d->diverged)
        nl_caption_add(page, "Runs that diverged are shown up to where they ended.");
    if (d->zero)
        nl_caption_add(page, "Grey: 0 in all runs.");
    if (d->left_out > 0)
        nl_caption_add(page, "Means are without %s of single runs that %s not finite%s.",
                       NL_COUNT(d->left_out, "value"), nl_agree(d->left_out, "is", "are"),
                       d->measure.by_ratio ? ", or 0" : "");
    if (d->gap)
        nl_caption_add(page, "White: no such tensor, or no run has a finite value.");
    nl_caption_end(d->chart);
}

/* A row for each layer: where the page's height is free, panels are as high as their names need. */
static void choose_height(struct drawing *d)
{
    struct nl_page *page = d->chart->page;
    double names = fmin(d->inside->tensors, MOST_NAMES) * 1.1 * page->small;
    double height = fmin(fmax(names, nl_page_panel_height(page)), tallest / page->rows - page->title);
    page->aspect = nl_page_panel_width(page) / fmax(height, 4.0 * page->small);
}

static int draw_layers(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->chart->page;
    choose_height(d);
    choose_steps(d);
    for (int panel = 0; panel < d->chart->panels; panel++)
        see_panel(d, panel);
    if (nl_chart_fit_scale(d->chart, &d->measure, &d->colours, err) != NL_OK ||
        nl_chart_fit_training(d->chart, d->first, d->last, false, err) != NL_OK ||
        nl_chart_fit_tensors(d->chart, d->inside, &d->chart->y, err) != NL_OK)
        return NL_FAIL;
    nl_ruler_fit_rows(&d->chart->y, nl_page_panel_height(page), page->small);
    put_caption(d);
    char *label = nl_inside_title(d->inside);
    page->least_height = fmax(page->least_height, nl_text_width(label, page->font));
    int status = nl_chart_frame(d->chart, "step", "", err);
    if (status == NL_OK) {
        nl_chart_put_scale(d->chart, &d->colours, false, "high", label);
        nl_text_add(&page->script, "unset border; set tics scale 0\n");
        for (int panel = 0; panel < d->chart->panels; panel++)
            put_panel(d, panel);
    }
    free(label);
    return status;
}

static int draw(struct nl_chart *chart, const struct nl_inside *inside, struct nl_error *err)
{
    struct drawing d = {
        .chart = chart, .inside = inside, .measure = nl_inside_measure(inside->quantity), .first = INFINITY};
    int status = draw_layers(&d, err);
    nl_ruler_release(&d.colours);
    return status;
}

int nl_picture_layers(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    return nl_draw_panels(picture, page, &config->plot.tensors, (enum nl_quantity)config->plot.quantity, NL_AUTO, draw,
                          err);
}
