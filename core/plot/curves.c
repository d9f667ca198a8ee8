/* The metric over training: a line for each method, with a band or the single seeds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/chart.h"
#include "plot/series.h"
#include "stats/claim.h"
#include "stats/estimate.h"

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_series *series; /* [cells] */
    struct nl_chart chart;
    struct nl_metric_column metric; /* of a training curve, which is a mean over the batches of a window, without counts */
    struct nl_span span;
    struct nl_ruler x, y;
    struct nl_strip strip;
    bool band;         /* enough seeds for an interval; else each is drawn by itself */
    double first, end; /* of x, above 0 */
    int zeros;         /* values that a logarithmic axis cannot show */
};

static const struct nl_series *series_of(const struct drawing *d, int panel, int arm)
{
    const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
    return cell ? &d->series[cell - d->picture->results->cell] : NULL;
}

static void put_row(struct nl_text *out, const double *row, int count)
{
    for (int k = 0; k < count; k++)
        nl_page_number(out, row[k]);
    nl_text_add(out, "\n");
}

static void see(struct drawing *d, double x, double value)
{
    nl_span_add(&d->span, value);
    d->zeros += !(value > 0);
    d->first = x > 0 ? fmin(d->first, x) : d->first;
    d->end = fmax(d->end, x);
}

/* $line: the means over seeds. */
static void put_means(struct drawing *d, int panel, int arm, const struct nl_series *series)
{
    const struct nl_config *config = &d->picture->experiment->config;
    const struct nl_measure *measure = &d->metric.measure;
    struct nl_text *out = &d->page->script;
    double *values = nl_alloc((size_t)d->picture->results->seeds, sizeof *values);
    nl_page_comment(out, "x mean lower upper n", d->chart.arm[arm].label);
    nl_text_add(out, "$line%d_%d << EOD\n", panel + 1, arm + 1);
    for (int i = 0, next; i < series->count; i = next) {
        double x = 0.0, scale = measure->scale;
        for (next = i; next < series->count && series->at[next].step == series->at[i].step; next++) {
            x += series->at[next].x;
            values[next - i] = series->at[next].value / scale;
        }
        struct nl_estimate mean = nl_estimate(values, next - i, measure->share ? NL_SCALE_SHARE : NL_SCALE_REAL, &d->metric.sampling,
                                              config->plot.interval, config->plot.level);
        if (mean.n == 0) {
            nl_text_add(out, "\n"); /* a gap, not a line across it */
            continue;
        }
        double row[] = {x / (next - i), mean.mean * scale, (mean.n > 1 ? mean.lower : mean.mean) * scale,
                        (mean.n > 1 ? mean.upper : mean.mean) * scale, mean.n};
        put_row(out, row, 5);
        see(d, row[0], row[1]);
        if (d->band)
            nl_span_add_interval(&d->span, row[2], row[3]);
    }
    nl_text_add(out, "EOD\n");
    free(values);
}

/* $seeds: each by itself, with a blank line between them. */
static void put_seeds(struct drawing *d, int panel, int arm, const struct nl_series *series)
{
    struct nl_text *out = &d->page->script;
    nl_text_add(out, "# x value: seed after seed\n$seeds%d_%d << EOD\n", panel + 1, arm + 1);
    for (int seed = 0; seed < d->picture->results->seeds; seed++) {
        for (int i = 0; i < series->count; i++)
            if (series->at[i].seed == seed) {
                put_row(out, (const double[]){series->at[i].x, series->at[i].value}, 2);
                see(d, series->at[i].x, series->at[i].value);
            }
        nl_text_add(out, "\n");
    }
    nl_text_add(out, "EOD\n");
}

static void put_blocks(struct drawing *d)
{
    bool *failed = nl_alloc((size_t)d->chart.arms, sizeof *failed);
    for (int panel = 0; panel < d->chart.panels; panel++) {
        nl_page_reserve_title(d->page, d->chart.panel[panel].title);
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct nl_series *series = series_of(d, panel, arm);
            failed[arm] = failed[arm] || (series && series->failed > 0);
            for (int i = 0; series && i < series->failed; i++)
                d->end = fmax(d->end, series->failed_x[i]);
            if (!series || series->count == 0)
                continue;
            put_means(d, panel, arm, series);
            if (!d->band && d->picture->results->seeds > 1)
                put_seeds(d, panel, arm, series);
        }
    }
    nl_strip_make(&d->strip, d->page, d->chart.arms, failed);
    free(failed);
}

static void put_legend(struct drawing *d)
{
    for (int arm = 0; arm < d->chart.arms; arm++) {
        const struct nl_arm *at = &d->chart.arm[arm];
        nl_page_style(d->page, arm + 1, &at->style);
        if (d->chart.arms > 1)
            nl_page_legend(d->page, arm + 1, at->label, true, false, at->style.dash);
        else if (*at->label)
            nl_caption_add(d->page, "%s.", at->label);
    }
    nl_page_thin_legend(d->page);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    nl_caption_means(page, d->picture, &d->metric, d->band ? "band" : NULL);
    if (!d->band && d->picture->results->seeds > 1)
        nl_caption_add(page, "Thin: single seeds, which are too few for a band.");
    if (strcmp(d->metric.measure.part, "train") == 0)
        nl_caption_add(page, "Training batches as they were seen.");
    if (d->strip.rows > 0)
        nl_caption_add(page, "Above, ×: where a run diverged or was ended by an error; it is in no mean.");
    if (d->y.log && d->zeros > 0)
        nl_caption_add(page, "Values of 0 are not shown on the logarithmic axis: %d.", d->zeros);
    if (d->band && (d->span.lowest < d->y.low || d->span.highest > d->y.high))
        nl_caption_add(page, "Bands that reach beyond the y axis are cut.");
    if (!d->span.any)
        nl_caption_add(page, "No run has a value.");
    nl_chart_tell_panels(&d->chart, page);
    nl_caption_end(page, d->picture);
}

static struct nl_text failed_rows(const struct drawing *d, int panel)
{
    struct nl_text rows = {0};
    for (int arm = 0; arm < d->chart.arms; arm++) {
        const struct nl_series *series = series_of(d, panel, arm);
        for (int i = 0; series && i < series->failed; i++) {
            nl_page_number(&rows, series->failed_x[i]);
            nl_text_add(&rows, " %d × %u\n", d->strip.row[arm], d->chart.arm[arm].style.colour);
        }
    }
    return rows;
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script;
    nl_page_title(page, panel, d->chart.panel[panel].title);
    nl_ruler_put(&d->x, out, "x", nl_page_is_lowest(page, panel));
    struct nl_text rows = failed_rows(d, panel);
    nl_strip_draw(&d->strip, page, panel, &rows);
    nl_text_release(&rows);
    nl_chart_put_axes(page, panel, &d->x, &d->y);
    nl_text_add(out, "plot NaN notitle");
    for (int pass = 0; pass < 2; pass++)
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct nl_series *series = series_of(d, panel, arm);
            const struct nl_style *style = &d->chart.arm[arm].style;
            int a = panel + 1, b = arm + 1;
            if (!series || series->count == 0 || (pass == 0 && d->picture->results->seeds < 2))
                continue;
            nl_text_add(out, ", \\\n     ");
            if (pass == 0 && d->band)
                nl_text_add(out, "$line%d_%d using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#%06x' notitle",
                            a, b, style->colour);
            else if (pass == 0)
                nl_text_add(out, "$seeds%d_%d using 1:2 with lines linewidth 0.5 linecolor rgb '#90%06x' notitle", a, b, style->colour);
            else
                nl_text_add(out, "$line%d_%d using 1:2 with lines linestyle %d dashtype %d notitle", a, b, b, style->dash);
        }
    nl_text_add(out, "\n");
    nl_page_end_panel(page);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    const struct nl_config *config = &d->picture->experiment->config;
    const struct nl_measure *measure = &d->metric.measure;
    put_blocks(d);
    put_legend(d);
    const struct nl_ruler_wish wish = {.may_be_log = measure->worse > 0, .share = measure->scale == 100.0};
    if (nl_ruler_fit(&d->y, &d->span, &wish, config, err) != NL_OK || nl_ruler_from_zero(&d->x, d->first, d->end, false, config, err) != NL_OK)
        return NL_FAIL;
    nl_ruler_ticks(&d->y, nl_page_panel_height(page), 1.7 * page->font);
    nl_ruler_ticks(&d->x, nl_page_panel_width(page), nl_text_width("10000", page->small));
    put_caption(d);
    enum nl_x x = nl_series_x(d->picture->experiment);
    char *y_label = nl_metric_label(&d->metric, nl_series_metric(d->picture->experiment));
    int status = nl_page_frame(page, x == NL_X_SECONDS ? "seconds" : nl_x_names[x], y_label, nl_ruler_label_height(&d->x, page->small),
                               nl_ruler_label_width(&d->y, page->small), err);
    free(y_label);
    if (status != NL_OK)
        return status;
    nl_text_add(&page->script, "floor = %.6g # of the y axis: bands that reach below it are cut there\n", d->y.low);
    for (int panel = 0; panel < d->chart.panels; panel++)
        put_panel(d, panel);
    nl_text_add(&page->script, "unset multiplot\n");
    return NL_OK;
}

int nl_picture_curves(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    struct drawing d = {.picture = picture, .page = page, .band = picture->results->seeds >= NL_LEAST_PAIRS, .first = INFINITY};
    d.metric = nl_metric_column(picture->results, nl_series_metric(picture->experiment));
    if (strcmp(d.metric.measure.part, "train") == 0)
        d.metric.sampling = (struct nl_sampling){0};
    int status = nl_series_load(picture, &d.series, err), sightings = 0;
    if (status)
        return status;
    for (int i = 0; i < picture->results->cells; i++)
        sightings += d.series[i].count + d.series[i].failed;
    if (sightings == 0 || d.metric.column < 0) {
        nl_text_add(picture->note, "curves is not drawn: curves.csv has no %s\n", d.metric.measure.name);
    } else {
        nl_chart_make(picture, -1, -1, NL_DEAL_KIND, &d.chart);
        nl_page_open(page, picture->experiment, "curves", "The metric over training.", d.chart.panels, d.chart.panels > 1 ? 1.25 : 1.6);
        status = draw(&d, err);
        nl_ruler_release(&d.x);
        nl_ruler_release(&d.y);
        nl_strip_release(&d.strip);
        nl_chart_release(&d.chart);
    }
    nl_series_release(d.series, picture->results->cells);
    return status;
}
