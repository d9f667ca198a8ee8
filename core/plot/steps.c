/* How long runs take to plot.target: the share that is not yet there against the weight updates, as a step curve for
 * each method (Kaplan and Meier 1958). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/chart.h"
#include "stats/claim.h"
#include "stats/steps.h"

enum { MOST_BANDS = 3 }; /* curves in one panel: the bands of more are one grey */

/* The curve of a cell. */
struct step_curve {
    struct nl_survival *row; /* [rows] */
    int rows;
    double median;
    int diverged, errors; /* runs that never reached the target because of that; of these, errors are in no row */
    int at_once;          /* runs that reached it by their first evaluation */
    bool drawn;
};

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct step_curve *step_curve; /* [cells] */
    struct nl_chart chart;
    struct nl_measure measure;
    bool band;
    int runs, censored, diverged, errors, at_once; /* of the cells that are drawn */
};

static struct step_curve *step_curve_of(const struct drawing *d, int panel, int arm)
{
    const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
    struct step_curve *step_curve = cell ? &d->step_curve[cell - d->picture->results->cell] : NULL;
    return step_curve && step_curve->rows > 0 ? step_curve : NULL;
}

static void make_step_curve(const struct drawing *d, const struct nl_curves *curves, const struct nl_cell *cell,
                            struct step_curve *out)
{
    const struct nl_results *results = d->picture->results;
    const struct nl_config *config = &d->picture->experiment->config;
    struct nl_steps *steps = nl_alloc((size_t)results->seeds, sizeof *steps);
    for (int seed = 0; seed < results->seeds; seed++) {
        const char *status = nl_cell_status(results, cell, seed);
        steps[seed] = nl_steps_to(curves, results, d->picture->experiment, cell, seed,
                                  nl_metric_names[config->plot.metric], config->plot.target / d->measure.scale);
        out->at_once += steps[seed].low == 0.0 && isfinite(steps[seed].high);
        out->errors += status && strcmp(status, "error") == 0;
        out->diverged += status && strcmp(status, "diverged") == 0 && isinf(steps[seed].high);
    }
    out->row = nl_alloc((size_t)results->seeds, sizeof *out->row);
    out->rows = nl_steps_survival(steps, results->seeds, config->plot.level, out->row);
    out->median = nl_survival_median(out->row, out->rows);
    free(steps);
}

/* The axes, and what the caption counts. */
static int measure(struct drawing *d, struct nl_error *err)
{
    double first = INFINITY, end = 0.0;
    nl_span_add(&d->chart.span, 0.0);
    nl_span_add(&d->chart.span, 100.0);
    for (int place = 0; place < d->chart.panels * d->chart.arms; place++) {
        struct step_curve *step_curve = step_curve_of(d, place / d->chart.arms, place % d->chart.arms);
        if (!step_curve || step_curve->drawn)
            continue;
        step_curve->drawn = true;
        d->runs += step_curve->row[0].at_risk;
        d->diverged += step_curve->diverged;
        d->errors += step_curve->errors;
        d->at_once += step_curve->at_once;
        for (int i = 0; i < step_curve->rows; i++) {
            d->censored += step_curve->row[i].censored;
            first = fmin(first, step_curve->row[i].at);
            end = fmax(end, step_curve->row[i].at);
            nl_span_add(&d->chart.span, 100.0 * step_curve->row[i].share);
        }
    }
    /* The first fall and the last sign are not on the edge. */
    return nl_chart_fit_y(&d->chart, &(const struct nl_measure){.scale = 100.0}, false, err) != NL_OK
               ? NL_FAIL
               : nl_chart_fit_training(&d->chart, first / 1.2, 1.03 * end, true, err);
}

/* $line: from the left end of the axis on. Where there is no interval its ends are at the share. */
static void put_line(struct drawing *d, int panel, int arm, const struct step_curve *step_curve)
{
    struct nl_text rows = {0};
    nl_page_row(&rows, (const double[]){d->chart.x.low, 100.0, 100.0, 100.0, step_curve->row[0].at_risk, 0, 0}, 7);
    for (int i = 0; i < step_curve->rows; i++) {
        const struct nl_survival *at = &step_curve->row[i];
        double share = 100.0 * at->share, lower = isnan(at->lower) ? share : 100.0 * at->lower,
               upper = isnan(at->upper) ? share : 100.0 * at->upper;
        nl_page_row(&rows, (const double[]){at->at, share, lower, upper, at->at_risk, at->happened, at->censored}, 7);
    }
    nl_page_block(d->page, "line", panel + 1, arm + 1, "updates share lower upper at_risk happened censored",
                  d->chart.arm[arm].label, &rows);
}

/* $band: its corners. */
static bool put_band(struct drawing *d, int panel, int arm, const struct step_curve *step_curve)
{
    struct nl_text rows = {0};
    for (int i = 0; d->band && i + 1 < step_curve->rows; i++)
        for (int side = 0; side < 2 && isfinite(step_curve->row[i].lower); side++)
            nl_page_row(&rows,
                        (const double[]){step_curve->row[i + side].at, 100.0 * step_curve->row[i].lower,
                                         100.0 * step_curve->row[i].upper},
                        3);
    return nl_page_block(d->page, "band", panel + 1, arm + 1, "updates lower upper", NULL, &rows);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    const struct nl_config *config = &d->picture->experiment->config;
    bool several = d->picture->results->seeds > 1;
    nl_caption_seeds(page, d->picture, "Runs");
    nl_text_add(&page->caption, several ? "." : "");
    nl_caption_add(page, "Curves: the share of runs that are not yet at a %s of %g%s%s (product-limit estimate",
                   d->measure.name, config->plot.target, *d->measure.unit ? " " : "", d->measure.unit);
    if (d->band)
        nl_text_add(
            &page->caption,
            "; bands: its %g %% CI, Greenwood's on the log-log scale, from the first run that reaches it to the last",
            100.0 * config->plot.level);
    nl_text_add(&page->caption, ").");
    double chance = nl_metric_chance(d->picture->results, &d->measure);
    if (d->measure.worse * (config->plot.target / d->measure.scale - chance) >= 0.0)
        nl_caption_add(page, "The target is no better than chance, so the curves do not compare speeds.");
    else if (d->runs > 0 && d->at_once == d->runs)
        nl_caption_add(page,
                       "Every run reached the target by its first evaluation, so the curves do not compare speeds.");
    nl_caption_intervals(page, d->picture);
    if (several && !d->band && nl_picture_has_intervals(d->picture))
        nl_caption_add(page, d->picture->results->seeds < NL_LEAST_PAIRS ? "The seeds are too few for bands."
                                                                         : "The curves are too many for bands.");
    nl_caption_add(page, "A run counts from the first evaluation at which it reached the target (train.eval_every).");
    nl_caption_add(page, "Marks on the line at 50 %%: medians, where more than half of the runs reached the target.");
    if (d->censored > 0)
        nl_caption_add(page,
                       "+: runs that never reached the target are censored at the updates they were given (%d of %d; "
                       "%d diverged).",
                       d->censored, d->runs, d->diverged);
    if (d->errors > 0)
        nl_caption_add(page, "Runs that ended with an error are left out: %d.", d->errors);
    if (d->chart.y.log)
        nl_caption_add(page, "A share of 0 is not shown on the logarithmic axis.");
    if (d->runs == 0)
        nl_caption_add(page, "No run has a value.");
    nl_caption_end(&d->chart);
}

/* The signs over one another: bands, curves, then what stands on them. */
static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script, signs[NL_SHARE_LAYERS] = {{0}};
    nl_page_title(page, panel, d->chart.panel[panel].title);
    bool first = nl_chart_block(&d->chart, panel) == panel; /* which has the blocks */
    for (int arm = 0; arm < d->chart.arms; arm++) {
        const struct step_curve *step_curve = step_curve_of(d, panel, arm);
        const struct nl_style *style = &d->chart.arm[arm].style;
        const char *behind = nl_role_line(nl_chart_role(&d->chart, panel, arm));
        int a = nl_chart_block(&d->chart, panel) + 1, b = arm + 1;
        if (!step_curve)
            continue;
        if (first)
            put_line(d, panel, arm, step_curve);
        if (behind) {
            nl_page_plot(&signs[nl_chart_role(&d->chart, panel, arm) == NL_ROLE_BASELINE],
                         "$line%d_%d using 1:2 with steps %s", a, b, behind);
            continue;
        }
        if (put_band(d, a - 1, arm, step_curve))
            nl_page_plot(&signs[0],
                         "$band%d_%d using 1:2:3 with filledcurves fillstyle transparent solid 0.12 noborder linecolor "
                         "rgb '#%06x'",
                         a, b, style->colour);
        nl_page_plot(&signs[1], "$line%d_%d using 1:2 with steps linestyle %d dashtype %d", a, b, b, style->dash);
        nl_page_plot(&signs[2],
                     "$line%d_%d using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 "
                     "linecolor rgb '#%06x'",
                     a, b, style->colour);
        if (isfinite(step_curve->median)) {
            nl_text_add(out, "# the median\n$median%d_%d << EOD\n %.9g 50\nEOD\n", a, b, step_curve->median);
            nl_page_plot(&signs[2], "$median%d_%d using 1:2 with points linestyle %d", a, b, b);
        }
    }
    nl_chart_put_shares(&d->chart, panel, signs);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    if (measure(d, err) != NL_OK)
        return NL_FAIL;
    nl_chart_legend(&d->chart, true);
    put_caption(d);
    int status = nl_chart_frame(&d->chart, "weight updates", "runs not yet at the target (%)", err);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel);
    return status;
}

int nl_picture_steps(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    struct drawing d = {.picture = picture, .page = page};
    struct nl_curves curves;
    nl_measure(nl_metric_names[picture->experiment->config.plot.metric], &d.measure);
    int status = nl_curves_load(results, "curves.csv", &curves, err);
    if (status)
        return status;
    d.step_curve = nl_alloc((size_t)results->cells, sizeof *d.step_curve);
    for (int i = 0; i < results->cells; i++)
        make_step_curve(&d, &curves, &results->cell[i], &d.step_curve[i]);
    nl_chart_make(picture, -1, -1, NL_ASSIGN_KIND, page, &d.chart);
    d.band = nl_picture_has_intervals(picture) && results->seeds >= NL_LEAST_PAIRS && d.chart.arms <= MOST_BANDS;
    status = draw(&d, err);
    nl_chart_release(&d.chart);
    for (int i = 0; i < results->cells; i++)
        free(d.step_curve[i].row);
    free(d.step_curve);
    nl_curves_release(&curves);
    return status;
}
