/* How long runs take to plot.target: the share that is not yet there against the weight updates, as a step curve for each method (Kaplan and Meier 1958). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/chart.h"
#include "stats/claim.h"
#include "stats/steps.h"

enum { MOST_BANDS = 3 }; /* curves in one panel: the bands of more are one grey */

/* Of one cell. */
struct course {
    struct nl_survival *row; /* [rows] */
    int rows;
    double median;
    int diverged, errors; /* runs that never got there because of that; of these, errors are in no row */
    bool drawn;
};

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct course *course; /* [cells] */
    struct nl_chart chart;
    struct nl_measure measure;
    struct nl_ruler x, y;
    bool band;
    int runs, censored, diverged, errors; /* of the cells that are drawn */
};

static struct course *course_of(const struct drawing *d, int panel, int arm)
{
    const struct nl_cell *cell = nl_chart_cell(&d->chart, panel, arm, 0);
    struct course *course = cell ? &d->course[cell - d->picture->results->cell] : NULL;
    return course && course->rows > 0 ? course : NULL;
}

static void make_course(const struct drawing *d, const struct nl_curves *curves, const struct nl_cell *cell, struct course *out)
{
    const struct nl_results *results = d->picture->results;
    const struct nl_config *config = &d->picture->experiment->config;
    struct nl_steps *steps = nl_alloc((size_t)results->seeds, sizeof *steps);
    for (int seed = 0; seed < results->seeds; seed++) {
        const char *status = nl_cell_status(results, cell, seed);
        steps[seed] = nl_steps_to(curves, results, d->picture->experiment, cell, seed, nl_metric_names[config->plot.metric],
                                  config->plot.target / d->measure.scale);
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
    const struct nl_config *config = &d->picture->experiment->config;
    struct nl_span shares = {0};
    double first = INFINITY, end = 0.0;
    nl_span_add(&shares, 0.0);
    nl_span_add(&shares, 100.0);
    for (int place = 0; place < d->chart.panels * d->chart.arms; place++) {
        struct course *course = course_of(d, place / d->chart.arms, place % d->chart.arms);
        if (!course || course->drawn)
            continue;
        course->drawn = true;
        d->runs += course->row[0].at_risk;
        d->diverged += course->diverged;
        d->errors += course->errors;
        for (int i = 0; i < course->rows; i++) {
            d->censored += course->row[i].censored;
            first = fmin(first, course->row[i].at);
            end = fmax(end, course->row[i].at);
            nl_span_add(&shares, 100.0 * course->row[i].share);
        }
    }
    /* The first fall and the last sign are not on the edge. */
    if (nl_ruler_fit(&d->y, &shares, &(struct nl_ruler_wish){.axis = 'y', .share = true}, config, err) != NL_OK ||
        nl_ruler_from_zero(&d->x, first / 1.2, 1.03 * end, true, config, err) != NL_OK)
        return NL_FAIL;
    nl_ruler_ticks(&d->y, nl_page_panel_height(d->page), 1.7 * d->page->font);
    nl_ruler_ticks(&d->x, nl_page_panel_width(d->page), nl_text_width("10000", d->page->small));
    return NL_OK;
}

static void put_row(struct nl_text *out, const double *row, int count)
{
    for (int k = 0; k < count; k++)
        nl_page_number(out, row[k]);
    nl_text_add(out, "\n");
}

/* $line: from the left end of the axis on. */
static void put_line(struct drawing *d, int panel, int arm, const struct course *course)
{
    struct nl_text *out = &d->page->script;
    nl_page_comment(out, "updates share lower upper at_risk happened censored", d->chart.arm[arm].label);
    nl_text_add(out, "$line%d_%d << EOD\n", panel + 1, arm + 1);
    put_row(out, (const double[]){d->x.low, 100.0, NAN, NAN, course->row[0].at_risk, 0, 0}, 7);
    for (int i = 0; i < course->rows; i++) {
        const struct nl_survival *at = &course->row[i];
        put_row(out, (const double[]){at->at, 100.0 * at->share, 100.0 * at->lower, 100.0 * at->upper, at->at_risk, at->happened, at->censored}, 7);
    }
    nl_text_add(out, "EOD\n");
}

/* $band: its corners. */
static bool put_band(struct drawing *d, int panel, int arm, const struct course *course)
{
    struct nl_text rows = {0};
    for (int i = 0; d->band && i + 1 < course->rows; i++)
        for (int side = 0; side < 2 && isfinite(course->row[i].lower); side++)
            put_row(&rows, (const double[]){course->row[i + side].at, 100.0 * course->row[i].lower, 100.0 * course->row[i].upper}, 3);
    bool any = rows.length > 0;
    if (any)
        nl_text_add(&d->page->script, "# updates lower upper\n$band%d_%d << EOD\n%sEOD\n", panel + 1, arm + 1, rows.at);
    nl_text_release(&rows);
    return any;
}

static void put_legend(struct drawing *d)
{
    for (int arm = 0; arm < d->chart.arms; arm++) {
        const struct nl_arm *at = &d->chart.arm[arm];
        nl_page_style(d->page, arm + 1, &at->style);
        if (d->chart.arms > 1)
            nl_page_legend(d->page, arm + 1, at->label, true, true, at->style.dash);
        else if (*at->label)
            nl_caption_add(d->page, "%s.", at->label);
    }
    nl_page_thin_legend(d->page);
}

static void put_caption(struct drawing *d)
{
    struct nl_page *page = d->page;
    const struct nl_config *config = &d->picture->experiment->config;
    bool several = d->picture->results->seeds > 1;
    nl_caption_seeds(page, d->picture, "Runs");
    nl_text_add(&page->caption, several ? "." : "");
    nl_caption_add(page, "Curves: the share of runs that are not yet at a %s of %g%s%s (product-limit estimate", d->measure.name, config->plot.target,
                   *d->measure.unit ? " " : "", d->measure.unit);
    if (d->band)
        nl_text_add(&page->caption, "; bands: its %g %% CI, Greenwood's on the log-log scale, from the first run that is there to the last", 100.0 * config->plot.level);
    nl_text_add(&page->caption, ").");
    if (several && !d->band)
        nl_caption_add(page, d->picture->results->seeds < NL_LEAST_PAIRS ? "The seeds are too few for bands." : "The curves are too many for bands.");
    nl_caption_add(page, "A run is there from the first evaluation on at which it was (train.eval_every).");
    nl_caption_add(page, "Marks on the line at 50 %%: medians, where more than half of the runs got there.");
    if (d->censored > 0)
        nl_caption_add(page, "+: runs that were never there are censored at the updates they were given (%d of %d; %d diverged).", d->censored, d->runs, d->diverged);
    if (d->errors > 0)
        nl_caption_add(page, "Runs that an error ended are left out: %d.", d->errors);
    if (d->y.log)
        nl_caption_add(page, "A share of 0 is not shown on the logarithmic axis.");
    if (d->runs == 0)
        nl_caption_add(page, "No run has a value.");
    nl_chart_tell_panels(&d->chart, page);
    nl_caption_end(page, d->picture);
}

/* The signs over one another: bands, curves, then what stands on them. */
static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script, signs[3] = {{0}};
    nl_page_title(page, panel, d->chart.panel[panel].title);
    for (int arm = 0; arm < d->chart.arms; arm++) {
        const struct course *course = course_of(d, panel, arm);
        const struct nl_style *style = &d->chart.arm[arm].style;
        const char *comma = ", \\\n     ";
        int a = panel + 1, b = arm + 1;
        if (!course)
            continue;
        put_line(d, panel, arm, course);
        if (put_band(d, panel, arm, course))
            nl_text_add(&signs[0], "%s$band%d_%d using 1:2:3 with filledcurves fillstyle transparent solid 0.12 noborder linecolor rgb '#%06x' notitle", comma, a, b,
                        style->colour);
        nl_text_add(&signs[1], "%s$line%d_%d using 1:2 with steps linestyle %d dashtype %d notitle", comma, a, b, b, style->dash);
        nl_text_add(&signs[2], "%s$line%d_%d using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9*dot linewidth 1 linecolor rgb '#%06x' notitle", comma, a, b,
                    style->colour);
        if (isfinite(course->median)) {
            nl_text_add(out, "# the median\n$median%d_%d << EOD\n %.9g 50\nEOD\n", a, b, course->median);
            nl_text_add(&signs[2], "%s$median%d_%d using 1:2 with points linestyle %d notitle", comma, a, b, b);
        }
    }
    nl_chart_put_axes(page, panel, &d->x, &d->y);
    nl_text_add(out, "plot 50 with lines linewidth 0.5 linecolor rgb '#B0B0B0' notitle");
    for (int i = 0; i < 3; i++) {
        nl_text_add_bytes(out, signs[i].at, signs[i].length);
        nl_text_release(&signs[i]);
    }
    nl_text_add(out, "\n");
    nl_page_end_panel(page);
}

static int draw(struct drawing *d, struct nl_error *err)
{
    struct nl_page *page = d->page;
    for (int panel = 0; panel < d->chart.panels; panel++)
        nl_page_reserve_title(page, d->chart.panel[panel].title);
    if (measure(d, err) != NL_OK)
        return NL_FAIL;
    put_legend(d);
    put_caption(d);
    int status = nl_page_frame(page, "weight updates", "runs not yet at the target (%)", nl_ruler_label_height(&d->x, page->small),
                               nl_ruler_label_width(&d->y, page->small), err);
    for (int panel = 0; status == NL_OK && panel < d->chart.panels; panel++)
        put_panel(d, panel);
    nl_text_add(&page->script, "unset multiplot\n");
    return status;
}

int nl_picture_steps(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    struct drawing d = {.picture = picture, .page = page};
    struct nl_curves curves;
    nl_measure(nl_metric_names[picture->experiment->config.plot.metric], &d.measure);
    int status = nl_curves_load(results, &curves, err);
    if (status)
        return status;
    d.course = nl_alloc((size_t)results->cells, sizeof *d.course);
    for (int i = 0; i < results->cells; i++)
        make_course(&d, &curves, &results->cell[i], &d.course[i]);
    nl_chart_make(picture, -1, -1, NL_DEAL_KIND, &d.chart);
    d.band = results->seeds >= NL_LEAST_PAIRS && d.chart.arms <= MOST_BANDS;
    nl_page_open(page, picture->experiment, "steps", "Runs that are not yet at the target, against weight updates.", d.chart.panels, d.chart.panels > 1 ? 1.25 : 1.6);
    status = draw(&d, err);
    nl_ruler_release(&d.x);
    nl_ruler_release(&d.y);
    nl_chart_release(&d.chart);
    for (int i = 0; i < results->cells; i++)
        free(d.course[i].row);
    free(d.course);
    nl_curves_release(&curves);
    return status;
}
