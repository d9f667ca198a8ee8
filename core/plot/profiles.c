/* Performance profiles: the share of the runs of all tasks that are at least as good as a value, against the value, as
 * a step curve for each method (Agarwal et al. 2021, section 4.3). */
#include <math.h>
#include <stdlib.h>

#include "plot/chart.h"
#include "stats/answer.h"
#include "stats/claim.h"
#include "stats/tasks.h"

enum { MOST_BANDS = 4 }; /* curves in one panel: the bands of more are one grey */

/* The profile of an arm in a panel, and where it changes. */
struct curve {
    struct nl_profile profile;
    bool drawn, banded, marked; /* it has a block of each */
    double *bad; /* [count]: what its runs have (nl_profile), each value once, from the best to the worst */
    int count;
};

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_chart chart;
    struct nl_drawn drawn;
    struct curve *curve;  /* [panels][arms] */
    struct nl_value_span span; /* of the values along x */
    bool band;
    int runs, failed, zeros; /* of the curves that are drawn; zeros: runs that a logarithmic axis cannot show */
};

static struct curve *curve_of(const struct drawing *d, int panel, int arm)
{
    struct curve *curve = &d->curve[nl_chart_block(&d->chart, panel) * d->chart.arms + arm];
    return curve->drawn ? curve : NULL;
}

/* On the axis. */
static double value_of(const struct drawing *d, double bad)
{
    const struct nl_measure *measure = &d->drawn.metric.measure;
    return measure->worse * measure->scale * bad;
}

static void make_curve(struct drawing *d, int panel, int arm, struct curve *out)
{
    int tasks = d->chart.view.points, all = tasks * d->picture->results->seeds;
    const struct nl_cell **cell = nl_alloc((size_t)tasks, sizeof *cell);
    for (int task = 0; task < tasks; task++)
        cell[task] = d->chart.arm[arm].reference ? NULL : nl_chart_cell(&d->chart, panel, arm, task);
    out->drawn = nl_profile_make(d->picture->results, cell, tasks, &d->drawn.metric, &out->profile);
    free(cell);
    if (!out->drawn)
        return;
    out->bad = nl_alloc((size_t)all, sizeof *out->bad);
    int finite = nl_finite_values(out->profile.bad, all, out->bad);
    for (int i = 0; i < finite; i++) {
        double value = value_of(d, out->bad[i]);
        nl_span_add(&d->span, value);
        d->zeros += value <= 0.0;
        if (out->count == 0 || out->bad[i] > out->bad[out->count - 1])
            out->bad[out->count++] = out->bad[i];
    }
    d->runs += out->profile.count;
    d->failed += out->profile.failed;
}

static int fit_x(struct drawing *d, struct nl_error *err)
{
    struct nl_ruler *x = &d->chart.x;
    int status = nl_ruler_fit_across(x, &d->span, &d->drawn.metric.measure, &d->picture->experiment->config, err);
    if (status == NL_OK)
        nl_ruler_ticks(x, nl_page_panel_width(d->page), nl_text_width("10000", d->page->small));
    return status;
}

static void put_step(const struct drawing *d, const struct curve *curve, double bad, double until,
                     struct nl_text *lines, struct nl_text *corners, double *median)
{
    struct nl_stratified_share share = nl_profile_at(&curve->profile, bad, d->picture->experiment->config.plot.level);
    double row[] = {value_of(d, bad), 100.0 * share.share, 100.0 * share.lower, 100.0 * share.upper};
    nl_page_row(lines, row, isnan(share.lower) ? 2 : 4);
    for (int side = 0; side < 2 && !isnan(share.lower) && !isnan(until); side++)
        nl_page_row(corners, (const double[]){side ? value_of(d, until) : row[0], row[2], row[3]}, 3);
    if (isnan(*median) && share.share >= 0.5 - 1e-12)
        *median = row[0];
}

/* $line, from the better end of the axis to the other, and $band, its corners. The median where half of the runs are
 * reached. */
static void put_blocks(struct drawing *d, int panel, int arm, struct curve *curve)
{
    const struct nl_ruler *x = &d->chart.x;
    const struct nl_measure *measure = &d->drawn.metric.measure;
    double ends[] = {measure->worse * x->low / measure->scale, measure->worse * x->high / measure->scale};
    double best = fmin(ends[0], ends[1]), worst = fmax(ends[0], ends[1]), here = best, median = NAN;
    struct nl_text lines = {0}, corners = {0}, mark = {0};
    for (int i = 0; i < curve->count; i++) {
        if (!(curve->bad[i] > best && curve->bad[i] < worst))
            continue;
        put_step(d, curve, here, curve->bad[i], &lines, &corners, &median);
        here = curve->bad[i];
    }
    put_step(d, curve, here, worst, &lines, &corners, &median);
    put_step(d, curve, worst, NAN, &lines, &corners, &median);
    curve->banded = d->band && corners.length > 0;
    nl_page_block(d->page, "line", panel + 1, arm + 1, "value share lower upper", d->chart.arm[arm].label, &lines);
    if (curve->banded)
        nl_page_block(d->page, "band", panel + 1, arm + 1, "value lower upper", NULL, &corners);
    nl_text_release(&corners);
    if (median > x->low && median < x->high)
        nl_page_row(&mark, (const double[]){median, 50.0}, 2);
    curve->marked = nl_page_block(d->page, "median", panel + 1, arm + 1, "where half of the runs are", NULL, &mark);
}

/* The signs over one another: bands, curves, then the marks on them. */
static void put_panel(struct drawing *d, int panel)
{
    struct nl_text signs[NL_SHARE_LAYERS] = {{0}};
    nl_page_title(d->page, panel, d->chart.panel[panel].title);
    for (int arm = 0; arm < d->chart.arms; arm++) {
        struct curve *curve = curve_of(d, panel, arm);
        const struct nl_style *style = &d->chart.arm[arm].style;
        const char *behind = nl_role_line(nl_chart_role(&d->chart, panel, arm));
        int a = nl_chart_block(&d->chart, panel) + 1, b = arm + 1;
        if (!curve)
            continue;
        if (a == panel + 1)
            put_blocks(d, panel, arm, curve);
        if (behind) {
            nl_page_plot(&signs[nl_chart_role(&d->chart, panel, arm) == NL_ROLE_BASELINE],
                         "$line%d_%d using 1:2 with steps %s", a, b, behind);
            continue;
        }
        if (curve->banded)
            nl_page_plot(&signs[0],
                         "$band%d_%d using 1:2:3 with filledcurves fillstyle transparent solid 0.12 noborder linecolor "
                         "rgb '#%06x'",
                         a, b, style->colour);
        nl_page_plot(&signs[1], "$line%d_%d using 1:2 with steps linestyle %d dashtype %d", a, b, b, style->dash);
        if (curve->marked)
            nl_page_plot(&signs[2], "$median%d_%d using 1:2 with points linestyle %d", a, b, b);
    }
    nl_chart_put_shares(&d->chart, panel, signs);
}

/* Names the arms that have no curve. */
static void say_left_out(struct drawing *d)
{
    const char **name = nl_alloc((size_t)d->chart.arms, sizeof *name);
    int count = 0;
    for (int arm = 0; arm < d->chart.arms; arm++) {
        bool drawn = false;
        for (int panel = 0; panel < d->chart.panels; panel++)
            drawn = drawn || curve_of(d, panel, arm);
        if (!drawn)
            name[count++] = d->chart.arm[arm].label;
    }
    if (count > 0) {
        nl_caption_add(d->page, "Not drawn, without a run of every task: ");
        nl_say_names(&d->page->caption, name, count, "method");
        nl_text_add(&d->page->caption, ".");
    }
    free(name);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    const struct nl_results *results = d->picture->results;
    const struct nl_metric_column *metric = &d->drawn.metric;
    const struct nl_factor *factor = &results->factor[d->chart.view.x_factor];
    bool several = results->seeds > 1;
    nl_caption_seeds(page, d->picture, "Runs");
    nl_text_add(&page->caption, several ? "." : "");
    nl_caption_add(page,
                   "Curves: the share of the runs of %s (%s", NL_COUNT(factor->values, "task"), factor->key->name);
    if (factor->values <= NL_NAMED) {
        nl_text_add(&page->caption, ": ");
        nl_say_names(&page->caption, (const char *const *)factor->value, factor->values, "task");
    }
    nl_text_add(&page->caption,
                ") whose %s is at %s the value below, tasks counting alike (run-score distribution, Agarwal et al. "
                "2021)",
                metric->measure.name, metric->measure.worse > 0 ? "most" : "least");
    if (d->band)
        nl_text_add(&page->caption,
                    "; bands: pointwise %g %% CI (percentile bootstrap, the seeds of each task drawn anew%s)",
                    100.0 * d->picture->experiment->config.plot.level,
                    results->seeds < NL_BOOTSTRAP_SEEDS
                        ? "; it undercovers with so few seeds, most where nearly all or nearly none are there"
                        : "");
    nl_text_add(&page->caption, ".");
    nl_caption_intervals(page, d->picture);
    if (several && !d->band && nl_picture_has_intervals(d->picture))
        nl_caption_add(page, results->seeds < NL_LEAST_PAIRS ? "The seeds are too few for bands."
                                                             : "The curves are too many for bands.");
    if (d->band && metric->sampling.overlap > 0.0)
        nl_caption_add(page, "Bands do not allow for samples that the splits of the seeds share.");
    nl_caption_add(page, "Marks on the line at 50 %%: where half of the runs are reached.");
    if (d->failed > 0)
        nl_caption_add(page, "%d of %s failed (diverged, at chance, or ended with an error) and %s at no value.",
                       d->failed, NL_COUNT(d->runs, "run"), nl_agree(d->failed, "counts", "count"));
    if (d->chart.x.log && d->zeros > 0)
        nl_caption_add(page, "%s of 0 %s to the left of the logarithmic axis.", NL_COUNT(d->zeros, "run"),
                       nl_agree(d->zeros, "lies", "lie"));
    say_left_out(d);
    if (d->runs == 0)
        nl_caption_add(page, "No run has a value.");
    nl_caption_end(&d->chart);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    const struct nl_measure *measure = &d->drawn.metric.measure;
    nl_span_add(&d->chart.span, 0.0);
    nl_span_add(&d->chart.span, 100.0);
    if (fit_x(d, err) != NL_OK ||
        nl_chart_fit_y(&d->chart, &(const struct nl_measure){.scale = 100.0}, false, err) != NL_OK)
        return NL_FAIL;
    nl_chart_legend(&d->chart, true);
    put_caption(d);
    char *x_label = nl_drawn_label(&d->drawn),
         *y_label = nl_format("runs with at %s this %s (%%)", measure->worse > 0 ? "most" : "least",
                              measure->error   ? "error"
                              : measure->share ? "accuracy"
                                               : "value");
    int status = nl_chart_frame(&d->chart, x_label, y_label, err);
    free(x_label);
    free(y_label);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel);
    return status;
}

static int draw_over(struct drawing *d, int factor, struct nl_error *err)
{
    nl_chart_make(d->picture, factor, -1, NL_ASSIGN_KIND, d->page, &d->chart);
    int places = d->chart.panels * d->chart.arms;
    d->band = nl_picture_has_intervals(d->picture) && d->picture->results->seeds >= NL_LEAST_PAIRS &&
              (d->chart.each || d->chart.arms <= MOST_BANDS);
    d->curve = nl_alloc((size_t)places, sizeof *d->curve);
    for (int i = 0; i < places; i++)
        if (nl_chart_block(&d->chart, i / d->chart.arms) == i / d->chart.arms)
            make_curve(d, i / d->chart.arms, i % d->chart.arms, &d->curve[i]);
    int status = draw(d, err);
    for (int i = 0; i < places; i++) {
        nl_profile_release(&d->curve[i].profile);
        free(d->curve[i].bad);
    }
    free(d->curve);
    nl_chart_release(&d->chart);
    return status;
}

int nl_picture_profiles(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    struct drawing d = {.picture = picture, .page = page};
    const char *why_not = NULL;
    char *why;
    int factor = nl_task_factor(picture->results, picture->experiment, &why_not),
        status = nl_drawn_load(picture, "auto", &d.drawn, &why, err);
    if (factor >= 0 && picture->results->factor[factor].values < 2)
        why_not = "there is one task";
    if (status == NL_OK && (why_not || why))
        nl_picture_leave_out(picture, page, why_not ? why_not : why);
    else if (status == NL_OK)
        status = draw_over(&d, factor, err);
    free(why);
    nl_drawn_release(&d.drawn);
    return status;
}
