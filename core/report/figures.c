/* The figures of a report, drawn anew from the results, each with a caption and with a text for those who do not see
 * it. */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/value.h"
#include "plot/across.h"
#include "plot/plot.h"
#include "plot/render.h"
#include "report/report.h"
#include "report/svg.h"
#include "stats/answer.h"
#include "stats/inside.h"
#include "stats/rates.h"
#include "stats/tasks.h"

struct shown {
    const char *name; /* of the picture; "": any other */
    const char *kind; /* of chart */
    const char *x;    /* its horizontal axis; NULL: a key of the sweep */
    const char *y;    /* its vertical axis; NULL: the metric */
    const char *each; /* what stands for the methods; NULL: panels, and colours for the metric */
    const char *tells; /* in a caption, after "The test error against the batch size", or after "The test error" where x
                          is said here */
    bool inside;       /* it shows plot.quantity, not plot.metric */
};

static const struct shown *shown_as(const char *name)
{
    static const struct shown all[] = {
        {"small_batch", "Line chart", NULL, NULL, "Lines", ", a line for each method", false},
        {"lr_tolerance", "Line chart", NULL, NULL, "Lines", ", a line for each method, with the runs that failed",
         false},
        {"curves", "Line chart", "training time", NULL, "Lines",
         " during training, a line for each setting that is compared", false},
        {"steps", "Step chart", "weight updates", "runs not yet at the target (%)", "Lines",
         " against its target: the share of runs that are not yet there", false},
        {"profiles", "Step chart", "value of the metric", "runs of all tasks that are at least as good (%)", "Lines",
         " over all tasks: the share of runs that are at least as good, a line for each method", false},
        {"best_of_k", "Line chart", "settings tried (k)", NULL, "Lines",
         " of the best of k settings, in expectation, a line for each method", false},
        {"heatmap", "Heat map", "a key of the sweep", "another key of the sweep", NULL,
         " as colours over two keys, a panel for each combination of the others", false},
        {"layers", "Heat map", "step", "layer", NULL, " as colours, layer by step, a panel for each method", true},
        {"landscape", "Line chart", "step", NULL, "Lines",
         " along the gradient during training, a ribbon for each method", true},
        {"plane", "Heat map", "first direction", "second direction", NULL,
         " in a plane of the parameters as colours, a panel for each method", true},
        {"depth", "Line chart", "layer", NULL, "Lines", " over the layers, a line for each method", true},
        {"", "Chart", NULL, NULL, "Drawn for", "", false},
    };
    const struct shown *at = all;
    while (*at->name && strcmp(at->name, name) != 0)
        at++;
    return at;
}

/* The key along a picture's x axis, or whose values are put together there; -1: none of the sweep. */
static int x_factor_of(const struct nl_results *results, const struct nl_experiment *experiment,
                       const struct shown *shown)
{
    const char *ignored;
    if (strcmp(shown->name, "profiles") == 0)
        return nl_task_factor(results, experiment, &ignored);
    if (strcmp(shown->name, "best_of_k") == 0 && !experiment->rounds.tunes)
        return nl_rate_factor(results, &ignored);
    if (shown->x)
        return -1;
    if (strcmp(shown->name, "small_batch") == 0)
        return nl_batch_factor(results);
    const char *key = strcmp(shown->name, "lr_tolerance") == 0 ? "train.lr" : experiment->config.plot.x;
    int factor = 0;
    while (strcmp(key, "auto") == 0 && factor < results->factors && !nl_key_is_number(results->factor[factor].key))
        factor++;
    return strcmp(key, "auto") != 0 ? nl_results_factor(results, key) : factor < results->factors ? factor : -1;
}

/* What the picture shows: kind of chart, axes, methods. Without its findings, which the answer says. */
static char *alt_of(const struct nl_results *results, const struct nl_experiment *experiment, const struct shown *shown,
                    const char *x, const char *y)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s. Horizontal axis: %s. Vertical axis: %s.", shown->kind, x, shown->y ? shown->y : y);
    if (shown->each) {
        struct nl_comparison view;
        nl_comparison_make(results, experiment, x_factor_of(results, experiment, shown), -1, &view);
        char **label = nl_alloc((size_t)view.methods + 1, sizeof *label);
        for (int i = 0; i < view.methods; i++)
            label[i] = view.method[i].label;
        nl_text_add(&out, " %s: ", shown->each);
        nl_say_names(&out, (const char *const *)label, view.methods, "method");
        nl_text_add(&out, ".");
        free(label);
        nl_comparison_release(&view);
    } else {
        nl_text_add(&out, " Colour: %s.", y);
    }
    return out.at;
}

/* What the picture shows, and then how, as the caption says that lies beside it. */
static char *caption_of(const struct shown *shown, const char *metric, const char *x, const char *how)
{
    return nl_format("The %s%s%s%s. %s", metric, shown->x ? "" : " against the ", shown->x ? "" : x, shown->tells, how);
}

static void add_figure(struct nl_document *document, const struct nl_report_source *source,
                       const struct nl_results *results, struct nl_report_figures *figures, const char *name)
{
    char *file = nl_format("figures/%s/%s", figures->name, name), *path = nl_format("%s/%s.svg", figures->folder, file);
    char *beside = nl_format("%s/%s.txt", figures->folder, file), *how = nl_file_read_plain(beside, NULL, NULL);
    char *prefix = nl_format("%s-%s-", figures->name, name);
    const struct shown *shown = shown_as(name);
    int factor = x_factor_of(results, source->experiment, shown);
    const struct nl_config *config = &source->experiment->config;
    char *measured = strcmp(name, "figure") == 0 ? nl_across_title(config->plot.x) : NULL;
    const char *x = shown->x      ? shown->x
                    : measured    ? measured
                    : factor >= 0 ? nl_key_title(results->factor[factor].key)
                                  : "first key of the sweep";
    struct nl_measure measure = nl_inside_measure((enum nl_quantity)config->plot.quantity);
    bool tuned = strcmp(name, "best_of_k") == 0 && source->experiment->rounds.tunes;
    if (!shown->inside)
        nl_measure(nl_metric_names[tuned ? (int)source->experiment->rounds.tune_by : config->plot.metric], &measure);
    char *y = nl_format("%s%s%s%s", measure.name, *measure.unit ? " (" : "", measure.unit, *measure.unit ? ")" : "");
    bool across = strcmp(name, "profiles") == 0; /* the metric is the horizontal axis */
    char *alt = alt_of(results, source->experiment, shown, across ? y : x, y),
         *caption = caption_of(shown, measure.name, x, how ? how : ""), *drawing = NULL;
    size_t length;
    struct nl_error err = {{0}};
    bool scripts = nl_gnuplot_is_missing();
    char *svg = scripts ? NULL : nl_file_read_plain(path, &length, &err);
    if (svg)
        drawing = nl_svg_element(svg, length, prefix, alt, &err);
    if (drawing) {
        nl_document_figure(document, caption, alt, file, drawing);
    } else if (scripts) { /* what it would show is in the tables, too */
        nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "Figure, drawn by the script %s.gp: %s", file, caption);
    } else {
        nl_document_add(document, NL_BLOCK_WARNING, 0, "The figure %s.svg cannot be shown: %s", file, err.text);
        figures->failed++;
    }
    free(svg);
    free(y);
    free(measured);
    free(alt);
    free(caption);
    free(prefix);
    free(how);
    free(beside);
    free(path);
    free(file);
}

/* What nl_plot says it did: a figure for each script that it wrote, a sentence for what it left out. */
static void add_drawn(struct nl_document *document, const struct nl_report_source *source,
                      const struct nl_results *results, struct nl_report_figures *figures, const char *report)
{
    static const char mark[] = "plot: ";
    for (const char *line = report; line && *line;) {
        int length = (int)strcspn(line, "\n");
        char *text = nl_format("%.*s", length, line), *slash = strrchr(text, '/'), *ending = strrchr(text, '.');
        if (strncmp(text, mark, strlen(mark)) != 0) {
            nl_document_add(document, NL_BLOCK_PARAGRAPH, 0, "%s", text);
        } else if (slash && ending > slash) {
            *ending = '\0';
            add_figure(document, source, results, figures, slash + 1);
        }
        free(text);
        line += length + (line[length] == '\n');
    }
}

void nl_report_add_figures(struct nl_document *document, const struct nl_report_source *source,
                           struct nl_report_figures *figures)
{
    struct nl_text report = {0};
    struct nl_error err = {{0}};
    struct nl_results results;
    char *folder = nl_format("%s/figures/%s", figures->folder, figures->name);
    const struct nl_plot_options how = {.home = source->folder,
                                        .out = folder,
                                        .svg = true,
                                        .pdf = true,
                                        .stop = figures->stop,
                                        .without = true,
                                        .report = &report};
    struct nl_experiment untitled = *source->experiment; /* the section has the title */
    untitled.config.plot.title = "";
    untitled.config.plot.caption = NL_CAPTION_FILE;
    bool loaded = nl_results_load(source->tables, source->experiment, source->planned, &results, &err) == NL_OK;
    if (loaded && nl_plot(source->tables, &untitled, source->planned, &how, &err) == NL_OK) {
        add_drawn(document, source, &results, figures, report.at);
    } else {
        nl_document_add(document, NL_BLOCK_WARNING, 0, "The figures could not be drawn: %s", err.text);
        figures->failed++;
    }
    if (loaded)
        nl_results_release(&results);
    nl_text_release(&report);
    free(folder);
}
