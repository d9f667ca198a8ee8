/* Means over an axis of the sweep: with intervals, single seeds faint behind, and failed runs counted in a strip
 * above. Where the x axis is measured, too, each cell is a point, with intervals in both directions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "plot/across.h"
#include "plot/chart.h"
#include "stats/rates.h"

/* What a kind of picture fixes; the rest is the user's. */
struct preset {
    bool falls;       /* the x axis, from left to right */
    bool evaluations; /* a line for each way in which running statistics were replaced */
    bool largest;     /* the largest usable rates are marked */
};

/* What is drawn in one colour and marker: an arm of the chart, in one of its evaluations. */
struct line {
    int arm, eval; /* eval 0: the one that is reported first */
    int point;     /* the only one that it has; -1: it has all */
    struct nl_metric_column metric;
    struct nl_style style;
};

struct drawing {
    const struct nl_picture *picture;
    const struct preset *preset;
    struct nl_across across;
    bool wide, cut; /* there are intervals along the x axis; some reach beyond it */
    struct nl_page *page;
    struct nl_chart chart;
    struct nl_drawn drawn;
    enum nl_mark mark;
    struct line *line;
    int lines;
    double shift, start; /* of a line from the one before, and of the first: in places of the x axis */
};

/* What a line has in a panel. */
struct blocks {
    bool means, seeds, largest;
    struct nl_value_span span; /* of the intervals */
};

static double x_of(const struct drawing *d, int point)
{
    return d->chart.x.words ? point : nl_comparison_x(&d->chart.view, point);
}

/* A method to which the x axis does not apply is a line across; where that is measured, a point as all others. */
static bool is_reference(const struct drawing *d, int arm)
{
    return !d->across.word && d->chart.arm[arm].reference;
}

/* What is drawn of an arm at a point; NULL: nothing. */
static const struct nl_cell *cell_at(const struct drawing *d, int panel, int arm, int point)
{
    bool again = d->across.word && d->chart.arm[arm].reference && point > 0; /* one cell, at all points */
    return again ? NULL : nl_chart_cell(&d->chart, panel, arm, point);
}

/* Where no line shows the dash: the second has an open marker, and the others signs of their own. */
static int marker_of_dash(const struct nl_style *style)
{
    return style->dash == 1 ? style->marker : style->dash == 2 ? style->marker - style->marker % 2 : style->dash - 2;
}

static void list_lines(struct drawing *d)
{
    const struct nl_int_list *evals = &d->picture->experiment->config.norm.eval;
    d->line = nl_alloc((size_t)(d->chart.arms * evals->count), sizeof *d->line);
    for (int arm = 0; arm < d->chart.arms; arm++) {
        bool several = d->preset->evaluations && d->chart.arm[arm].tracks && d->drawn.column;
        int count = several ? evals->count : 1;
        for (int eval = 0; eval < count; eval++) {
            struct line line = {arm, eval, -1, d->drawn.metric, d->chart.arm[arm].style};
            if (eval > 0) {
                char *column = nl_format("%s_%s", d->drawn.column, nl_eval_names[evals->at[eval]]);
                line.metric = nl_metric_column(d->picture->results, column);
                free(column);
            }
            if (line.metric.column < 0)
                continue;
            if (eval > 0) { /* an open marker for a filled one */
                line.style.marker -= line.style.marker % 2;
                line.style.dash = evals->at[eval] == NL_EVAL_PRECISE ? 2 : 3;
            }
            if (is_reference(d, arm))
                line.style.dash = 4;
            if (d->mark == NL_MARK_DOTS && eval == 0)
                line.style.marker = marker_of_dash(&line.style);
            if (d->mark == NL_MARK_BARS)
                line.style.marker = 5; /* a square, as the bars are: in the legend alone */
            d->line[d->lines++] = line;
        }
    }
}

/* Where normalizers are the x axis, and nothing else has colours, each value has its own. */
static void list_values(struct drawing *d)
{
    const struct nl_comparison *view = &d->chart.view;
    const struct nl_factor *factor = &view->results->factor[view->x_factor];
    d->line = nl_alloc((size_t)view->points, sizeof *d->line);
    for (int point = 0; point < view->points; point++) {
        struct line line = {0, 0, point, d->drawn.metric, nl_level_style(d->picture, factor, view->x[point])};
        if (d->mark == NL_MARK_BARS)
            line.style.marker = 5;
        d->line[d->lines++] = line;
    }
}

/* Whether they do. */
static bool has_colour_of_x(const struct drawing *d)
{
    const struct nl_comparison *view = &d->chart.view;
    return d->chart.arms == 1 && view->x_factor >= 0 && !d->across.word && d->mark != NL_MARK_LINES &&
           strcmp(view->results->factor[view->x_factor].key->name, "norm.kind") == 0;
}

static char *label_of(const struct drawing *d, const struct line *line)
{
    const struct nl_comparison *view = &d->chart.view;
    if (line->point >= 0)
        return nl_level_label(d->picture->experiment, &view->results->factor[view->x_factor], view->x[line->point]);
    const struct nl_arm *arm = &d->chart.arm[line->arm];
    const struct nl_int_list *evals = &d->picture->experiment->config.norm.eval;
    bool several = d->preset->evaluations && arm->tracks && evals->count > 1;
    return nl_format("%s%s%s%s", arm->label, several && *arm->label ? ", " : "",
                     several ? nl_eval_names[evals->at[line->eval]] : "",
                     is_reference(d, line->arm) ? " (reference)" : "");
}

/* The legend of small multiples: what is the same in all panels. */
static void put_legend_of_each(struct drawing *d)
{
    const struct nl_int_list *evals = &d->picture->experiment->config.norm.eval;
    for (int i = 0; i < d->lines; i++)
        nl_page_style(d->page, &d->line[i].style);
    nl_chart_legend_of_each(&d->chart);
    for (int eval = 1; eval < evals->count; eval++) {
        int i = 0;
        while (i < d->lines && d->line[i].eval != eval)
            i++;
        if (i == d->lines)
            continue;
        struct nl_style style = {0x404040, d->line[i].style.marker, d->line[i].style.dash};
        nl_page_legend(d->page, &style, nl_eval_names[evals->at[eval]], d->mark == NL_MARK_LINES, true);
    }
    nl_page_end_legend(d->page);
}

static void put_legend(struct drawing *d)
{
    if (d->chart.each) {
        put_legend_of_each(d);
        return;
    }
    for (int i = 0; i < d->lines && d->line[i].point >= 0; i++)
        nl_page_style(d->page, &d->line[i].style); /* the axis names them */
    for (int i = 0; i < d->lines && d->line[i].point < 0; i++) {
        bool reference = is_reference(d, d->line[i].arm);
        char *label = label_of(d, &d->line[i]);
        nl_page_legend(d->page, &d->line[i].style, label, reference || d->mark == NL_MARK_LINES, !reference);
        free(label);
    }
    nl_page_end_legend(d->page);
}

/* The place of a line among those that stand side by side, from 0. */
static int beside_of(const struct drawing *d, int i)
{
    return d->line[i].point >= 0 ? 0 : d->chart.each ? d->line[i].eval : i;
}

static struct nl_estimate mean_across(const struct drawing *d, const struct nl_cell *cell)
{
    return nl_cell_mean(d->picture->results, d->picture->experiment, cell, &d->across.metric);
}

/* An x axis of measured values; logarithmic for costs. */
static int make_across(struct drawing *d, struct nl_error *err)
{
    struct nl_value_span span = {0};
    struct nl_measure measure = d->across.metric.measure;
    for (int i = 0; i < d->picture->results->cells; i++) {
        struct nl_estimate mean = mean_across(d, &d->picture->results->cell[i]);
        if (mean.n == 0)
            continue;
        nl_span_add(&span, mean.mean * measure.scale);
        if (isnan(mean.lower) || !nl_picture_has_intervals(d->picture))
            continue;
        nl_span_add_interval(&span, mean.lower * measure.scale, mean.upper * measure.scale);
        d->wide = d->wide || mean.lower < mean.upper;
    }
    struct nl_config config = d->picture->experiment->config;
    if (d->across.cost && config.plot.xlog == NL_SWITCH_AUTO)
        config.plot.xlog = NL_SWITCH_ON;
    int status = nl_ruler_fit_across(&d->chart.x, &span, &measure, &config, err);
    d->cut = span.lowest < d->chart.x.low || span.highest > d->chart.x.high;
    if (status == NL_OK)
        nl_ruler_ticks(&d->chart.x, nl_page_panel_width(d->page), nl_text_width("10000", d->page->small));
    return status;
}

static int make_x(struct drawing *d, struct nl_error *err)
{
    if (d->across.word)
        return make_across(d, err);
    struct nl_ruler *x = &d->chart.x;
    int status = nl_chart_fit_points(&d->chart, false, false, d->preset->falls || d->preset->largest, err);
    double apart = 1.0;
    for (int point = 1; point < d->chart.view.points; point++)
        apart = fmin(apart, fabs(nl_ruler_place(x, x_of(d, point)) - nl_ruler_place(x, x_of(d, point - 1))));
    if (d->preset->falls) {
        double low = x->low;
        x->low = x->high;
        x->high = low;
    }
    /* Lines stand side by side, near one another; bars touch. Of small multiples each has a panel for itself and its
     * evaluations. */
    int beside = 1;
    for (int i = 0; i < d->lines; i++)
        beside = beside > beside_of(d, i) ? beside : beside_of(d, i) + 1;
    d->shift = d->mark == NL_MARK_BARS
                   ? 0.8 * apart / beside
                   : fmin(0.55 * apart / beside, 0.55 * d->page->font / nl_page_panel_width(d->page));
    d->start = -0.5 * d->shift * (beside - 1);
    return status;
}

/* Where line `i` has its point, moved by a part of its own width. */
static double shifted(const struct drawing *d, int point, int i, double part)
{
    bool reference = is_reference(d, d->line[i].arm);
    return nl_ruler_value(&d->chart.x, nl_ruler_place(&d->chart.x, x_of(d, point)) +
                                           (reference ? 0.0 : d->start + d->shift * (beside_of(d, i) + part)));
}

static void put_x(struct nl_text *out, double x)
{
    nl_text_add(out, " %.6g", x); /* a place on the page, without the digits of its rounding */
}

static bool put_means(struct drawing *d, int panel, int i, struct nl_value_span *span)
{
    struct nl_text rows = {0};
    const struct line *line = &d->line[i];
    double scale = line->metric.measure.scale;
    bool any = false;
    for (int point = 0; point < d->chart.view.points; point++) {
        if (line->point >= 0 && line->point != point)
            continue;
        const struct nl_cell *cell = cell_at(d, panel, line->arm, point);
        struct nl_estimate mean = nl_cell_mean(d->picture->results, d->picture->experiment, cell, &line->metric);
        if (!cell && d->picture->experiment->rounds.points)
            continue; /* a point that sweep.points gives to other methods is no gap in this one's line */
        struct nl_estimate across = d->across.word ? mean_across(d, cell) : (struct nl_estimate){.n = 1};
        if (mean.n > 0 && across.n > 0) {
            /* Where there is no interval an end at the mean draws none. */
            bool wide = !isnan(mean.lower) && nl_picture_has_intervals(d->picture);
            double row[] = {mean.mean * scale, (wide ? mean.lower : mean.mean) * scale,
                            (wide ? mean.upper : mean.mean) * scale, mean.n};
            put_x(&rows, d->across.word ? across.mean * d->across.metric.measure.scale : shifted(d, point, i, 0.0));
            for (int k = 0; k < 4; k++)
                nl_page_number(&rows, row[k]);
            if (d->wide) {
                wide = !isnan(across.lower);
                put_x(&rows, (wide ? across.lower : across.mean) * d->across.metric.measure.scale);
                put_x(&rows, (wide ? across.upper : across.mean) * d->across.metric.measure.scale);
            }
            for (int side = -1; side <= 1 && d->mark == NL_MARK_BARS; side += 2)
                put_x(&rows, shifted(d, point, i, 0.46 * side));
            nl_chart_see(&d->chart, row[0]);
            nl_span_add_interval(&d->chart.span, row[1], row[2]);
            nl_span_add_interval(span, row[1], row[2]);
            any = true;
        }
        nl_text_add(&rows, "\n"); /* a gap where there is no value, not a line across it */
    }
    char *label = label_of(d, line);
    nl_page_block(d->page, "mean", panel + 1, i + 1,
                  d->mark == NL_MARK_BARS || d->wide ? "x mean lower upper n left right" : "x mean lower upper n",
                  label, &rows);
    free(label);
    return any;
}

static bool put_seeds(struct drawing *d, int panel, int i)
{
    const struct line *line = &d->line[i];
    int seeds = d->picture->results->seeds;
    if (line->eval > 0 || seeds < 2 || is_reference(d, line->arm))
        return false;
    double *values = nl_alloc(2 * (size_t)seeds, sizeof *values), *x = values + seeds;
    struct nl_text rows = {0};
    for (int point = 0; point < d->chart.view.points; point++) {
        if (line->point >= 0 && line->point != point)
            continue;
        const struct nl_cell *cell = cell_at(d, panel, line->arm, point);
        nl_cell_values(d->picture->results, cell, &line->metric, values);
        if (d->across.word)
            nl_cell_values(d->picture->results, cell, &d->across.metric, x);
        for (int seed = 0; seed < seeds; seed++) {
            if (!isfinite(values[seed]) || (d->across.word && !isfinite(x[seed])))
                continue;
            put_x(&rows, d->across.word ? x[seed] * d->across.metric.measure.scale : shifted(d, point, i, 0.0));
            nl_page_row(&rows, (const double[]){values[seed] * line->metric.measure.scale}, 1);
            nl_chart_see(&d->chart, values[seed] * line->metric.measure.scale);
        }
    }
    free(values);
    return nl_page_block(d->page, "seeds", panel + 1, i + 1, "x value: each seed", NULL, &rows);
}

/* Where the method stops training: its largest usable rate, at its mean there. */
static bool put_largest(struct drawing *d, int panel, int i)
{
    struct nl_text rows = {0};
    int method = d->chart.method[panel * d->chart.arms + d->line[i].arm];
    int point = d->preset->largest && method >= 0 ? nl_median_rate(&d->chart.view, method) : -1;
    const struct nl_metric_column *metric = &d->line[i].metric;
    struct nl_estimate mean =
        nl_cell_mean(d->picture->results, d->picture->experiment,
                     point < 0 ? NULL : nl_comparison_cell(&d->chart.view, method, point), metric);
    if (mean.n > 0) {
        put_x(&rows, shifted(d, point, i, 0.0));
        nl_page_row(&rows, (const double[]){mean.mean * metric->measure.scale}, 1);
    }
    return nl_page_block(d->page, "largest", panel + 1, i + 1, "the largest usable rate", NULL, &rows);
}

static void make_strip(struct drawing *d)
{
    for (int panel = 0; panel < d->chart.panels && !d->across.word; panel++)
        for (int point = 0; point < d->chart.view.points; point++)
            for (int arm = 0; arm < d->chart.arms; arm++) {
                const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, point);
                if (cell && !is_reference(d, arm))
                    nl_chart_fail(&d->chart, panel, arm, x_of(d, point), cell->failed, cell->trials);
            }
    nl_chart_make_strip(&d->chart);
}

/* What failed of methods to which the x axis does not apply: they have no place in the strip. */
static void tell_references(struct drawing *d)
{
    bool any = false;
    for (int arm = 0; arm < d->chart.arms; arm++) {
        if (!is_reference(d, arm))
            continue;
        if (!any)
            nl_caption_add(d->page, "Reference: %s does not apply, one set of runs.",
                           d->picture->results->factor[d->chart.view.x_factor].key->name);
        any = true;
        int failed = 0, trials = 0;
        for (int panel = 0; panel < d->chart.panels; panel++) {
            const struct nl_cell *cell =
                nl_chart_block(&d->chart, panel) == panel ? nl_chart_cell(&d->chart, panel, arm, 0) : NULL;
            failed += cell ? cell->failed : 0;
            trials += cell ? cell->trials : 0;
        }
        if (failed > 0)
            nl_caption_add(d->page, "%s: %d of %s failed.", d->chart.arm[arm].label, failed, NL_COUNT(trials, "run"));
    }
}

/* What a point is, and which cells have none. */
static void say_across(struct drawing *d)
{
    const struct nl_results *results = d->picture->results;
    int x_factor = d->chart.view.x_factor, without = 0;
    struct nl_failures failures = nl_results_failures(results);
    for (int i = 0; i < results->cells; i++)
        without += results->cell[i].trials > 0 && mean_across(d, &results->cell[i]).n == 0;
    if (x_factor >= 0)
        nl_caption_add(d->page, "A point for each value of %s.", results->factor[x_factor].key->name);
    if (d->across.cost)
        nl_caption_add(d->page, "Costs: of runs that came to their end.");
    if (d->cut)
        nl_caption_add(d->page, "Intervals that reach beyond the x axis are cut.");
    if (without > 0)
        nl_caption_add(d->page, "Not drawn: %s of which every run diverged or ended with an error.",
                       NL_COUNT(without, "point"));
    if (failures.failed > 0)
        nl_caption_add(d->page, "%d of %s failed (diverged, at chance, or ended with an error).", failures.failed,
                       NL_COUNT(failures.runs, "run"));
}

static void put_caption(struct drawing *d, bool seeds)
{
    struct nl_page *page = d->page;
    nl_caption_means(page, d->picture, &d->drawn.metric,
                     !nl_picture_has_intervals(d->picture) ? NULL
                     : d->wide                             ? "bars, in both directions"
                                                           : "bars");
    nl_caption_intervals(page, d->picture);
    nl_caption_drawn(page, &d->drawn, d->picture->experiment);
    if (d->across.word)
        say_across(d);
    if (seeds)
        nl_caption_add(page, "%s: single seeds.", d->across.word ? "Small points" : "Points");
    nl_caption_diverged(page, d->picture, &d->drawn.metric);
    if (d->chart.strip.rows == 0 && d->preset->largest)
        nl_caption_add(page, "No run failed.");
    if (d->chart.strip.rows > 0)
        nl_caption_add(page, "Above: failed runs (diverged, at chance, or ended with an error)%s.",
                       d->chart.each             ? ", of the panel's method"
                       : d->chart.strip.summed   ? ", of all methods together"
                       : d->chart.strip.rows > 1 ? ", one row per method as in the legend"
                                                 : "");
    if (d->preset->largest)
        nl_caption_add(page, "Ring: the largest learning rate usable for half of the seeds (0.95 of the best training "
                             "accuracy with the same seed).");
    tell_references(d);
    nl_caption_unseen(&d->chart, "Arrows: intervals that reach beyond the y axis.");
    nl_caption_end(&d->chart);
}

/* Bars from end to end; one that leaves the panel ends in an arrow at its edge. */
static void put_intervals(const struct drawing *d, int panel, int i, const struct nl_value_span *span)
{
    struct nl_text *out = &d->page->script;
    double head = 0.4 * d->page->font / d->page->width;
    nl_page_plot(out,
                 "$mean%d_%d using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors "
                 "nohead linestyle %d",
                 panel, i, i);
    if (d->wide)
        nl_page_plot(out,
                     "$mean%d_%d using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : "
                     "left)):(0) with vectors nohead linestyle %d",
                     panel, i, i);
    if (span->lowest < d->chart.y.low)
        nl_page_plot(out,
                     "$mean%d_%d using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled "
                     "size screen %.4f,25 linestyle %d",
                     panel, i, head, i);
    if (span->highest > d->chart.y.high)
        nl_page_plot(out,
                     "$mean%d_%d using 1:($4 > top && $2 < top ? $2 : NaN):(0):(top - $2) with vectors filled size "
                     "screen %.4f,25 linestyle %d",
                     panel, i, head, i);
}

/* Draws what stands behind a panel of small multiples: the means of the baseline and of the others. */
static void put_behind(const struct drawing *d, enum nl_arm_role role, int panel, int i)
{
    bool lines = role == NL_ROLE_BASELINE || d->mark == NL_MARK_LINES || is_reference(d, d->line[i].arm);
    nl_page_plot(&d->page->script, "$mean%d_%d using 1:2 with %s %s", panel, i,
                 lines ? "lines" : "points pointtype 7 pointsize 0.2", nl_role_line(role));
}

/* The signs over one another: bars, seeds, lines, intervals, marks, rings. */
static void put_line(const struct drawing *d, int pass, int panel, int i, const struct blocks *has)
{
    struct nl_text *out = &d->page->script;
    const struct nl_style *style = &d->line[i].style;
    enum nl_arm_role role = nl_chart_role(&d->chart, panel, d->line[i].arm);
    bool reference = is_reference(d, d->line[i].arm);
    int a = nl_chart_block(&d->chart, panel) + 1, b = i + 1;
    if (role == NL_ROLE_BEHIND || role == NL_ROLE_BASELINE) {
        if (has->means && d->line[i].eval == 0 && pass == (role == NL_ROLE_BEHIND ? 0 : 2))
            put_behind(d, role, a, b);
    } else if (pass == 0 && d->mark == NL_MARK_BARS && has->means)
        nl_page_plot(
            out, "$mean%d_%d using 1:2:6:7:(0):2 with boxxyerror fillstyle solid 0.45 noborder linecolor rgb '#%06x'",
            a, b, style->colour);
    else if (pass == 1 && has->seeds)
        nl_page_plot(out, "$seeds%d_%d using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0%06x'", a, b,
                     style->colour);
    else if (pass == 2 && has->means && (reference || d->mark == NL_MARK_LINES))
        nl_page_plot(out, "$mean%d_%d using 1:2 with lines linestyle %d dashtype %d", a, b, b, style->dash);
    else if (pass == 3 && has->means && !reference && nl_picture_has_intervals(d->picture))
        put_intervals(d, a, b, &has->span);
    else if (pass == 4 && has->means && !reference && d->mark != NL_MARK_BARS)
        nl_page_plot(out, "$mean%d_%d using 1:2 with points linestyle %d", a, b, b);
    else if (pass == 5 && has->largest)
        nl_page_plot(out,
                     "$largest%d_%d using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#%06x'",
                     a, b, style->colour);
}

static void put_panel(struct drawing *d, int panel, const struct blocks *blocks)
{
    nl_chart_begin_panel(&d->chart, panel);
    nl_text_add(&d->page->script, "plot NaN notitle");
    for (int pass = 0; pass < 6; pass++)
        for (int i = 0; i < d->lines; i++)
            put_line(d, pass, panel, i, &blocks[nl_chart_block(&d->chart, panel) * d->lines + i]);
    nl_text_add(&d->page->script, "\n");
    nl_page_end_panel(d->page);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    if (has_colour_of_x(d))
        list_values(d);
    else
        list_lines(d);
    if (make_x(d, err) != NL_OK)
        return NL_FAIL;
    make_strip(d);
    put_legend(d);
    struct blocks *blocks = nl_alloc((size_t)(d->chart.panels * d->lines), sizeof *blocks);
    bool seeds = false;
    for (int panel = 0; panel < d->chart.panels; panel++)
        for (int i = 0; i < d->lines && nl_chart_block(&d->chart, panel) == panel; i++) {
            struct blocks *has = &blocks[panel * d->lines + i];
            has->means = put_means(d, panel, i, &has->span);
            has->seeds = put_seeds(d, panel, i);
            has->largest = put_largest(d, panel, i);
            seeds = seeds || has->seeds;
        }
    int status = nl_chart_fit_y(&d->chart, &d->line[0].metric.measure, d->mark == NL_MARK_BARS, err);
    if (status == NL_OK) {
        put_caption(d, seeds);
        char *x_title = d->across.word ? nl_metric_label(&d->across.metric, d->across.word)
                                       : nl_factor_title(&d->picture->results->factor[d->chart.view.x_factor]),
             *y_label = nl_drawn_label(&d->drawn);
        char *x_label = nl_format("%s%s", x_title, d->preset->falls ? ", from large to small" : "");
        status = nl_chart_frame(&d->chart, x_label, y_label, err);
        free(x_title);
        free(y_label);
        free(x_label);
    }
    if (status == NL_OK)
        nl_text_add(&page->script,
                    "floor = %.6g; top = %.6g # of the y axis: intervals that reach beyond are cut there\n",
                    d->chart.y.low, d->chart.y.high);
    if (status == NL_OK && d->wide)
        nl_text_add(&page->script, "left = %.6g; right = %.6g # of the x axis\n", d->chart.x.low, d->chart.x.high);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel, blocks);
    free(blocks);
    return status;
}

/* across: NULL, or what the x axis measures; then x is the key whose values are the points of a colour, or -1. */
static int draw_points(const struct nl_picture *picture, const struct preset *preset, int x, const char *why_not,
                       const struct nl_across *across, struct nl_page *page, struct nl_error *err)
{
    struct drawing d = {.picture = picture, .preset = preset, .page = page};
    char *why;
    int status = nl_drawn_load(picture, picture->experiment->config.plot.y, &d.drawn, &why, err);
    if (status != NL_OK || why || why_not) {
        if (status == NL_OK)
            nl_picture_leave_out(picture, page, why_not ? why_not : why);
        free(why);
        nl_drawn_release(&d.drawn);
        return status;
    }
    if (across)
        d.across = *across;
    d.mark = (enum nl_mark)picture->experiment->config.plot.mark;
    if (d.mark == NL_MARK_AUTO)
        d.mark = across || nl_factor_has_words(&picture->results->factor[x]) ? NL_MARK_DOTS : NL_MARK_LINES;
    nl_chart_make(picture, x, -1, NL_ASSIGN_TO_COLOURS, page, &d.chart);
    status = draw(&d, err);
    nl_chart_release(&d.chart);
    nl_drawn_release(&d.drawn);
    free(d.line);
    return status;
}

/* The key whose values are the points of a colour: the first with numbers that is neither a colour nor a panel. */
static int factor_of_points(const struct nl_picture *picture)
{
    const struct nl_results *results = picture->results;
    const struct nl_config *config = &picture->experiment->config;
    int colour = nl_named_factor(results, config->plot.colour), facet = nl_named_factor(results, config->plot.facet);
    for (int i = 0; i < results->factors; i++)
        if (results->factor[i].values > 1 && i != colour && i != facet && !nl_factor_has_words(&results->factor[i]))
            return i;
    return -1;
}

/* Each cell as a point, where plot.x is measured. */
static int draw_measured(const struct nl_picture *picture, const struct preset *preset, struct nl_page *page,
                         struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    struct nl_across across;
    char *why = NULL;
    int status = nl_across_load(picture, &across, err), known = 0;
    for (int i = 0; status == NL_OK && i < results->cells; i++)
        known += nl_cell_mean(results, picture->experiment, &results->cell[i], &across.metric).n > 0;
    if (known == 0)
        why = nl_format("no run has '%s', which plot.x names", across.word);
    else if (picture->experiment->config.plot.mark == NL_MARK_BARS)
        why = nl_format("plot.mark: bars needs a key as plot.x, which is '%s'", across.word);
    if (status == NL_OK)
        status = draw_points(picture, preset, factor_of_points(picture), why, &across, page, err);
    free(why);
    nl_across_release(&across);
    return status;
}

int nl_picture_small_batch(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {.falls = true, .evaluations = true};
    int factor = nl_batch_factor(picture->results);
    return draw_points(picture, &preset, factor,
                       factor < 0 ? "neither train.batch nor norm.stat_batch has more than one value" : NULL, NULL,
                       page, err);
}

int nl_picture_lr_tolerance(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {.largest = true};
    const char *why_not = NULL;
    int factor = nl_rate_factor(picture->results, &why_not);
    return draw_points(picture, &preset, factor, why_not, NULL, page, err);
}

int nl_picture_figure(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    static const struct preset preset = {0};
    const struct nl_results *results = picture->results;
    char *measured = nl_across_title(picture->experiment->config.plot.x);
    free(measured);
    if (measured)
        return draw_measured(picture, &preset, page, err);
    int factor = nl_named_factor(results, picture->experiment->config.plot.x);
    for (int pass = 0; pass < 2 && factor < 0; pass++) /* the first key with numbers, or else with words */
        for (int i = 0; i < results->factors && factor < 0; i++)
            if (results->factor[i].values > 1 && (pass > 0 || !nl_factor_has_words(&results->factor[i])))
                factor = i;
    return draw_points(picture, &preset, factor, factor < 0 ? "nothing varies" : NULL, NULL, page, err);
}
