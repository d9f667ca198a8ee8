/* Means over an axis of the sweep: with intervals, single seeds faint behind, and failed runs counted in a strip above. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "plot/chart.h"
#include "stats/rates.h"

/* What a kind of picture fixes; the rest is the user's. */
struct preset {
    const char *name, *about;
    bool falls;       /* the x axis, from left to right */
    bool evaluations; /* a line for each way in which running statistics were replaced */
    bool largest;     /* the largest usable rates are marked */
};

/* What is drawn in one colour and marker: an arm of the chart, in one of its evaluations. */
struct line {
    int arm, eval; /* eval 0: the one that is reported first */
    struct nl_metric_column metric;
    struct nl_style style;
};

struct drawing {
    const struct nl_picture *picture;
    const struct preset *preset;
    struct nl_page *page;
    struct nl_chart chart;
    struct nl_ruler x, y;
    struct nl_strip strip;
    struct nl_span span;
    const char *column; /* of the metric */
    enum nl_mark mark;
    struct line *line;
    int lines;
    double shift, start; /* of a line from the one before, and of the first: in places of the x axis */
    int zeros;           /* values that a logarithmic axis cannot show */
};

/* Points of the blocks of a panel: gnuplot warns of empty ones. */
struct blocks {
    int means, seeds;
    bool largest;
};

static double x_of(const struct drawing *d, int point)
{
    return d->x.words ? point : nl_comparison_x(&d->chart.view, point);
}

static void list_lines(struct drawing *d)
{
    const struct nl_int_list *evals = &d->picture->experiment->config.norm.eval;
    d->line = nl_alloc((size_t)(d->chart.arms * evals->count), sizeof *d->line);
    for (int arm = 0; arm < d->chart.arms; arm++) {
        int count = d->preset->evaluations && nl_norms[d->chart.arm[arm].norm]->tracks ? evals->count : 1;
        for (int eval = 0; eval < count; eval++) {
            char *column = nl_format("%s%s%s", d->column, eval ? "_" : "", eval ? nl_eval_names[evals->at[eval]] : "");
            struct line line = {arm, eval, nl_metric_column(d->picture->results, column), d->chart.arm[arm].style};
            free(column);
            if (line.metric.column < 0)
                continue;
            if (eval > 0) { /* an open marker for a filled one */
                line.style.marker -= line.style.marker % 2;
                line.style.dash = evals->at[eval] == NL_EVAL_PRECISE ? 2 : 3;
            }
            if (d->chart.arm[arm].reference)
                line.style.dash = 4;
            d->line[d->lines++] = line;
        }
    }
}

static char *label_of(const struct drawing *d, const struct line *line)
{
    const struct nl_arm *arm = &d->chart.arm[line->arm];
    const struct nl_int_list *evals = &d->picture->experiment->config.norm.eval;
    bool several = d->preset->evaluations && nl_norms[arm->norm]->tracks && evals->count > 1;
    return nl_format("%s%s%s%s", arm->label, several ? ", " : "", several ? nl_eval_names[evals->at[line->eval]] : "",
                     arm->reference ? " (reference)" : "");
}

static void put_legend(struct drawing *d)
{
    for (int i = 0; i < d->lines; i++) {
        const struct line *line = &d->line[i];
        bool reference = d->chart.arm[line->arm].reference;
        char *label = label_of(d, line);
        nl_page_style(d->page, i + 1, &line->style);
        if (d->lines > 1)
            nl_page_legend(d->page, i + 1, label, reference || d->mark == NL_MARK_LINES, !reference, line->style.dash);
        else if (*label)
            nl_caption_add(d->page, "%s.", label);
        free(label);
    }
    nl_page_thin_legend(d->page);
}

static int make_x(struct drawing *d, struct nl_error *err)
{
    const struct nl_comparison *view = &d->chart.view;
    const struct nl_factor *factor = &view->results->factor[view->x_factor];
    bool words = nl_factor_has_words(factor);
    double *at = nl_alloc((size_t)view->points, sizeof *at);
    char **label = nl_alloc((size_t)view->points, sizeof *label);
    for (int point = 0; point < view->points; point++) {
        at[point] = words ? point : nl_comparison_x(view, point);
        label[point] = words ? nl_level_label(d->picture->experiment, factor, view->x[point]) : nl_number_label(at[point]);
    }
    int status = nl_ruler_points(&d->x, at, label, view->points, words, d->preset->falls || d->preset->largest, &d->picture->experiment->config, err);
    nl_ruler_fit_labels(&d->x, nl_page_panel_width(d->page), d->page->small);
    double apart = 1.0;
    for (int point = 1; point < view->points; point++)
        apart = fmin(apart, fabs(nl_ruler_place(&d->x, at[point]) - nl_ruler_place(&d->x, at[point - 1])));
    if (d->preset->falls) {
        double low = d->x.low;
        d->x.low = d->x.high;
        d->x.high = low;
    }
    /* Lines stand side by side, near one another; bars touch. */
    d->shift = d->mark == NL_MARK_BARS ? 0.8 * apart / d->lines : fmin(0.55 * apart / d->lines, 0.55 * d->page->font / nl_page_panel_width(d->page));
    d->start = -0.5 * d->shift * (d->lines - 1);
    free(at);
    free(label);
    return status;
}

/* Where line `i` has its point, moved by a part of its own width. */
static double shifted(const struct drawing *d, int point, int i, double part)
{
    bool reference = d->chart.arm[d->line[i].arm].reference;
    return nl_ruler_value(&d->x, nl_ruler_place(&d->x, x_of(d, point)) + (reference ? 0.0 : d->start + d->shift * (i + part)));
}

static void put_x(struct nl_text *out, double x)
{
    nl_text_add(out, " %.6g", x); /* a place on the page, without the digits of its rounding */
}

static int put_means(struct drawing *d, int panel, int i)
{
    struct nl_text *out = &d->page->script;
    const struct line *line = &d->line[i];
    double scale = line->metric.measure.scale;
    int put = 0;
    char *label = label_of(d, line);
    nl_page_comment(out, d->mark == NL_MARK_BARS ? "x mean lower upper n left right" : "x mean lower upper n", label);
    free(label);
    nl_text_add(out, "$mean%d_%d << EOD\n", panel + 1, i + 1);
    for (int point = 0; point < d->chart.view.points; point++) {
        const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, line->arm, point);
        struct nl_estimate mean = nl_cell_mean(d->picture->results, d->picture->experiment, cell, &line->metric);
        if (!cell && d->picture->experiment->rounds.points)
            continue; /* a point that sweep.points gives to other methods is no gap in this one's line */
        if (mean.n > 0) {
            /* Where there is no interval an end at the mean draws none. */
            double row[] = {mean.mean * scale, (isnan(mean.lower) ? mean.mean : mean.lower) * scale, (isnan(mean.upper) ? mean.mean : mean.upper) * scale,
                            mean.n};
            put_x(out, shifted(d, point, i, 0.0));
            for (int k = 0; k < 4; k++)
                nl_page_number(out, row[k]);
            for (int side = -1; side <= 1 && d->mark == NL_MARK_BARS; side += 2)
                put_x(out, shifted(d, point, i, 0.46 * side));
            nl_span_add(&d->span, row[0]);
            nl_span_add_interval(&d->span, row[1], row[2]);
            d->zeros += !(row[0] > 0);
            put++;
        }
        nl_text_add(out, "\n"); /* a gap where there is no value, not a line across it */
    }
    nl_text_add(out, "EOD\n");
    return put;
}

static int put_seeds(struct drawing *d, int panel, int i)
{
    struct nl_text *out = &d->page->script;
    const struct line *line = &d->line[i];
    int seeds = d->picture->results->seeds, put = 0;
    if (line->eval > 0 || seeds < 2 || d->chart.arm[line->arm].reference)
        return 0;
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    struct nl_text rows = {0};
    for (int point = 0; point < d->chart.view.points; point++) {
        nl_cell_values(d->picture->results, nl_chart_cell(&d->chart, panel, line->arm, point), &line->metric, values);
        for (int seed = 0; seed < seeds; seed++) {
            if (!isfinite(values[seed]))
                continue;
            put_x(&rows, shifted(d, point, i, 0.0));
            nl_page_number(&rows, values[seed] * line->metric.measure.scale);
            nl_text_add(&rows, "\n");
            nl_span_add(&d->span, values[seed] * line->metric.measure.scale);
            d->zeros += !(values[seed] > 0);
            put++;
        }
    }
    if (put > 0)
        nl_text_add(out, "# x value: each seed\n$seeds%d_%d << EOD\n%sEOD\n", panel + 1, i + 1, rows.at);
    nl_text_release(&rows);
    free(values);
    return put;
}

/* Where the method stops training: its largest usable rate, at its mean there. */
static bool put_largest(struct drawing *d, int panel, int i)
{
    int method = d->chart.method[panel * d->chart.arms + d->line[i].arm];
    int point = d->preset->largest && method >= 0 ? nl_median_rate(&d->chart.view, method) : -1;
    const struct nl_metric_column *metric = &d->line[i].metric;
    struct nl_estimate mean = nl_cell_mean(d->picture->results, d->picture->experiment, point < 0 ? NULL : nl_comparison_cell(&d->chart.view, method, point), metric);
    if (mean.n == 0)
        return false;
    nl_text_add(&d->page->script, "# the largest usable rate\n$largest%d_%d << EOD\n", panel + 1, i + 1);
    put_x(&d->page->script, shifted(d, point, i, 0.0));
    nl_page_number(&d->page->script, mean.mean * metric->measure.scale);
    nl_text_add(&d->page->script, "\nEOD\n");
    return true;
}

/* The rows of a panel's strip. */
static struct nl_text failed_rows(const struct drawing *d, int panel)
{
    struct nl_text rows = {0};
    for (int point = 0; point < d->chart.view.points; point++) {
        int failed = 0, trials = 0;
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, point);
            if (!cell || d->chart.arm[arm].reference)
                continue;
            failed += cell->failed;
            trials += cell->trials;
            if (cell->failed == 0 || d->strip.summed)
                continue;
            nl_page_number(&rows, x_of(d, point));
            nl_text_add(&rows, " %d %d", d->strip.row[arm], cell->failed);
            nl_text_add(&rows, cell->trials == d->picture->results->seeds ? "" : "/%d", cell->trials);
            nl_text_add(&rows, " %u\n", d->chart.arm[arm].style.colour);
        }
        if (d->strip.summed && failed > 0) {
            nl_page_number(&rows, x_of(d, point));
            nl_text_add(&rows, " 1 %d/%d 0\n", failed, trials);
        }
    }
    return rows;
}

static void make_strip(struct drawing *d)
{
    bool *failed = nl_alloc((size_t)d->chart.arms, sizeof *failed);
    for (int panel = 0; panel < d->chart.panels; panel++)
        for (int arm = 0; arm < d->chart.arms; arm++)
            for (int point = 0; point < d->chart.view.points; point++) {
                const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, point);
                failed[arm] = failed[arm] || (cell && cell->failed > 0 && !d->chart.arm[arm].reference);
            }
    nl_strip_make(&d->strip, d->page, d->chart.arms, failed);
    free(failed);
}

/* What failed of methods to which the x axis does not apply: they have no place in the strip. */
static void tell_references(struct drawing *d)
{
    bool any = false;
    for (int arm = 0; arm < d->chart.arms; arm++) {
        if (!d->chart.arm[arm].reference)
            continue;
        if (!any)
            nl_caption_add(d->page, "Reference: %s does not apply, one set of runs.", d->picture->results->factor[d->chart.view.x_factor].key->name);
        any = true;
        int failed = 0, trials = 0;
        for (int panel = 0; panel < d->chart.panels; panel++) {
            const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
            failed += cell ? cell->failed : 0;
            trials += cell ? cell->trials : 0;
        }
        if (failed > 0)
            nl_caption_add(d->page, "%s: %d of %d runs failed.", d->chart.arm[arm].label, failed, trials);
    }
}

static void put_caption(struct drawing *d, bool seeds)
{
    struct nl_page *page = d->page;
    const struct nl_metric_column metric = nl_metric_column(d->picture->results, d->column);
    nl_caption_means(page, d->picture, &metric, "bars");
    if (seeds)
        nl_caption_add(page, "Points: single seeds.");
    if (nl_results_runs(d->picture->results).diverged > 0)
        nl_caption_add(page, metric.measure.share ? "A diverged run counts at chance." : "A diverged run is in no mean.");
    if (d->strip.rows == 0 && d->preset->largest)
        nl_caption_add(page, "No run failed.");
    if (d->strip.rows > 0)
        nl_caption_add(page, "Above: how many runs failed (diverged, at chance, or ended by an error)%s.",
                       d->strip.summed ? ", of all methods together" : d->strip.rows > 1 ? ", a row a method as in the legend" : "");
    if (d->preset->largest)
        nl_caption_add(page, "Ring: the largest rate that is usable for half of the seeds (0.95 of the best training accuracy with the same seed).");
    tell_references(d);
    if (d->y.log && d->zeros > 0)
        nl_caption_add(page, "Values of 0 are not shown on the logarithmic axis: %d.", d->zeros);
    if (d->span.lowest < d->y.low || d->span.highest > d->y.high)
        nl_caption_add(page, "Intervals that reach beyond the y axis are cut.");
    if (!d->span.any)
        nl_caption_add(page, "No run has a value.");
    nl_chart_tell_panels(&d->chart, page);
    nl_caption_end(page, d->picture);
}

static void put_panel(struct drawing *d, int panel, const struct blocks *blocks)
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
    const char *comma = ", \\\n     ";
    for (int pass = 0; pass < 6; pass++)
        for (int i = 0; i < d->lines; i++) {
            const struct blocks *block = &blocks[panel * d->lines + i];
            const struct nl_style *style = &d->line[i].style;
            bool reference = d->chart.arm[d->line[i].arm].reference;
            int a = panel + 1, b = i + 1;
            if (pass == 0 && d->mark == NL_MARK_BARS && block->means > 0)
                nl_text_add(out, "%s$mean%d_%d using 1:2:6:7:(0):2 with boxxyerror fillstyle solid 0.45 noborder linecolor rgb '#%06x' notitle", comma, a,
                            b, style->colour);
            else if (pass == 1 && block->seeds > 0)
                nl_text_add(out, "%s$seeds%d_%d using 1:2 with points pointtype 7 pointsize 0.25*dot linecolor rgb '#A0%06x' notitle", comma, a, b,
                            style->colour);
            else if (pass == 2 && block->means > 0 && (reference || d->mark == NL_MARK_LINES))
                nl_text_add(out, "%s$mean%d_%d using 1:2 with lines linestyle %d dashtype %d notitle", comma, a, b, b, style->dash);
            else if (pass == 3 && block->means > 0 && !reference)
                nl_text_add(out, "%s$mean%d_%d using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle %d notitle",
                            comma, a, b, b);
            else if (pass == 4 && block->means > 0 && !reference && d->mark != NL_MARK_BARS)
                nl_text_add(out, "%s$mean%d_%d using 1:2 with points linestyle %d notitle", comma, a, b, b);
            else if (pass == 5 && block->largest)
                nl_text_add(out, "%s$largest%d_%d using 1:2 with points pointtype 6 pointsize 1.3*dot linewidth 1 linecolor rgb '#%06x' notitle", comma, a,
                            b, style->colour);
        }
    nl_text_add(out, "\n");
    nl_page_end_panel(page);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    const struct nl_config *config = &d->picture->experiment->config;
    list_lines(d);
    if (make_x(d, err) != NL_OK)
        return NL_FAIL;
    for (int panel = 0; panel < d->chart.panels; panel++)
        nl_page_reserve_title(page, d->chart.panel[panel].title);
    make_strip(d);
    put_legend(d);
    struct blocks *blocks = nl_alloc((size_t)(d->chart.panels * d->lines), sizeof *blocks);
    bool seeds = false;
    for (int panel = 0; panel < d->chart.panels; panel++)
        for (int i = 0; i < d->lines; i++) {
            blocks[panel * d->lines + i] = (struct blocks){put_means(d, panel, i), put_seeds(d, panel, i), put_largest(d, panel, i)};
            seeds = seeds || blocks[panel * d->lines + i].seeds > 0;
        }
    const struct nl_measure *measure = &d->line[0].metric.measure;
    const struct nl_ruler_wish wish = {.may_be_log = measure->worse > 0, .share = measure->scale == 100.0, .from_zero = d->mark == NL_MARK_BARS};
    int status = nl_ruler_fit(&d->y, &d->span, &wish, config, err);
    if (status == NL_OK) {
        nl_ruler_ticks(&d->y, nl_page_panel_height(page), 1.7 * page->font);
        put_caption(d, seeds);
        char *x_title = nl_factor_title(&d->picture->results->factor[d->chart.view.x_factor]), *y_title = nl_metric_label(&d->line[0].metric, d->column);
        char *x_label = nl_format("%s%s", x_title, d->preset->falls ? ", from large to small" : "");
        status = nl_page_frame(page, x_label, y_title, nl_ruler_label_height(&d->x, page->small), nl_ruler_label_width(&d->y, page->small), err);
        free(x_title);
        free(y_title);
        free(x_label);
    }
    if (status == NL_OK) {
        nl_text_add(&page->script, "floor = %.6g # of the y axis: intervals that reach below it are cut there\n", d->y.low);
        for (int panel = 0; panel < d->chart.panels; panel++)
            put_panel(d, panel, blocks);
        nl_text_add(&page->script, "unset multiplot\n");
    }
    free(blocks);
    return status;
}

static int draw_points(const struct nl_picture *picture, const struct preset *preset, int x, const char *why_not, struct nl_page *page, struct nl_error *err)
{
    struct drawing d = {.picture = picture, .preset = preset, .page = page, .column = nl_drawn_metric(picture->experiment)};
    if (x < 0 || nl_table_column(&picture->results->table, d.column) < 0) {
        nl_text_add(picture->note, "%s is not drawn: %s\n", preset->name, x < 0 ? why_not : "plot.metric was not evaluated");
        return NL_OK;
    }
    d.mark = (enum nl_mark)picture->experiment->config.plot.mark;
    if (d.mark == NL_MARK_AUTO)
        d.mark = nl_factor_has_words(&picture->results->factor[x]) ? NL_MARK_DOTS : NL_MARK_LINES;
    nl_chart_make(picture, x, -1, NL_DEAL_COLOURS, &d.chart);
    nl_page_open(page, picture->experiment, preset->name, preset->about, d.chart.panels, d.chart.panels > 1 ? 1.25 : 1.6);
    int status = draw(&d, err);
    nl_ruler_release(&d.x);
    nl_ruler_release(&d.y);
    nl_strip_release(&d.strip);
    nl_chart_release(&d.chart);
    free(d.line);
    return status;
}

int nl_picture_small_batch(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {.name = "small_batch", .about = "Small-batch degradation: final error against the batch size.",
                                         .falls = true, .evaluations = true};
    return draw_points(picture, &preset, nl_batch_factor(picture->results), "neither train.batch nor norm.stat_batch has several values", page, err);
}

int nl_picture_lr_tolerance(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {.name = "lr_tolerance", .about = "Learning-rate tolerance: final metric and failed runs against the rate.",
                                         .largest = true};
    const char *why_not = NULL;
    int factor = nl_rate_factor(picture->results, &why_not);
    return draw_points(picture, &preset, factor, why_not, page, err);
}

int nl_picture_figure(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {.name = "figure", .about = "Final metric against an axis of the sweep."};
    const struct nl_results *results = picture->results;
    int factor = nl_named_factor(results, picture->experiment->config.plot.x);
    for (int pass = 0; pass < 2 && factor < 0; pass++) /* the first key with numbers, or else with words */
        for (int i = 0; i < results->factors && factor < 0; i++)
            if (results->factor[i].values > 1 && (pass > 0 || !nl_factor_has_words(&results->factor[i])))
                factor = i;
    return draw_points(picture, &preset, factor, "nothing varies", page, err);
}
