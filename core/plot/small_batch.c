/* Error against batch size: means with intervals, single seeds faint behind, failed runs on top. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "plot/marks.h"
#include "stats/estimate.h"

enum { LINES = 64 };

struct line {
    int method, style;
    struct nl_metric_column metric;
    int means, seeds, failed; /* points of its blocks: gnuplot warns of empty ones */
    char id[24];
};

static const char *evaluation(const struct nl_experiment *experiment, int index)
{
    return nl_eval_names[experiment->config.norm.eval.at[index]];
}

/* How many lines the picture would have, the first LINES of them in line: a method each; one with running statistics has a line for
 * each way that it was evaluated. */
static int list_lines(const struct nl_picture *picture, const struct nl_comparison *view, const char *metric, struct line *line)
{
    int count = 0;
    for (int method = 0; method < view->methods; method++) {
        int evals = nl_norms[view->method[method].norm]->tracks ? picture->experiment->config.norm.eval.count : 1;
        for (int i = 0; i < evals; i++) {
            char column[96];
            snprintf(column, sizeof column, "%s%s%s", metric, i ? "_" : "", i ? evaluation(picture->experiment, i) : "");
            if (nl_table_column(&picture->results->table, column) < 0)
                continue;
            if (count < LINES) {
                line[count] = (struct line){.method = method, .metric = nl_metric_column(picture->results, column), .style = count + 1};
                snprintf(line[count].id, sizeof line[count].id, "%d%s%s", method + 1, i ? "_" : "", i ? evaluation(picture->experiment, i) : "");
            }
            count++;
        }
    }
    return count;
}

/* Whether it shows the evaluation that is reported first, or the only one. */
static bool is_first(const struct line *line)
{
    return !strchr(line->id, '_');
}

/* Open marker for each of gnuplot's filled ones: evaluations of one method differ in marker and dash. */
static struct nl_style style_of(const struct nl_comparison *view, const struct line *line)
{
    struct nl_style style = nl_method_style(view, line->method);
    const char *eval = strchr(line->id, '_');
    if (eval && style.marker % 2 == 1)
        style.marker--;
    if (eval)
        style.dash = strcmp(eval, "_precise") == 0 ? 2 : 3;
    if (view->method[line->method].reference)
        style.dash = 4;
    return style;
}

static char *label_of(const struct nl_picture *picture, const struct nl_comparison *view, const struct line *line)
{
    const struct nl_method *method = &view->method[line->method];
    const char *eval = strchr(line->id, '_');
    if (method->reference)
        return nl_format("%s (reference)", method->label);
    if (nl_norms[method->norm]->tracks && picture->experiment->config.norm.eval.count > 1)
        return nl_format("%s, %s", method->label, eval ? eval + 1 : evaluation(picture->experiment, 0));
    return nl_strdup(method->label);
}

static char *caption_of(const struct nl_picture *picture, const struct nl_comparison *view, bool failures)
{
    const struct nl_config *config = &picture->experiment->config;
    struct nl_text out = {0};
    bool reference = false;
    for (int method = 0; method < view->methods; method++)
        reference = reference || view->method[method].reference;
    struct nl_metric_column metric = nl_metric_column(picture->results, nl_metric_names[config->plot.metric]);
    nl_page_add_interval(&out, picture, &metric, "bars");
    if (picture->results->seeds > 1)
        nl_text_add(&out, " Points: single seeds.");
    nl_page_add_diverged(&out, picture, &metric);
    if (failures)
        nl_text_add(&out, " ×k: k runs failed.");
    if (reference)
        nl_text_add(&out, " Reference: %s does not apply, one set of runs.", picture->results->factor[view->x_factor].key->name);
    if (*config->plot.protocol)
        nl_text_add(&out, " Protocol: %s.", config->plot.protocol);
    return out.at;
}

/* Room above the data for the rows that count failed runs. */
static char *top_of(const struct nl_page *page, const struct nl_span *span, const struct nl_measure *measure, int rows)
{
    double share = fmin(0.04 + 0.06 * rows, 0.45);
    if (!span->any || rows == 0)
        return nl_strdup(nl_span_top(span, measure));
    double most = measure->scale == 100.0 ? 100.0 : INFINITY, high = fmax(span->high, fmin(span->reach, most));
    if (page->log_y)
        return nl_format("%.6g", high * pow(high / (0.8 * span->low), share / (1.0 - share)));
    return nl_format("%.6g", high + (high - fmin(span->low, 0.0)) * share / (1.0 - share));
}

/* Blocks, styles and the legend; how many rows of the picture count failed runs. */
static int put_data(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, struct line *line, int lines,
                    struct nl_span *span)
{
    int rows = 0;
    double step = fmin(0.06, 0.4 / lines); /* between those rows */
    for (int i = 0; i < lines; i++) {
        int method = line[i].method;
        const struct nl_method *at = &view->method[method];
        double dodge = at->reference ? 1.0 : nl_dodge(i, lines, 0.24 / lines);
        line[i].means = nl_put_means(page, picture, view, method, &line[i].metric, dodge, line[i].id, span);
        if (is_first(&line[i]) && !at->reference) {
            line[i].seeds = nl_put_seeds(page, picture, view, method, &line[i].metric, dodge, line[i].id, span);
            line[i].failed = nl_put_failed(page, view, method, 0.97 - step * rows, line[i].id);
            rows += line[i].failed > 0;
        }
        struct nl_style style = style_of(view, &line[i]);
        char *label = label_of(picture, view, &line[i]);
        nl_page_style(page, line[i].style, &style);
        nl_page_legend(page, line[i].style, at->reference ? "lines" : "linespoints", label);
        free(label);
    }
    return rows;
}

static void put_lines(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, const struct line *line, int lines)
{
    struct nl_text *out = &page->script;
    nl_text_add(out, "plot NaN notitle");
    const char *comma = ", \\\n     ";
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < lines; i++) {
            const struct nl_method *at = &view->method[line[i].method];
            struct nl_style style = style_of(view, &line[i]);
            if (pass == 0 && is_first(&line[i]) && line[i].seeds > 0 && picture->results->seeds > 1)
                nl_text_add(out, "%s$seeds%s using 1:2 with points pointtype 7 pointsize 0.22 linecolor rgb '#B0%06x' notitle", comma,
                            line[i].id, style.colour);
            else if (pass == 1 && line[i].means > 0 && at->reference)
                nl_text_add(out, "%s$mean%s using 1:2 with lines linestyle %d notitle", comma, line[i].id, line[i].style);
            else if (pass == 1 && line[i].means > 0)
                nl_text_add(out, "%s$mean%s using 1:2:($3 > floor ? $3 : floor):4 with yerrorlines linestyle %d notitle", comma,
                            line[i].id, line[i].style);
            else if (pass == 2 && line[i].failed > 0)
                nl_text_add(out, "%s$failed%s using 1:2:3 axes x1y2 with labels font sprintf(',%%.3g', %.3g * pt) textcolor rgb '#%06x' notitle", comma,
                            line[i].id, 0.8 * page->font, style.colour);
        }
    nl_text_add(out, "\nunset multiplot\n");
}

static int put_plot(const struct nl_picture *picture, struct nl_page *page, const struct nl_comparison *view, struct line *line,
                    int lines, struct nl_error *err)
{
    struct nl_text *out = &page->script;
    struct nl_measure measure;
    nl_measure(nl_metric_names[picture->experiment->config.plot.metric], &measure);
    struct nl_span span = {0};
    int rows = put_data(picture, page, view, line, lines, &span);
    char *caption = caption_of(picture, view, rows > 0);
    nl_page_frame(page, picture->experiment, caption);
    free(caption);
    nl_page_begin_panels(page);
    nl_page_panel(page, 0, 1, 0, 1);
    double least = nl_comparison_x(view, 0), most = nl_comparison_x(view, view->points - 1);
    char *x_title = nl_format("%s, from large to small", nl_key_title(picture->results->factor[view->x_factor].key));
    nl_text_add(out, "# batches shrink to the right, as published pictures have it\nset logscale x 2\nset xrange [%.9g:%.9g]\n",
                most * 1.25, least / 1.25);
    nl_put_ticks(page, view);
    nl_page_yticks(page, &span);
    nl_page_axis_label(out, "x", x_title, "");
    nl_page_axis_label(out, "y", measure.name, measure.unit);
    free(x_title);
    nl_page_yscale(page, &span);
    nl_text_add(out, "set y2range [0:1]\n");
    char *high = top_of(page, &span, &measure, rows);
    int status = nl_page_yrange(page, picture->experiment, !span.any ? "0" : page->log_y ? "floor" : measure.worse > 0 ? "0<*" : "*",
                                high, err);
    free(high);
    if (status == NL_OK)
        put_lines(picture, page, view, line, lines);
    return status;
}

int nl_picture_small_batch(const struct nl_picture *picture, struct nl_page *page, struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    const char *metric = nl_metric_names[config->plot.metric];
    int factor = nl_batch_factor(picture->results);
    if (factor < 0 || nl_table_column(&picture->results->table, metric) < 0) {
        nl_text_add(picture->note, "small_batch is not drawn: %s\n",
                    factor < 0 ? "neither train.batch nor norm.stat_batch has several values" : "plot.metric was not evaluated");
        return NL_OK;
    }
    struct nl_comparison view;
    struct line line[LINES];
    nl_comparison_make(picture->results, picture->experiment, factor, -1, &view);
    int all = list_lines(picture, &view, metric, line), lines = all < LINES ? all : LINES;
    nl_page_open(page, picture->experiment, "small_batch", "Small-batch degradation: final error against the batch size.",
                 config->plot.width, config->plot.height + 0.2 * (lines > 6 ? lines - 6 : 0)); /* room for the legend */
    int status = put_plot(picture, page, &view, line, lines, err);
    if (lines < all)
        nl_text_add(picture->note, "small_batch: %d of %d lines are drawn\n", lines, all);
    nl_comparison_release(&view);
    return status;
}
