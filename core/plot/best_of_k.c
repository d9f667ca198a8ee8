/* What tuning costs: the expected metric of the best of k settings against k, as a line for each method (Dodge et al.
 * 2019). The settings are the values that sweep.tune tried, whose round lies beside the results, or else the learning
 * rates of the grid. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/sweep.h"
#include "plot/chart.h"
#include "stats/answer.h"
#include "stats/best.h"
#include "stats/claim.h"
#include "stats/rates.h"
#include "sweep/tuning.h"

enum { MOST_BANDS = 4 }; /* lines in one panel: the bands of more are one grey */

struct line {
    struct nl_search search;
    bool drawn;
};

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_chart chart;
    struct nl_metric_column metric, by; /* by: of learning rates */
    const struct nl_rounds *rounds;     /* of what was tuned, whose results these are; NULL: learning rates are drawn */
    const struct nl_results *tuning;
    struct line *line; /* [panels][arms] */
    int least, most;   /* settings of a line */
    int seeds;
    bool band, over_seeds;      /* over_seeds: its bands are intervals over seeds, or else of the draws */
    int runs, failed, diverged; /* of the lines that are drawn */
};

static struct line *line_of(const struct drawing *d, int panel, int arm)
{
    struct line *line = &d->line[nl_chart_block(&d->chart, panel) * d->chart.arms + arm];
    return line->drawn ? line : NULL;
}

/* Whether a cell of the tuning round is of the same point of the grid as one of the results. */
static bool is_same_point(const struct drawing *d, const struct nl_cell *tuned, const struct nl_cell *cell)
{
    const struct nl_results *results = d->picture->results;
    for (int f = 0; f < d->tuning->factors; f++) {
        const struct nl_factor *factor = &d->tuning->factor[f];
        int own = nl_results_factor(results, factor->key->name);
        if (own < 0 || nl_axis_with(d->rounds->tune, d->rounds->tunes, factor->key, NULL))
            continue;
        int a = tuned->level[f], b = cell->level[own];
        if (a == NL_INAPPLICABLE || b == NL_INAPPLICABLE ? a != b
                                                         : strcmp(factor->value[a], results->factor[own].value[b]) != 0)
            return false;
    }
    return true;
}

static void make_line(struct drawing *d, int panel, int arm, struct line *out)
{
    const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
    int points = d->chart.view.points, first = 0;
    if (d->rounds) {
        while (cell && first < d->tuning->cells && !is_same_point(d, &d->tuning->cell[first], cell))
            first++;
        if (!cell || first == d->tuning->cells)
            return;
        nl_search_tuned(d->tuning, d->rounds, first, &out->search);
    } else {
        const struct nl_cell **cells = nl_alloc((size_t)points, sizeof *cells);
        for (int point = 0; point < points; point++)
            cells[point] = nl_chart_cell(&d->chart, panel, arm, point);
        nl_search_cells(d->picture->results, cells, points, &d->metric, &d->by, &out->search);
        free(cells);
    }
    out->drawn = out->search.runs > 0 && !d->chart.arm[arm].reference;
    if (!out->drawn)
        return;
    d->least = d->most > 0 && d->least < out->search.settings ? d->least : out->search.settings;
    d->most = d->most > out->search.settings ? d->most : out->search.settings;
    d->runs += out->search.runs;
    d->failed += out->search.failed;
    d->diverged += out->search.diverged;
}

/* $line: its numbers, of which those that are not known make a gap. */
static void put_line(struct drawing *d, int panel, int arm, struct line *line)
{
    double scale = d->metric.measure.scale, level = d->picture->experiment->config.plot.level;
    struct nl_text rows = {0};
    for (int k = 1; k <= line->search.settings; k++) {
        struct nl_estimate best = nl_search_best(&line->search, k, level);
        double lower = best.lower, upper = best.upper;
        if (!d->over_seeds)
            nl_search_between(&line->search, k, level, &lower, &upper);
        if (best.n == 0)
            continue; /* missing runs, or so many failed ones that k may all be of them */
        lower = isfinite(lower) ? lower : best.mean;
        upper = isfinite(upper) ? upper : best.mean;
        nl_page_row(&rows, (const double[]){k, best.mean * scale, lower * scale, upper * scale, best.n}, 5);
        nl_chart_see(&d->chart, best.mean * scale);
        if (d->band)
            nl_span_add_interval(&d->chart.span, lower * scale, upper * scale);
    }
    line->drawn =
        nl_page_block(d->page, "line", panel + 1, arm + 1, "k mean lower upper seeds", d->chart.arm[arm].label, &rows);
}

/* All k from 1 on, which are logarithmic only where the user says so. */
static int fit_x(struct drawing *d, struct nl_error *err)
{
    struct nl_config config = d->picture->experiment->config;
    if (config.plot.xlog == NL_SWITCH_AUTO)
        config.plot.xlog = NL_SWITCH_OFF;
    int count = d->most > 0 ? d->most : 1;
    double *at = nl_alloc((size_t)count, sizeof *at);
    char **label = nl_alloc((size_t)count, sizeof *label);
    for (int i = 0; i < count; i++) {
        at[i] = i + 1;
        label[i] = nl_format("%d", i + 1);
    }
    int status = nl_ruler_points(&d->chart.x, at, label, count, false, false, &config, err);
    double room = nl_page_panel_width(d->page);
    if (d->chart.x.log) /* the labels of large k would meet */
        nl_ruler_ticks(&d->chart.x, room, nl_text_width("1000", d->page->small));
    else
        nl_ruler_fit_labels(&d->chart.x, room, d->page->small);
    free(at);
    free(label);
    return status;
}

/* The keys that were tuned, "train.lr and train.momentum". */
static void say_tuned(const struct drawing *d, struct nl_text *out)
{
    for (int i = 0; i < d->rounds->tunes; i++) {
        nl_say_comma(out, i, d->rounds->tunes);
        nl_text_add(out, "%s", d->rounds->tune[i].key[0]->name);
    }
}

static void say_settings(struct drawing *d)
{
    struct nl_text *out = &d->page->caption;
    const char *name = d->metric.measure.name;
    nl_caption_add(d->page, "Lines: the expected %s of the best of k ", name);
    if (d->rounds) {
        nl_text_add(out, "settings that sweep.tune tried (values of ");
        say_tuned(d, out);
        nl_text_add(out, "), chosen by it");
    } else {
        nl_text_add(out, "learning rates of the grid, chosen by validation loss");
    }
    nl_text_add(out, "; the k are drawn at random without replacement (after Dodge et al. 2019; exact).");
    if (d->least < d->most)
        nl_caption_add(d->page, "There are %d to %s", d->least, NL_COUNT(d->most, "setting"));
    else
        nl_caption_add(d->page, "There %s %s", nl_agree(d->most, "is", "are"), NL_COUNT(d->most, "setting"));
    nl_text_add(out, " for each method, each trained with %s; k counts settings, not seeds%s.",
                NL_COUNT(d->seeds, "seed"),
                d->seeds > 1 ? ": each seed is worked out alone, and lines are means over the seeds" : "");
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    const struct nl_results *results = d->rounds ? d->tuning : d->picture->results;
    double level = 100.0 * d->picture->experiment->config.plot.level;
    if (results->missing > 0)
        nl_caption_add(page, "INCOMPLETE: trials missing: %d of %d.", results->missing, results->planned);
    say_settings(d);
    if (d->band && d->over_seeds)
        nl_caption_add(page, "Bands: %g %% CI over the seeds (t%s).", level,
                       d->metric.sampling.overlap > 0.0 ? ", corrected for overlapping splits" : "");
    else if (d->band)
        nl_caption_add(page,
                       "Bands: the middle %g %% of what the best of k may be, over all draws%s (exact quantiles).",
                       level, d->seeds > 1 ? " and the seeds, which are too few for an interval" : "");
    else if (nl_picture_has_intervals(d->picture))
        nl_caption_add(page, "The lines are too many for bands.");
    nl_caption_intervals(page, d->picture);
    if (d->failed > 0)
        nl_caption_add(page, "%d of %s failed (diverged, at chance, or ended with an error)%s.", d->failed,
                       NL_COUNT(d->runs, "run"), d->rounds ? "" : ", and none counts as worse than chance");
    else
        nl_caption_add(page, "None of %s failed.", NL_COUNT(d->runs, "run"));
    if (d->rounds && d->diverged > 0 && !d->metric.measure.share)
        nl_caption_add(page, "A run that diverged is worse than all others, and a seed has no point where all k may be "
                             "such runs.");
    nl_caption_unseen(&d->chart, d->band ? "Bands that reach beyond the y axis are cut." : NULL);
    nl_caption_end(&d->chart);
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_text *out = &d->page->script;
    nl_chart_begin_panel(&d->chart, panel);
    nl_text_add(out, "plot NaN notitle");
    for (int pass = 0; pass < 3; pass++)
        for (int arm = 0; arm < d->chart.arms; arm++) {
            const struct line *line = line_of(d, panel, arm);
            const struct nl_style *style = &d->chart.arm[arm].style;
            enum nl_arm_role role = nl_chart_role(&d->chart, panel, arm);
            const char *behind = nl_role_line(role);
            int a = nl_chart_block(&d->chart, panel) + 1, b = arm + 1;
            if (!line)
                continue;
            if (behind && pass == (role == NL_ROLE_BASELINE))
                nl_page_plot(out, "$line%d_%d using 1:2 with lines %s", a, b, behind);
            else if (!behind && pass == 0 && d->band)
                nl_page_plot(out,
                             "$line%d_%d using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent "
                             "solid 0.15 noborder linecolor rgb '#%06x'",
                             a, b, style->colour);
            else if (!behind && pass == 1)
                nl_page_plot(out, "$line%d_%d using 1:2 with lines linestyle %d dashtype %d", a, b, b, style->dash);
            else if (!behind && pass == 2)
                nl_page_plot(out, "$line%d_%d using 1:2 with points linestyle %d", a, b, b);
        }
    nl_text_add(out, "\n");
    nl_page_end_panel(d->page);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    for (int i = 0; i < d->chart.panels * d->chart.arms; i++)
        if (d->line[i].drawn)
            put_line(d, i / d->chart.arms, i % d->chart.arms, &d->line[i]);
    nl_chart_legend(&d->chart, true);
    if (nl_chart_fit_y(&d->chart, &d->metric.measure, false, err) != NL_OK || fit_x(d, err) != NL_OK)
        return NL_FAIL;
    put_caption(d);
    const char *column =
        nl_metric_names[d->rounds ? (int)d->rounds->tune_by : d->picture->experiment->config.plot.metric];
    char *y_label = nl_metric_label(&d->metric, column);
    int status = nl_chart_frame(&d->chart, d->rounds ? "settings tried (k)" : "learning rates tried (k)", y_label, err);
    free(y_label);
    if (status == NL_OK)
        nl_text_add(&d->page->script, "floor = %.6g # of the y axis: bands that reach below it are cut there\n",
                    d->chart.y.low);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel);
    return status;
}

static int draw_along(struct drawing *d, int factor, struct nl_error *err)
{
    nl_chart_make(d->picture, factor, -1, NL_ASSIGN_KIND, d->page, &d->chart);
    int places = d->chart.panels * d->chart.arms;
    d->seeds = d->rounds ? d->tuning->seeds : d->picture->results->seeds;
    d->over_seeds = d->seeds >= NL_LEAST_PAIRS;
    d->band = nl_picture_has_intervals(d->picture) && (d->chart.each || d->chart.arms <= MOST_BANDS);
    d->line = nl_alloc((size_t)places, sizeof *d->line);
    for (int i = 0; i < places; i++)
        if (nl_chart_block(&d->chart, i / d->chart.arms) == i / d->chart.arms)
            make_line(d, i / d->chart.arms, i % d->chart.arms, &d->line[i]);
    int status = draw(d, err);
    for (int i = 0; i < places; i++)
        nl_search_release(&d->line[i].search);
    free(d->line);
    nl_chart_release(&d->chart);
    return status;
}

static int draw_tuned(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    struct nl_tuning_round tuning;
    struct nl_results results;
    struct nl_error none = {{0}};
    int status = NL_OK;
    if (nl_tuning_open(picture->home, &tuning, &none)) {
        nl_picture_leave_out(picture, page, none.text);
        return NL_OK;
    }
    if (tuning.partial.present < tuning.partial.grid.trials) {
        char *why = nl_format("of the trials of sweep.tune %d of %d are there", tuning.partial.present,
                              tuning.partial.grid.trials);
        nl_picture_leave_out(picture, page, why);
        free(why);
    } else {
        status = nl_tuning_results(&tuning, &results, err);
        if (status == NL_OK) {
            struct drawing d = {
                .picture = picture, .page = page, .rounds = &picture->experiment->rounds, .tuning = &results};
            d.metric = nl_metric_column(&results, nl_metric_names[d.rounds->tune_by]);
            status = draw_along(&d, -1, err);
            nl_results_release(&results);
        }
    }
    nl_partial_release(&tuning.partial);
    return status;
}

int nl_picture_best_of_k(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    struct drawing d = {.picture = picture, .page = page, .by = nl_search_by(results)};
    const char *why_not = NULL;
    if (picture->experiment->rounds.tunes && picture->experiment->rounds.tune_to_target) {
        nl_picture_leave_out(picture, page,
                             "settings were chosen by steps to a target, of which no best of k is known");
        return NL_OK;
    }
    if (picture->experiment->rounds.tunes)
        return draw_tuned(picture, page, err);
    int factor = nl_rate_factor(results, &why_not);
    d.metric = nl_metric_column(results, nl_metric_names[picture->experiment->config.plot.metric]);
    if (factor < 0 || d.by.column < 0 || d.metric.column < 0) {
        nl_picture_leave_out(picture, page,
                             factor < 0        ? why_not
                             : d.by.column < 0 ? "no run has a validation loss, by which learning rates are chosen "
                                                 "(data.val)"
                                               : "no run has the metric that plot.metric names");
        return NL_OK;
    }
    return draw_along(&d, factor, err);
}
