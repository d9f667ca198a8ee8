/* Metric against learning rate, with each arm's largest usable rate marked; below it the share of failed runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/marks.h"
#include "stats/estimate.h"
#include "stats/rates.h"

/* Points of an arm's blocks: gnuplot warns of empty ones. */
struct blocks {
    int means, seeds;
    bool largest;
};

/* Where the arm stops training: its largest usable rate, at its mean there. */
static bool put_largest(struct nl_page *page, const struct nl_picture *picture, const struct nl_comparison *view, int arm, int column,
                        const struct nl_measure *measure, double dodge)
{
    int point = nl_largest_rate(view, arm, NULL);
    double *values = nl_alloc((size_t)picture->results->seeds, sizeof *values);
    nl_cell_values(picture->results, point < 0 ? NULL : nl_comparison_cell(view, arm, point), column, values);
    struct nl_estimate mean = nl_estimate(values, picture->results->seeds, NL_INTERVAL_T, 0.95);
    free(values);
    if (mean.n == 0)
        return false;
    nl_text_add(&page->script, "# the largest usable rate\n$largest%d << EOD\n", arm + 1);
    nl_page_number(&page->script, nl_comparison_x(view, point) * dodge);
    nl_page_number(&page->script, mean.mean * measure->scale);
    nl_text_add(&page->script, "\nEOD\n");
    return true;
}

static void put_failure_share(struct nl_page *page, const struct nl_comparison *view, int arm, double dodge)
{
    nl_text_add(&page->script, "# x failed_percent\n$share%d << EOD\n", arm + 1);
    for (int point = 0; point < view->points; point++) {
        const struct nl_cell *cell = nl_comparison_cell(view, arm, point);
        if (cell) {
            nl_page_number(&page->script, nl_comparison_x(view, point) * dodge);
            nl_page_number(&page->script, 100.0 * cell->failed / cell->trials);
        }
        nl_text_add(&page->script, "\n");
    }
    nl_text_add(&page->script, "EOD\n");
}

static void put_data(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, int column,
                     const struct nl_measure *measure, double grid, struct nl_span *span, struct blocks *blocks)
{
    for (int arm = 0; arm < view->arms; arm++) {
        double dodge = nl_dodge(arm, view->arms, 0.3 * grid / view->arms);
        char *id = nl_format("%d", arm + 1);
        blocks[arm].means = nl_put_means(page, picture, view, arm, column, measure, dodge, id, span);
        blocks[arm].seeds = nl_put_seeds(page, picture, view, arm, column, measure, dodge, id, span);
        blocks[arm].largest = put_largest(page, picture, view, arm, column, measure, dodge);
        put_failure_share(page, view, arm, dodge);
        free(id);
        struct nl_style style = nl_arm_style(view, arm);
        nl_page_style(page, arm + 1, &style);
        nl_page_legend(page, arm + 1, "linespoints", view->arm[arm].label);
    }
}

static void put_upper(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, const struct blocks *blocks)
{
    struct nl_text *out = &page->script;
    nl_text_add(out, "plot NaN notitle");
    for (int arm = 0; arm < view->arms; arm++) {
        unsigned colour = nl_arm_style(view, arm).colour;
        if (blocks[arm].seeds > 0 && picture->results->seeds > 1)
            nl_text_add(out, ", \\\n     $seeds%d using 1:2 with points pointtype 7 pointsize 0.2 linecolor rgb '#B0%06x' notitle", arm + 1, colour);
        if (blocks[arm].means > 0)
            nl_text_add(out, ", \\\n     $mean%d using 1:2:($3 > floor ? $3 : floor):4 with yerrorlines linestyle %d notitle", arm + 1, arm + 1);
        if (blocks[arm].largest)
            nl_text_add(out, ", \\\n     $largest%d using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#%06x' notitle",
                        arm + 1, colour);
    }
    nl_text_add(out, "\n");
}

static void put_lower(struct nl_page *page, const struct nl_comparison *view)
{
    struct nl_text *out = &page->script;
    nl_text_add(out, "plot ");
    for (int arm = 0; arm < view->arms; arm++)
        nl_text_add(out, "%s$share%d using 1:2 with linespoints linestyle %d notitle", arm ? ", \\\n     " : "", arm + 1, arm + 1);
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

static int put_plot(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, int column,
                    struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    struct nl_text *out = &page->script;
    struct nl_measure measure;
    nl_measure(nl_metric_names[config->plot.metric], &measure);
    double least = nl_comparison_x(view, 0), most = nl_comparison_x(view, view->points - 1);
    double grid = log2(most / least) / (view->points - 1);
    struct nl_span span = {0};
    struct blocks *blocks = nl_alloc((size_t)view->arms, sizeof *blocks);
    put_data(picture, page, view, column, &measure, grid, &span, blocks);

    struct nl_text caption = {0};
    nl_page_add_interval(&caption, picture->experiment, picture->results->seeds);
    nl_text_add(&caption, "%s Ring: largest usable rate (median training accuracy at least 0.95 of the arm's best, no failed run). Failed:"
                          " diverged (in no mean) or dead.", picture->results->seeds > 1 ? " (bars); points: single seeds." : ".");
    if (*config->plot.protocol)
        nl_text_add(&caption, " Protocol: %s.", config->plot.protocol);
    nl_page_frame(page, picture->experiment, caption.at);
    nl_text_release(&caption);

    nl_text_add(out, "set logscale x\nset xrange [%.9g:%.9g]\n", least / exp2(0.4 * grid), most * exp2(0.4 * grid));
    nl_page_begin_panels(page);
    nl_page_panel(page, 0, 1, 0.36, 1);
    nl_page_yticks(page, &span);
    put_rate_ticks(page, view, false);
    nl_page_axis_label(out, "y", measure.name, measure.unit);
    nl_page_yscale(page, &span);
    const char *bottom = !span.any ? "0" : page->log_y ? "floor" : measure.worse > 0 ? "0<*" : "*";
    if (nl_page_yrange(page, picture->experiment, bottom, nl_span_top(&span, &measure), err) != NL_OK) {
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
    int column = nl_table_column(&picture->results->table, nl_metric_names[config->plot.metric]);
    const char *why = "plot.metric was not evaluated";
    int factor = nl_rate_factor(picture->results, &why);
    if (factor < 0 || column < 0) {
        nl_text_add(picture->note, "lr_tolerance is not drawn: %s\n", why);
        return NL_OK;
    }
    struct nl_comparison view;
    nl_comparison_make(picture->results, picture->experiment, factor, -1, &view);
    nl_page_open(page, picture->experiment, "lr_tolerance", "Learning-rate tolerance: final metric and failed runs against the rate.",
                 config->plot.width, config->plot.height * 1.25);
    int status = put_plot(picture, page, &view, column, err);
    nl_comparison_release(&view);
    return status;
}
