/* The metric over training: a line and a band for each normalizer, a panel for each combination of the other varied keys. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "plot/marks.h"
#include "plot/series.h"
#include "stats/estimate.h"

enum { MOST_PANELS = 12, COLUMNS = 4 };

struct drawing {
    const struct nl_picture *picture;
    struct nl_page *page;
    struct nl_series *series; /* [cells] */
    struct nl_comparison view; /* x: what the lines are; methods: panels */
    struct nl_measure measure;
    struct nl_metric_column metric; /* of a training curve, which is a mean over the batches of a window, without counts */
    int shown, columns, rows;
    struct nl_span span; /* of the values that are drawn */
    double end;          /* of x */
};

/* What the lines of a panel are: normalizers, or else the first key that varies. */
static int line_factor(const struct nl_results *results)
{
    int kind = nl_results_factor(results, "norm.kind");
    if (kind >= 0 && results->factor[kind].values > 1)
        return kind;
    for (int i = 0; i < results->factors; i++)
        if (results->factor[i].values > 1)
            return i;
    return -1;
}

static const struct nl_series *series_of(const struct drawing *d, int panel, int line)
{
    const struct nl_cell *cell = d->view.method[panel].cell[line];
    return cell ? &d->series[cell - d->picture->results->cell] : NULL;
}

static void put_line(struct drawing *d, int panel, int line)
{
    const struct nl_config *config = &d->picture->experiment->config;
    const struct nl_series *series = series_of(d, panel, line);
    struct nl_text *out = &d->page->script;
    double *values = nl_alloc((size_t)d->picture->results->seeds, sizeof *values);
    nl_text_add(out, "# x mean lower upper n\n$line%d_%d << EOD\n", panel + 1, line + 1);
    for (int i = 0, next; i < series->count; i = next) {
        double x = 0.0;
        for (next = i; next < series->count && series->at[next].step == series->at[i].step; next++) {
            x += series->at[next].x;
            values[next - i] = series->at[next].value / d->measure.scale;
            nl_span_add(&d->span, series->at[next].value);
        }
        struct nl_estimate mean = nl_estimate(values, next - i, d->measure.share ? NL_SCALE_SHARE : NL_SCALE_REAL, &d->metric.sampling,
                                              config->plot.interval, config->plot.level);
        if (mean.n == 0) {
            nl_text_add(out, "\n"); /* a gap, not a line across it */
            continue;
        }
        double scale = d->measure.scale, row[] = {x / (next - i), mean.mean * scale, (mean.n > 1 ? mean.lower : mean.mean) * scale,
                                                  (mean.n > 1 ? mean.upper : mean.mean) * scale, mean.n};
        d->end = fmax(d->end, row[0]);
        for (int k = 0; k < 5; k++)
            nl_page_number(out, row[k]);
        nl_text_add(out, "\n");
    }
    nl_text_add(out, "EOD\n");
    if (series->failed) {
        nl_text_add(out, "# x: where a diverged run ended\n$failed%d_%d << EOD\n", panel + 1, line + 1);
        for (int i = 0; i < series->failed; i++) {
            nl_page_number(out, series->failed_x[i]);
            nl_text_add(out, " %.2f\n", 0.96 - 0.05 * line);
            d->end = fmax(d->end, series->failed_x[i]);
        }
        nl_text_add(out, "EOD\n");
    }
    free(values);
}

static struct nl_style line_style(const struct drawing *d, int line)
{
    const struct nl_results *results = d->picture->results;
    int factor = d->view.x_factor;
    if (factor < 0)
        return nl_norm_style(results->base_norm);
    if (strcmp(results->factor[factor].key->name, "norm.kind") != 0)
        return nl_turn_style(line);
    for (int i = 0; i < results->cells; i++)
        if (results->cell[i].level[factor] == d->view.x[line])
            return nl_norm_style(nl_cell_norm(results, &results->cell[i]));
    return nl_turn_style(line);
}

static void put_lines(struct drawing *d)
{
    for (int panel = 0; panel < d->shown; panel++) {
        nl_text_add(&d->page->script, "# panel %d: ", panel + 1);
        nl_page_comment(&d->page->script, d->view.method[panel].label);
        for (int line = 0; line < d->view.points; line++)
            if (series_of(d, panel, line))
                put_line(d, panel, line);
    }
    const struct nl_results *results = d->picture->results;
    for (int line = 0; line < d->view.points; line++) {
        struct nl_style style = line_style(d, line);
        nl_page_style(d->page, line + 1, &style);
        if (d->view.x_factor < 0)
            continue;
        const struct nl_factor *factor = &results->factor[d->view.x_factor];
        bool kinds = strcmp(factor->key->name, "norm.kind") == 0;
        const struct nl_norm *norm = kinds ? nl_norm_find(factor->value[d->view.x[line]]) : NULL;
        char *label = norm ? nl_strdup(norm->label) : nl_format("%s %s", nl_key_title(factor->key), factor->value[d->view.x[line]]);
        nl_page_legend(d->page, line + 1, "lines", label);
        free(label);
    }
}

/* "without stat_batch": the panel of what no key of the other panels applies to. New string. */
static char *without(const struct drawing *d, int panel)
{
    const struct nl_results *results = d->picture->results;
    struct nl_text out = {0};
    nl_text_add(&out, "without ");
    for (int i = 0, listed = 0; i < results->factors; i++)
        if (d->view.method[panel].level[i] == NL_INAPPLICABLE)
            nl_text_add(&out, "%s%s", listed++ ? ", " : "", strchr(results->factor[i].key->name, '.') + 1);
    return out.at;
}

static void put_panel(struct drawing *d, int panel)
{
    struct nl_page *page = d->page;
    struct nl_text *out = &page->script;
    int column = panel % d->columns, row = panel / d->columns;
    double gap_x = 1.7 * page->font / (page->right - page->left), height = page->top - page->bottom;
    double title = d->shown > 1 ? 1.3 * page->font / height : 0.0, gap_y = row + 1 < d->rows ? 1.2 * page->font / height : 0.0;
    nl_page_panel(page, (double)column / d->columns, (column + 1.0) / d->columns - gap_x, 1.0 - (row + 1.0) / d->rows + gap_y,
                  1.0 - (double)row / d->rows - title);
    bool below = panel + d->columns < d->shown;
    if (d->shown > 1) {
        const char *label = d->view.method[panel].label;
        nl_text_add(out, "set title ");
        char *other = without(d, panel);
        nl_page_quote(out, *label ? label : other);
        free(other);
        nl_text_add(out, " offset 0,-0.8 font sprintf(',%%.3g', %.3g * pt)\n", 0.9 * page->font);
    }
    nl_text_add(out, "set format x '%s'\nset format y '%s'\n", below ? "" : "%h", column ? "" : "%h");
    if (below)
        nl_text_add(out, "unset xlabel\n");
    else
        nl_page_axis_label(out, "x", nl_x_names[d->picture->experiment->config.plot.x],
                           d->picture->experiment->config.plot.x == NL_X_SECONDS ? "s" : "");
    if (column == 0)
        nl_page_axis_label(out, "y", d->measure.name, d->measure.unit);
    else
        nl_text_add(out, "unset ylabel\n");
    nl_text_add(out, "plot ");
    int put = 0;
    for (int pass = 0; pass < 3; pass++)
        for (int line = 0; line < d->view.points; line++) {
            const struct nl_series *series = series_of(d, panel, line);
            unsigned colour = line_style(d, line).colour;
            if (!series || (pass < 2 && series->count == 0) || (pass == 2 && series->failed == 0) ||
                (pass == 0 && d->picture->results->seeds < 2))
                continue;
            nl_text_add(out, "%s", put++ ? ", \\\n     " : "");
            if (pass == 0)
                nl_text_add(out, "$line%d_%d using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#%06x' notitle",
                            panel + 1, line + 1, colour);
            else if (pass == 1)
                nl_text_add(out, "$line%d_%d using 1:2 with lines linestyle %d notitle", panel + 1, line + 1, line + 1);
            else
                nl_text_add(out, "$failed%d_%d using 1:2 axes x1y2 with points pointtype 2 pointsize 0.5 linecolor rgb '#%06x' notitle",
                            panel + 1, line + 1, colour);
        }
    if (put == 0)
        nl_text_add(out, "NaN notitle");
    nl_text_add(out, "\n");
}

static void put_caption(struct drawing *d)
{
    const struct nl_config *config = &d->picture->experiment->config;
    struct nl_text caption = {0};
    bool failed = false;
    for (int panel = 0; panel < d->shown; panel++)
        for (int line = 0; line < d->view.points; line++) {
            const struct nl_series *series = series_of(d, panel, line);
            failed = failed || (series && series->failed);
        }
    nl_page_add_interval(&caption, d->picture, &d->metric, "band");
    if (strncmp(d->measure.name, "training", 8) == 0)
        nl_text_add(&caption, " Training batches as they were seen.");
    if (failed)
        nl_text_add(&caption, " ×: a run diverged; it is in no mean.");
    if (d->view.methods > d->shown)
        nl_text_add(&caption, " %d of %d panels shown.", d->shown, d->view.methods);
    if (*config->plot.protocol)
        nl_text_add(&caption, " Protocol: %s.", config->plot.protocol);
    nl_page_frame(d->page, d->picture->experiment, caption.at);
    nl_text_release(&caption);
}

static int put_plot(struct drawing *d, struct nl_error *err)
{
    put_lines(d);
    const struct nl_span span = d->span.any ? d->span : (struct nl_span){.any = true, .high = 1.0};
    put_caption(d);
    nl_page_yscale(d->page, &span);
    /* All panels share their axes. The ends come from single seeds: a wide band must not squeeze the curves. */
    double room = 0.04 * (span.high - span.low) + (span.high == span.low ? 0.5 : 0.0);
    bool share = d->measure.scale == 100.0;
    char *low = nl_format("%.6g", share || span.low >= 0.0 ? fmax(0.0, span.low - room) : span.low - room);
    char *high = nl_format("%.6g", share ? fmin(100.0, span.high + room) : span.high + room);
    char *end = nl_format("%.9g", d->end > 0 ? d->end : 1.0);
    nl_text_add(&d->page->script, "set y2range [0:1]\n");
    int status = nl_page_xrange(d->page, d->picture->experiment, "0", end, err);
    if (status == NL_OK)
        status = nl_page_yrange(d->page, d->picture->experiment, d->page->log_y ? "floor" : low, high, err);
    free(low);
    free(high);
    free(end);
    if (status != NL_OK)
        return NL_FAIL;
    nl_page_begin_panels(d->page);
    nl_text_add(&d->page->script, "set xtics autofreq\n");
    nl_page_yticks(d->page, &span);
    for (int panel = 0; panel < d->shown; panel++)
        put_panel(d, panel);
    nl_text_add(&d->page->script, "unset multiplot\n");
    return NL_OK;
}

int nl_picture_curves(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    struct drawing d = {.picture = picture, .page = page};
    d.metric = nl_metric_column(picture->results, nl_metric_names[config->plot.metric]);
    d.measure = d.metric.measure;
    if (strcmp(d.measure.part, "train") == 0)
        d.metric.sampling = (struct nl_sampling){0};
    int status = nl_series_load(picture, &d.series, err), sightings = 0;
    if (status)
        return status;
    for (int i = 0; i < picture->results->cells; i++)
        sightings += d.series[i].count + d.series[i].failed;
    if (sightings == 0 || d.metric.column < 0) {
        nl_text_add(picture->note, "curves is not drawn: curves.csv has no %s\n", d.measure.name);
    } else {
        nl_comparison_make(picture->results, picture->experiment, line_factor(picture->results), -1, &d.view);
        d.shown = d.view.methods < MOST_PANELS ? d.view.methods : MOST_PANELS;
        d.columns = d.shown < COLUMNS ? d.shown : d.shown == 5 || d.shown == 6 || d.shown == 9 ? 3 : COLUMNS;
        d.rows = (d.shown + d.columns - 1) / d.columns;
        /* Several panels go across both columns of the paper. */
        nl_page_open(page, picture->experiment, "curves", "The metric over training.", config->plot.width * (d.shown > 1 ? 17.8 / 8.6 : 1.0),
                     config->plot.height * (d.shown > 1 ? 0.45 + 0.5 * d.rows : 1.0));
        status = put_plot(&d, err);
        if (d.view.methods > d.shown)
            nl_text_add(picture->note, "curves: %d of %d panels are drawn\n", d.shown, d.view.methods);
        nl_comparison_release(&d.view);
    }
    nl_series_release(d.series, picture->results->cells);
    return status;
}
