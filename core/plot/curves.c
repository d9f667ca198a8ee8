/* The metric or a quantity of metrics.csv over training, or the quantity over the layers: a line for each method, with
 * a band, a ribbon or the single seeds. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "plot/chart.h"
#include "plot/series.h"
#include "stats/claim.h"
#include "stats/estimate.h"
#include "train/schedule.h"

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_series *series; /* [cells] */
    const struct nl_inside *inside; /* NULL: the lines are of the metric */
    bool layers;                    /* the x axis is the layers; else training */
    bool edges;                     /* the largest eigenvalue with which a training is stable is a line */
    int with_edge, without;         /* lines in all panels; cells that train otherwise */
    bool ribbon;                    /* bands are ribbons between the ends of what the lines are means of */
    struct nl_chart chart;
    struct nl_metric_column
        metric;        /* of a training curve, which is a mean over the batches of a window, without counts */
    bool single;       /* too few seeds for an interval: each is drawn by itself */
    bool band;         /* there are intervals, or ribbons */
    bool points;       /* an arm was evaluated once: neither a line nor a band would show that */
    double first, end; /* of x, above 0 */
    double *panel_end; /* [panels] */
};

static const struct nl_series *series_of(const struct drawing *d, int panel, int arm)
{
    const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
    return cell ? &d->series[cell - d->picture->results->cell] : NULL;
}

static bool is_point(const struct nl_series *series)
{
    return series->at[0].step == series->at[series->count - 1].step;
}

static void see_x(struct drawing *d, int panel, double x)
{
    d->end = fmax(d->end, x);
    d->panel_end[panel] = fmax(d->panel_end[panel], x);
}

static void see(struct drawing *d, int panel, double x, double value)
{
    nl_chart_see(&d->chart, value);
    d->first = x > 0 ? fmin(d->first, x) : d->first;
    see_x(d, panel, x);
}

static struct nl_estimate mean_of(const struct drawing *d, const double *values, int count)
{
    const struct nl_config *config = &d->picture->experiment->config;
    if (d->inside)
        return nl_inside_mean(d->inside->quantity, values, count, d->picture->results, d->picture->experiment);
    return nl_estimate(values, count, d->metric.measure.share ? NL_SCALE_SHARE : NL_SCALE_REAL, &d->metric.sampling,
                       nl_interval_of(config), config->plot.level);
}

/* The mean of the seeds, between the means of the ends of their ribbons. */
static struct nl_estimate around(const struct nl_sighting *at, int count, struct nl_estimate mean)
{
    double sum[2] = {0};
    for (int i = 0; i < count; i++) {
        sum[0] += at[i].low;
        sum[1] += at[i].high;
    }
    mean.lower = sum[0] / count;
    mean.upper = sum[1] / count;
    return mean;
}

/* $line: the means over seeds. */
static void put_means(struct drawing *d, int panel, int arm, const struct nl_series *series)
{
    struct nl_text rows = {0};
    double *values = nl_alloc((size_t)d->picture->results->seeds, sizeof *values);
    for (int i = 0, next; i < series->count; i = next) {
        double x = 0.0, scale = d->metric.measure.scale;
        for (next = i; next < series->count && series->at[next].step == series->at[i].step; next++) {
            x += series->at[next].x;
            values[next - i] = series->at[next].value / scale;
        }
        struct nl_estimate mean = mean_of(d, values, next - i);
        if (mean.n == 0) {
            nl_text_add(&rows, "\n"); /* a gap, not a line across it */
            continue;
        }
        if (d->ribbon)
            mean = around(&series->at[i], next - i, mean);
        bool wide = !isnan(mean.lower) &&
                    (d->ribbon || nl_picture_has_intervals(
                                      d->picture)); /* where there is no interval an end at the mean draws none */
        double row[] = {x / (next - i), mean.mean * scale, (wide ? mean.lower : mean.mean) * scale,
                        (wide ? mean.upper : mean.mean) * scale, mean.n};
        nl_page_row(&rows, row, 5);
        see(d, panel, row[0], row[1]);
        if (d->ribbon || (d->band && is_point(series))) /* whose bar has the whole room of the y axis */
            for (int end = 2; end <= 3; end++)
                see(d, panel, row[0], row[end]);
        else if (d->band)
            nl_span_add_interval(&d->chart.span, row[2], row[3]);
    }
    nl_page_block(d->page, "line", panel + 1, arm + 1, "x mean lower upper n", d->chart.arm[arm].label, &rows);
    free(values);
}

/* $seeds: each by itself, with a blank line between them. */
static void put_seeds(struct drawing *d, int panel, int arm, const struct nl_series *series)
{
    struct nl_text rows = {0};
    for (int seed = 0; seed < d->picture->results->seeds; seed++) {
        for (int i = 0; i < series->count; i++)
            if (series->at[i].seed == seed && !isfinite(series->at[i].value)) {
                nl_text_add(&rows, "\n"); /* a gap */
            } else if (series->at[i].seed == seed) {
                nl_page_row(&rows, (const double[]){series->at[i].x, series->at[i].value}, 2);
                see(d, panel, series->at[i].x, series->at[i].value);
            }
        nl_text_add(&rows, "\n");
    }
    nl_page_block(d->page, "seeds", panel + 1, arm + 1, "x value: seed after seed", NULL, &rows);
}

static void put_blocks(struct drawing *d)
{
    for (int panel = 0; panel < d->chart.panels; panel++)
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct nl_series *series = series_of(d, panel, arm);
            for (int i = 0; series && series->failed_x && i < series->failed; i++) {
                nl_chart_fail(&d->chart, panel, arm, series->failed_x[i], 1, 0);
                see_x(d, panel, series->failed_x[i]);
            }
            if (!series || series->count == 0 || nl_chart_block(&d->chart, panel) != panel)
                continue;
            d->points |= is_point(series);
            put_means(d, panel, arm, series);
            if (d->single)
                put_seeds(d, panel, arm, series);
        }
    nl_chart_make_strip(&d->chart);
}

/* 2 / rate, above which plain gradient descent with a constant rate is unstable along an eigenvector of the Hessian,
 * and with momentum 2 (1 + momentum) / rate (Cohen et al. 2021, section 2 and appendix B); NaN: there is no cell, or
 * its training is no such one, or takes parts of the data. */
static double edge_of(const struct drawing *d, const struct nl_cell *cell)
{
    if (!cell)
        return NAN;
    const struct nl_config config = nl_cell_config(d->picture->results, d->picture->experiment, cell);
    bool plain = config.train.optimizer == NL_SGD && !config.train.nesterov && config.train.schedule == NL_CONSTANT &&
                 config.train.warmup_steps == 0 && config.train.warmup_epochs == 0 && config.train.weight_decay == 0 &&
                 config.train.clip_norm == 0 && config.train.clip_value == 0 && config.train.agc == 0 &&
                 config.train.batch >= nl_data_counts(&config).train;
    return plain ? 2 * (1 + config.train.momentum) / nl_lr_base(&config) : NAN;
}

/* Writes the edges of a panel to out, [arms], each once; returns how many there are. */
static int find_edges(const struct drawing *d, int panel, double *out)
{
    int count = 0;
    for (int arm = 0; d->edges && arm < d->chart.arms; arm++) {
        double edge = edge_of(d, nl_chart_cell(&d->chart, panel, arm, 0));
        bool known = isnan(edge);
        for (int i = 0; i < count; i++)
            known |= out[i] == edge;
        if (!known)
            out[count++] = edge;
    }
    return count;
}

static void see_edges(struct drawing *d)
{
    double *edge = nl_alloc((size_t)d->chart.arms, sizeof *edge);
    for (int panel = 0; panel < d->chart.panels; panel++) {
        int count = find_edges(d, panel, edge);
        d->with_edge += count;
        for (int i = 0; i < count; i++)
            nl_chart_see(&d->chart, edge[i]);
    }
    for (int i = 0; d->edges && i < d->picture->results->cells; i++)
        d->without += isnan(edge_of(d, &d->picture->results->cell[i]));
    free(edge);
}

static void put_edges(const struct drawing *d, int panel)
{
    double *edge = nl_alloc((size_t)d->chart.arms, sizeof *edge);
    int count = find_edges(d, panel, edge);
    for (int i = 0; i < count; i++)
        nl_page_plot(&d->page->script, "%.10g with lines linewidth 1.5 dashtype 3 linecolor rgb '#404040'", edge[i]);
    free(edge);
}

/* Names the tensors and the step whose quantity is drawn, and says which runs and values are left out. */
static void say_inside(struct drawing *d)
{
    int64_t step = d->picture->experiment->config.plot.step;
    int failed = 0, left_out = 0;
    for (int i = 0; i < d->picture->results->cells; i++) {
        failed += d->series[i].failed;
        left_out += d->series[i].left_out;
    }
    nl_caption_inside(d->page, d->inside, d->picture->experiment);
    if (!d->layers && d->inside->tensors > 1)
        nl_caption_add(d->page, "Lines: means over the tensors.");
    if (d->layers)
        nl_caption_step(d->page, d->inside, d->picture->experiment);
    if (step == NL_AUTO && failed > 0)
        nl_caption_add(d->page, "%s that diverged or ended with an error %s no last step, and %s no mean.",
                       NL_COUNT(failed, "run"), nl_agree(failed, "has", "have"), nl_agree(failed, "enters", "enter"));
    if (left_out > 0)
        nl_caption_add(d->page, "Not drawn: %s that %s not finite%s.", NL_COUNT(left_out, "value"),
                       nl_agree(left_out, "is", "are"), d->metric.measure.by_ratio ? ", or 0" : "");
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    nl_caption_means(page, d->picture, &d->metric, !d->band || d->ribbon ? NULL : d->points ? "bars" : "band");
    if (d->ribbon && d->edges)
        nl_caption_add(page,
                       "Lines: the largest eigenvalue; shaded: down to the smallest of the five largest (means of the "
                       "seeds').");
    else if (d->ribbon)
        nl_caption_add(page, "Shaded: from the least to the largest value along the gradient, from 1/2 to 4 learning "
                             "rates (means of the seeds' ends); lines: their mean.");
    if (!d->ribbon)
        nl_caption_intervals(page, d->picture);
    if (d->single)
        nl_caption_add(page, "Thin lines: single seeds, which are too few for a band.");
    if (d->inside)
        say_inside(d);
    else if (strcmp(d->metric.measure.part, "train") == 0)
        nl_caption_add(page, "Training batches as they were seen.");
    if (d->with_edge > 0)
        nl_caption_add(page, "Dotted: 2 (1 + momentum) / rate; gradient descent is unstable along an eigenvector whose "
                             "eigenvalue lies above (Cohen et al. 2021).");
    if (d->edges && d->without > 0)
        nl_caption_add(page,
                       "%s no such line: %s not by plain gradient descent on all of the training data, at one rate "
                       "and without decay.",
                       d->with_edge > 0 ? "Others have" : "There is",
                       d->with_edge > 0 ? "they train" : "the training is");
    if (d->chart.strip.rows > 0)
        nl_caption_add(page, "Above, ×: a run diverged or ended with an error; it enters no mean.");
    nl_caption_unseen(&d->chart, d->band ? "Bands that reach beyond the y axis are cut." : NULL);
    nl_caption_end(&d->chart);
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script;
    nl_chart_begin_panel(&d->chart, panel);
    nl_text_add(out, "plot NaN notitle");
    for (int pass = 0; pass < 2; pass++)
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct nl_series *series = series_of(d, panel, arm);
            const struct nl_style *style = &d->chart.arm[arm].style;
            const char *behind = nl_role_line(nl_chart_role(&d->chart, panel, arm));
            int a = nl_chart_block(&d->chart, panel) + 1, b = arm + 1;
            if (!series || series->count == 0)
                continue;
            bool point = is_point(series);
            const char *sign = point ? "points pointtype 7 pointsize 0.25" : "lines";
            if (behind && pass == (nl_chart_role(&d->chart, panel, arm) == NL_ROLE_BASELINE))
                nl_page_plot(out, "$line%d_%d using 1:2 with %s %s", a, b, sign, behind);
            if (behind)
                continue;
            if (pass == 0 && d->band && point)
                nl_page_plot(out, "$line%d_%d using 1:2:($3 > floor ? $3 : floor):4 with yerrorbars linestyle %d", a, b,
                             b);
            else if (pass == 0 && d->band)
                nl_page_plot(out,
                             "$line%d_%d using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent "
                             "solid 0.18 noborder linecolor rgb '#%06x'",
                             a, b, style->colour);
            else if (pass == 0 && d->single)
                nl_page_plot(out, "$seeds%d_%d using 1:2 with %s linewidth 0.5 linecolor rgb '#90%06x'", a, b, sign,
                             style->colour);
            else if (pass == 1)
                nl_page_plot(out, "$line%d_%d using 1:2 with %s linestyle %d dashtype %d", a, b,
                             point ? "points" : "lines", b, style->dash);
        }
    put_edges(d, panel);
    nl_text_add(out, "\n");
    nl_page_end_panel(page);
}

static int fit_x(struct drawing *d, struct nl_error *err)
{
    if (!d->layers) {
        double room = d->points ? 1.02 : 1.0; /* for a sign */
        for (int panel = 0; panel < d->chart.panels; panel++)
            d->panel_end[panel] *= room;
        int training = nl_chart_fit_training(&d->chart, d->first, room * d->end, false, err);
        return training == NL_OK ? nl_chart_fit_each(&d->chart, d->first, d->panel_end, err) : training;
    }
    int status = nl_chart_fit_tensors(&d->chart, d->inside, &d->chart.x, err);
    nl_ruler_fit_labels(&d->chart.x, nl_page_panel_width(d->page), d->page->small);
    return status;
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    d->panel_end = nl_alloc((size_t)d->chart.panels, sizeof *d->panel_end);
    put_blocks(d);
    see_edges(d);
    nl_chart_legend(&d->chart, d->points);
    bool fits = nl_chart_fit_y(&d->chart, &d->metric.measure, false, err) == NL_OK && fit_x(d, err) == NL_OK;
    free(d->panel_end);
    if (!fits)
        return NL_FAIL;
    put_caption(d);
    enum nl_x x = d->inside ? NL_X_STEP : nl_series_x(d->picture->experiment);
    char *y_label = d->ribbon   ? nl_strdup(nl_inside_subject(d->inside))
                    : d->inside ? nl_inside_title(d->inside)
                                : nl_metric_label(&d->metric, nl_series_metric(d->picture->experiment));
    int status = nl_chart_frame(&d->chart,
                                d->layers           ? nl_inside_places(d->inside)
                                : x == NL_X_SECONDS ? "seconds"
                                                    : nl_x_names[x],
                                y_label, err);
    free(y_label);
    if (status == NL_OK)
        nl_text_add(&page->script, "floor = %.6g # of the y axis: bands that reach below it are cut there\n",
                    d->chart.y.low);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel);
    return status;
}

/* Whether the lines have bands, or every seed beside them. */
static void choose_spread(struct drawing *d)
{
    int seeds = d->picture->results->seeds;
    d->band = d->ribbon || (seeds >= NL_LEAST_PAIRS && nl_picture_has_intervals(d->picture));
    d->single = !d->ribbon && seeds > 1 && seeds < NL_LEAST_PAIRS;
    d->first = INFINITY;
}

/* Draws what a loader makes of a quantity. */
static int draw_inside(const struct nl_picture *picture, struct nl_page *page, const struct nl_inside *inside,
                       struct drawing d, struct nl_error *err)
{
    d.picture = picture;
    d.page = page;
    d.inside = inside;
    d.metric = (struct nl_metric_column){.measure = nl_inside_measure(inside->quantity), .chance = NAN};
    choose_spread(&d);
    nl_chart_make(picture, -1, -1, NL_ASSIGN_KIND, page, &d.chart);
    int status = draw(&d, err);
    nl_chart_release(&d.chart);
    nl_series_release(d.series, picture->results->cells);
    return status;
}

/* A quantity over the layers, in the step that plot.step names, or over training. */
static int draw_quantity(const struct nl_picture *picture, struct nl_page *page, enum nl_quantity quantity,
                         const struct nl_name_list *tensors, bool layers, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    struct nl_inside inside;
    int status = nl_inside_load(picture->results, tensors, quantity, &inside, err);
    if (status != NL_OK)
        return status;
    char *why = nl_inside_nothing(&inside, picture->results, layers ? config->plot.step : NL_AUTO);
    if (why)
        nl_picture_leave_out(picture, page, why);
    else
        status = draw_inside(picture, page, &inside,
                             (struct drawing){.layers = layers,
                                              .series = layers ? nl_series_of_depth(picture, &inside)
                                                               : nl_series_over_training(picture, &inside, NULL, NULL)},
                             err);
    free(why);
    nl_inside_release(&inside);
    return status;
}

int nl_picture_depth(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    return draw_quantity(picture, page, (enum nl_quantity)config->plot.quantity, &config->plot.tensors, true, err);
}

int nl_picture_signal(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_signal *signal = &nl_signals[page->part];
    return draw_quantity(picture, page, signal->quantity, &signal->tensors, true, err);
}

/* A line of one quantity of a tensor between its least and its largest element. usual: the tensor where plot.tensors
 * names none; aspect: what it must be of, else `what` says what it shows. */
static int draw_ribbon(const struct nl_picture *picture, struct nl_page *page, enum nl_quantity line, const char *usual,
                       enum nl_aspect aspect, const char *what, struct nl_error *err)
{
    const enum nl_quantity quantities[] = {line, NL_QUANTITY_least, NL_QUANTITY_most};
    const struct nl_name_list one = {.count = 1, .at = {(char *)(uintptr_t)usual}},
                              *named = &picture->experiment->config.plot.tensors;
    struct nl_inside inside[3] = {{0}};
    int status = NL_OK;
    for (int i = 0; status == NL_OK && i < 3; i++)
        status = nl_inside_load(picture->results, named->count ? named : &one, quantities[i], &inside[i], err);
    char *why = status == NL_OK ? nl_inside_nothing(&inside[0], picture->results, NL_AUTO) : NULL;
    if (!why && status == NL_OK && (inside[0].tensors > 1 || nl_observer_aspect(inside[0].tensor[0]) != aspect))
        why = nl_format("it shows %s, which plot.tensors names", what);
    if (why)
        nl_picture_leave_out(picture, page, why);
    else if (status == NL_OK)
        status = draw_inside(
            picture, page, &inside[0],
            (struct drawing){.ribbon = true,
                             .edges = line == NL_QUANTITY_most,
                             .series = nl_series_over_training(picture, &inside[0], &inside[1], &inside[2])},
            err);
    free(why);
    for (int i = 0; i < 3; i++)
        nl_inside_release(&inside[i]);
    return status;
}

int nl_picture_landscape(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    return draw_ribbon(picture, page, NL_QUANTITY_mean, "along:loss", NL_ALONG,
                       "one of along:loss, along:gradient and along:smoothness", err);
}

int nl_picture_spectrum(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    return draw_ribbon(picture, page, NL_QUANTITY_most, "hessian:eigenvalues", NL_CURVATURE,
                       "the eigenvalues of the Hessian, hessian:eigenvalues", err);
}

int nl_picture_curves(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    enum nl_quantity quantity = nl_quantity_find(config->plot.y);
    if (quantity < NL_QUANTITIES)
        return draw_quantity(picture, page, quantity, &config->plot.tensors, false, err);
    struct drawing d = {.picture = picture, .page = page};
    choose_spread(&d);
    d.metric = nl_metric_column(picture->results, nl_series_metric(picture->experiment));
    if (strcmp(d.metric.measure.part, "train") == 0)
        d.metric.sampling = (struct nl_sampling){0};
    bool there = d.metric.column >= 0 && nl_measure_column(&d.metric.measure);
    int cells = there ? picture->results->cells : 0, sightings = 0;
    int status = there ? nl_series_load(picture, &d.series, err) : NL_OK;
    if (status)
        return status;
    for (int i = 0; i < cells; i++)
        sightings += d.series[i].count + d.series[i].failed;
    if (sightings == 0) {
        char *why = nl_format("curves.csv has no %s", d.metric.measure.name);
        nl_picture_leave_out(picture, page, why);
        free(why);
    } else {
        nl_chart_make(picture, -1, -1, NL_ASSIGN_KIND, page, &d.chart);
        status = draw(&d, err);
        nl_chart_release(&d.chart);
    }
    nl_series_release(d.series, cells);
    return status;
}
