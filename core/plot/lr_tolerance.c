/* Metric against learning rate, with each method's largest usable rate marked; below it the share of failed runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/marks.h"
#include "stats/estimate.h"
#include "stats/rates.h"

/* Points of a method's blocks: gnuplot warns of empty ones. */
struct blocks {
    int means, seeds;
    bool largest;
};

/* Where the method stops training: its largest usable rate, at its mean there. */
static bool put_largest(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int method,
                        const struct nl_metric_column *metric, double dodge)
{
    int point = nl_median_rate(view, method);
    struct nl_estimate mean = nl_cell_mean(picture->results, picture->experiment, point < 0 ? NULL : nl_comparison_cell(view, method, point), metric);
    if (mean.n == 0)
        return false;
    nl_text_add(&page->script, "# the largest usable rate\n$largest%d << EOD\n", method + 1);
    nl_page_number(&page->script, nl_comparison_x(view, point) * dodge);
    nl_page_number(&page->script, mean.mean * metric->measure.scale);
    nl_text_add(&page->script, "\nEOD\n");
    return true;
}

static void put_failure_share(struct nl_page *page, const struct nl_comparison *view, int method, double dodge)
{
    nl_text_add(&page->script, "# x failed_percent\n$share%d << EOD\n", method + 1);
    for (int point = 0; point < view->points; point++) {
        const struct nl_cell *cell = nl_comparison_cell(view, method, point);
        if (cell && cell->trials > 0) {
            nl_page_number(&page->script, nl_comparison_x(view, point) * dodge);
            nl_page_number(&page->script, 100.0 * cell->failed / cell->trials);
        }
        nl_text_add(&page->script, "\n");
    }
    nl_text_add(&page->script, "EOD\n");
}

static void put_data(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view,
                     const struct nl_metric_column *metric, double grid, struct nl_span *span, struct blocks *blocks)
{
    for (int method = 0; method < view->methods; method++) {
        double dodge = nl_dodge(method, view->methods, 0.3 * grid / view->methods);
        char *id = nl_format("%d", method + 1);
        blocks[method].means = nl_put_means(page, picture, view, method, metric, dodge, id, span);
        blocks[method].seeds = nl_put_seeds(page, picture, view, method, metric, dodge, id, span);
        blocks[method].largest = put_largest(page, picture, view, method, metric, dodge);
        put_failure_share(page, view, method, dodge);
        free(id);
        struct nl_style style = nl_method_style(view, method);
        nl_page_style(page, method + 1, &style);
        nl_page_legend(page, method + 1, "linespoints", view->method[method].label);
    }
}

static void put_upper(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, const struct blocks *blocks)
{
    struct nl_text *out = &page->script;
    nl_text_add(out, "plot NaN notitle");
    for (int method = 0; method < view->methods; method++) {
        unsigned colour = nl_method_style(view, method).colour;
        if (blocks[method].seeds > 0 && picture->results->seeds > 1)
            nl_text_add(out, ", \\\n     $seeds%d using 1:2 with points pointtype 7 pointsize 0.2 linecolor rgb '#B0%06x' notitle", method + 1, colour);
        if (blocks[method].means > 0)
            nl_text_add(out, ", \\\n     $mean%d using 1:2:($3 > floor ? $3 : floor):4 with yerrorlines linestyle %d notitle", method + 1, method + 1);
        if (blocks[method].largest)
            nl_text_add(out, ", \\\n     $largest%d using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#%06x' notitle",
                        method + 1, colour);
    }
    nl_text_add(out, "\n");
}

static void put_lower(struct nl_page *page, const struct nl_comparison *view)
{
    struct nl_text *out = &page->script;
    nl_text_add(out, "plot ");
    for (int method = 0; method < view->methods; method++)
        nl_text_add(out, "%s$share%d using 1:2 with linespoints linestyle %d notitle", method ? ", \\\n     " : "", method + 1, method + 1);
    nl_text_add(out, "\nunset multiplot\n");
}

/* Few enough tick labels for the width: of many rates only every second, third, ... one is written. */
static void put_rate_ticks(struct nl_page *page, const struct nl_comparison *view, bool labels)
{
    int most = (int)((page->right - page->left) / (3.1 * page->font));
    int every = (view->points + most - 1) / (most > 0 ? most : 1);
    nl_text_add(&page->script, "set xtics (");
    for (int point = 0; point < view->points; point++) {
        double x = nl_comparison_x(view, point);
        bool shown = labels && point % (every > 0 ? every : 1) == 0;
        char *label = shown ? nl_format("%.3g", x) : nl_strdup("");
        nl_text_add(&page->script, "%s'%s' %.9g", point ? ", " : "", label, x);
        free(label);
    }
    nl_text_add(&page->script, ")\n");
}

static int put_plot(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view,
                    const struct nl_metric_column *metric, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    struct nl_text *out = &page->script;
    const struct nl_measure *measure = &metric->measure;
    double least = nl_comparison_x(view, 0), most = nl_comparison_x(view, view->points - 1);
    double grid = log2(most / least) / (view->points - 1);
    struct nl_span span = {0};
    struct blocks *blocks = nl_alloc((size_t)view->methods, sizeof *blocks);
    put_data(picture, page, view, metric, grid, &span, blocks);

    struct nl_text caption = {0};
    nl_page_add_interval(&caption, picture, metric, "bars");
    if (picture->results->seeds > 1)
        nl_text_add(&caption, " Points: single seeds.");
    nl_page_add_diverged(&caption, picture, metric);
    nl_text_add(&caption, " Ring: the largest rate that is usable for half of the seeds (0.95 of the best training accuracy with the same seed). Failed: diverged or at chance.");
    if (*config->plot.protocol)
        nl_text_add(&caption, " Protocol: %s.", config->plot.protocol);
    nl_page_frame(page, picture->experiment, caption.at);
    nl_text_release(&caption);

    nl_text_add(out, "set logscale x\nset xrange [%.9g:%.9g]\n", least / exp2(0.4 * grid), most * exp2(0.4 * grid));
    nl_page_begin_panels(page);
    nl_page_panel(page, 0, 1, 0.36, 1);
    nl_page_yticks(page, &span);
    put_rate_ticks(page, view, false);
    nl_page_axis_label(out, "y", measure->name, measure->unit);
    nl_page_yscale(page, &span);
    const char *bottom = !span.any ? "0" : page->log_y ? "floor" : measure->worse > 0 ? "0<*" : "*";
    if (nl_page_yrange(page, picture->experiment, bottom, nl_span_top(&span, measure), err) != NL_OK) {
        free(blocks);
        return NL_FAIL;
    }
    put_upper(picture, page, view, blocks);
    free(blocks);
    nl_text_add(out, "# failed runs\n");
    nl_page_panel(page, 0, 1, 0, 0.28);
    put_rate_ticks(page, view, true);
    const char *name = nl_key_title(picture->results->factor[view->x_factor].key);
    nl_page_axis_label(out, "x", name, "");
    nl_page_axis_label(out, "y", "failed", "%");
    nl_text_add(out, "unset logscale y\nset yrange [-6:106]\nset ytics 0,50,100\n");
    put_lower(page, view);
    return NL_OK;
}

int nl_picture_lr_tolerance(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    const struct nl_metric_column metric = nl_metric_column(picture->results, nl_metric_names[config->plot.metric]);
    const char *why = "plot.metric was not evaluated";
    int factor = nl_rate_factor(picture->results, &why);
    if (factor < 0 || metric.column < 0) {
        nl_text_add(picture->note, "lr_tolerance is not drawn: %s\n", why);
        return NL_OK;
    }
    struct nl_comparison view;
    nl_comparison_make(picture->results, picture->experiment, factor, -1, &view);
    nl_page_open(page, picture->experiment, "lr_tolerance", "Learning-rate tolerance: final metric and failed runs against the rate.",
                 config->plot.width, config->plot.height * 1.25);
    int status = put_plot(picture, page, &view, &metric, err);
    nl_comparison_release(&view);
    return status;
}
