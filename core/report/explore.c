/* Writes the data of an explorer: keys, cells, means and runs. */
#include "report/explore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "config/value.h"
#include "plot/chart.h"
#include "plot/series.h"
#include "stats/rates.h"
#include "sweep/record.h"

/* ---- JSON ---- */

static void add_text(struct nl_text *out, const char *text)
{
    char *line = nl_one_line(text), *typeset = nl_typeset(line);
    nl_json_add(out, typeset);
    free(line);
    free(typeset);
}

void nl_explore_text(struct nl_text *out, const char *name, const char *text)
{
    nl_text_add(out, "\"%s\":", name);
    add_text(out, text);
}

void nl_explore_note(struct nl_text *notes, const char *format, ...)
{
    struct nl_text text = {0};
    va_list args;
    va_start(args, format);
    nl_text_vadd(&text, format, args);
    va_end(args);
    nl_text_add(notes, notes->length ? "," : "");
    add_text(notes, text.at);
    nl_text_release(&text);
}

/* A member of numbers, one for each of count. */
static void add_numbers(struct nl_text *out, const char *name, const double *value, int count)
{
    nl_text_add(out, ",\"%s\":[", name);
    for (int i = 0; i < count; i++) {
        nl_text_add(out, i ? "," : "");
        nl_json_add_number(out, value[i]);
    }
    nl_text_add(out, "]");
}

/* ---- keys ---- */

/* Whether all its values are numbers; of a key of numbers, "auto" is none. */
static bool has_numbers(const struct nl_factor *factor)
{
    bool numbers = !nl_factor_has_words(factor);
    for (int i = 0; i < factor->values && numbers; i++)
        numbers = isfinite(nl_factor_number(factor, i));
    return numbers;
}

/* The value of the experiment's base configuration, or that in the middle. */
static int usual_level(const struct nl_report_section *s, const struct nl_factor *factor)
{
    char *base = nl_key_text(factor->key, &s->experiment->config);
    int usual = factor->values / 2;
    for (int i = 0; i < factor->values; i++)
        if (strcmp(factor->value[i], base) == 0)
            usual = i;
    free(base);
    return usual;
}

static void add_key(struct nl_text *out, const struct nl_report_section *s, const struct nl_factor *factor)
{
    const struct nl_picture picture = {.results = s->results, .experiment = s->experiment};
    char *title = nl_factor_title(factor);
    nl_text_add(out, "{");
    nl_explore_text(out, "key", factor->key->name);
    nl_text_add(out, ",");
    nl_explore_text(out, "title", title);
    nl_text_add(out, ",\"kind\":%s,\"usual\":%d,\"values\":[",
                strcmp(factor->key->name, "norm.kind") == 0 ? "true" : "false", usual_level(s, factor));
    for (int i = 0; i < factor->values; i++) {
        nl_text_add(out, i ? "," : "");
        add_text(out, factor->value[i]);
    }
    nl_text_add(out, "],\"labels\":[");
    for (int i = 0; i < factor->values; i++) {
        char *label = nl_level_label(s->experiment, factor, i);
        nl_text_add(out, i ? "," : "");
        add_text(out, label);
        free(label);
    }
    nl_text_add(out, "],\"styles\":[");
    for (int i = 0; i < factor->values; i++) {
        struct nl_style style = nl_level_style(&picture, factor, i);
        nl_text_add(out, "%s[\"#%06x\",%d,%d]", i ? "," : "", style.colour & 0xFFFFFFu, style.marker, style.dash);
    }
    nl_text_add(out, "]");
    if (has_numbers(factor)) {
        double *at = nl_alloc((size_t)factor->values, sizeof *at);
        for (int i = 0; i < factor->values; i++)
            at[i] = nl_factor_number(factor, i);
        add_numbers(out, "at", at, factor->values);
        free(at);
    } else {
        nl_text_add(out, ",\"at\":null");
    }
    nl_text_add(out, "}");
    free(title);
}

/* What the question is about, or plot.x, or else the first key with several numbers, or with several values. */
static int first_x(const struct nl_report_section *s)
{
    const struct nl_results *results = s->results;
    const char *ignored;
    enum nl_question question = nl_question_of(s->experiment);
    int x = question == NL_ASK_SMALL_BATCH                                      ? nl_batch_factor(results)
            : question == NL_ASK_LR_TOLERANCE || question == NL_ASK_SENSITIVITY ? nl_rate_factor(results, &ignored)
                                                                                : -1;
    x = x < 0 ? nl_named_factor(results, s->experiment->config.plot.x) : x;
    for (int words = 0; words < 2; words++)
        for (int i = 0; i < results->factors && x < 0; i++)
            if (results->factor[i].values > 1 && (words || has_numbers(&results->factor[i])))
                x = i;
    return x;
}

/* Normalizers, or else the first other key of words, or of numbers. */
static int first_lines(const struct nl_report_section *s, int x)
{
    const struct nl_results *results = s->results;
    int kind = nl_results_factor(results, "norm.kind"),
        lines = kind >= 0 && kind != x && results->factor[kind].values > 1 ? kind : -1;
    for (int numbers = 0; numbers < 2; numbers++)
        for (int i = 0; i < results->factors && lines < 0; i++)
            if (i != x && results->factor[i].values > 1 && (numbers || nl_factor_has_words(&results->factor[i])))
                lines = i;
    return lines;
}

/* ---- cells ---- */

static void add_counts(struct nl_text *out, const struct nl_results *results)
{
    static const char *const names[] = {"planned", "trials", "failed"};
    for (int member = 0; member < 3; member++) {
        nl_text_add(out, ",\"%s\":[", names[member]);
        for (int i = 0; i < results->cells; i++) {
            const struct nl_cell *cell = &results->cell[i];
            nl_text_add(out, "%s%d", i ? "," : "",
                        member == 0   ? cell->planned
                        : member == 1 ? cell->trials
                                      : cell->failed);
        }
        nl_text_add(out, "]");
    }
}

static void add_cells(struct nl_text *out, const struct nl_results *results)
{
    nl_text_add(out, ",\"cells\":[");
    for (int i = 0; i < results->cells; i++) {
        nl_text_add(out, i ? ",[" : "[");
        for (int f = 0; f < results->factors; f++)
            nl_text_add(out, "%s%d", f ? "," : "", results->cell[i].level[f]);
        nl_text_add(out, "]");
    }
    nl_text_add(out, "]");
    add_counts(out, results);
}

static int outcome_of(const char *status)
{
    int outcome = 0;
    while (outcome < NL_OUTCOMES && strcmp(nl_outcome_names[outcome], status) != 0)
        outcome++;
    return outcome < NL_OUTCOMES ? outcome : -1;
}

/* trial, ended, failed_at */
static void add_runs(struct nl_text *out, const struct nl_results *results)
{
    int number = nl_csv_column(&results->csv, "trial"), step = nl_csv_column(&results->csv, "failed_step"), at = 0;
    struct nl_text trial = {0}, ended = {0}, failed = {0};
    for (int i = 0; i < results->cells; i++)
        for (int seed = 0; seed < results->seeds; seed++, at++) {
            const struct nl_cell *cell = &results->cell[i];
            const char *status = nl_cell_status(results, cell, seed);
            double value = NAN;
            int row = cell->row[seed], name = 0;
            if (row >= 0 && number >= 0)
                nl_csv_whole(&results->csv, row, number, 1, &name, NULL);
            if (row >= 0 && step >= 0)
                nl_csv_number(&results->csv, row, step, &value, NULL);
            nl_text_add(&trial, "%s%d", at ? "," : "", name);
            nl_text_add(&ended, "%s%d", at ? "," : "", status ? outcome_of(status) : -1);
            if (isfinite(value)) {
                nl_text_add(&failed, "%s\"%d\":", failed.length ? "," : "", at);
                nl_json_add_number(&failed, value);
            }
        }
    nl_text_add(out, ",\"trial\":[%s],\"ended\":[%s],\"failed_at\":{%s}", trial.at ? trial.at : "",
                ended.at ? ended.at : "", failed.at ? failed.at : "");
    nl_text_release(&trial);
    nl_text_release(&ended);
    nl_text_release(&failed);
}

/* ---- metrics ---- */

void nl_explore_measure(struct nl_text *out, const struct nl_report_section *s, const struct nl_metric_column *metric)
{
    const char *column = s->results->csv.name[metric->column];
    char *label = nl_metric_label(metric, column), *unit = strrchr(label, '(');
    if (unit && *metric->measure.unit) /* which the script puts behind numbers */
        unit[-1] = '\0';
    nl_explore_text(out, "column", column);
    nl_text_add(out, ",");
    nl_explore_text(out, "name", label);
    nl_text_add(out, ",");
    nl_explore_text(out, "unit", metric->measure.unit);
    nl_text_add(out, ",\"scale\":");
    nl_json_add_number(out, metric->measure.scale);
    free(label);
}

/* mean, lower, upper, n, finished */
static void add_means(struct nl_text *out, const struct nl_report_section *s, const struct nl_metric_column *metric)
{
    int cells = s->results->cells;
    double *mean = nl_alloc(4 * (size_t)cells + 1, sizeof *mean), *lower = mean + cells, *upper = lower + cells,
           *count = upper + cells;
    struct nl_text finished = {0};
    for (int i = 0; i < cells; i++) {
        const struct nl_cell *cell = &s->results->cell[i];
        struct nl_estimate all = nl_cell_mean(s->results, s->experiment, cell, metric);
        mean[i] = all.mean;
        lower[i] = all.lower;
        upper[i] = all.upper;
        count[i] = all.n;
        if (!cell->failed)
            continue;
        struct nl_estimate part = nl_cell_finished(s->results, s->experiment, cell, metric);
        nl_text_add(&finished, "%s\"%d\":[%d", finished.length ? "," : "", i, part.n);
        for (int end = 0; end < 3; end++) {
            nl_text_add(&finished, ",");
            nl_json_add_number(&finished, end == 0 ? part.mean : end == 1 ? part.lower : part.upper);
        }
        nl_text_add(&finished, "]");
    }
    add_numbers(out, "mean", mean, cells);
    add_numbers(out, "lower", lower, cells);
    add_numbers(out, "upper", upper, cells);
    add_numbers(out, "n", count, cells);
    nl_text_add(out, ",\"finished\":{%s}", finished.at ? finished.at : "");
    nl_text_release(&finished);
    free(mean);
}

/* The values of runs as they stand in trials.csv. */
static void add_values(struct nl_text *out, const struct nl_results *results, const struct nl_metric_column *metric)
{
    double *value = nl_alloc((size_t)results->cells * (size_t)results->seeds + 1, sizeof *value);
    int at = 0;
    for (int i = 0; i < results->cells; i++)
        for (int seed = 0; seed < results->seeds; seed++, at++) {
            int row = results->cell[i].row[seed];
            value[at] = NAN;
            if (row >= 0)
                nl_csv_number(&results->csv, row, metric->column, &value[at], NULL);
        }
    add_numbers(out, "values", value, at);
    free(value);
}

static void add_metrics(struct nl_text *out, const struct nl_report_section *s, const struct nl_metric_column *metric,
                        int metrics, struct nl_text *notes)
{
    const struct nl_results *results = s->results;
    int means = metrics, values = metrics;
    if ((long long)results->cells * metrics > NL_EXPLORE_MEANS)
        means = NL_EXPLORE_MEANS / results->cells;
    if ((long long)results->cells * results->seeds * metrics > NL_EXPLORE_VALUES)
        values = NL_EXPLORE_VALUES / (results->cells * results->seeds);
    if (metrics == 0)
        nl_explore_note(notes, "No run has a value that could be shown.");
    if (means < metrics)
        nl_explore_note(notes, "%d of %s are here; summary.csv has the others.", means, NL_COUNT(metrics, "metric"));
    if (values < means)
        nl_explore_note(notes, "Values of single runs are here for %d of %s; trials.csv has the others.", values,
                        NL_COUNT(means, "metric"));
    nl_text_add(out, ",\"metrics\":[");
    for (int m = 0; m < means; m++) {
        nl_text_add(out, m ? ",{" : "{");
        nl_explore_measure(out, s, &metric[m]);
        nl_text_add(out, ",\"chance\":");
        nl_json_add_number(out, metric[m].chance);
        add_means(out, s, &metric[m]);
        if (m < values)
            add_values(out, results, &metric[m]);
        else
            nl_text_add(out, ",\"values\":null");
        nl_text_add(out, "}");
    }
    nl_text_add(out, "]");
}

/* plot.metric comes first. */
static struct nl_metric_column *metrics_of(const struct nl_report_section *s, int *count)
{
    struct nl_metric_column *metric = nl_metric_columns(s->results, count);
    int column = nl_csv_column(&s->results->csv, nl_series_metric(s->experiment));
    for (int i = 1; i < *count; i++)
        if (metric[i].column == column) {
            struct nl_metric_column first = metric[i];
            memmove(metric + 1, metric, (size_t)i * sizeof *metric);
            metric[0] = first;
        }
    return metric;
}

static void add_data(struct nl_text *out, const struct nl_report_section *s, struct nl_text *notes)
{
    const struct nl_results *results = s->results;
    int metrics, x = first_x(s);
    struct nl_metric_column *metric = metrics_of(s, &metrics);
    const struct nl_config *config = &s->experiment->config;
    nl_text_add(out, ",\"interval\":\"%g %% %s interval\",\"x\":%d,\"lines\":%d,\"seeds\":[", 100 * config->plot.level,
                nl_interval_names[nl_interval_of(config)], x, first_lines(s, x));
    for (int i = 0; i < results->seeds; i++) {
        nl_text_add(out, i ? "," : "");
        add_text(out, results->seed[i]);
    }
    nl_text_add(out, "],\"outcomes\":[");
    for (int i = 0; i < NL_OUTCOMES; i++) {
        nl_text_add(out, i ? "," : "");
        add_text(out, nl_outcome_titles[i]);
    }
    nl_text_add(out, "],\"keys\":[");
    for (int i = 0; i < results->factors; i++) {
        nl_text_add(out, i ? "," : "");
        add_key(out, s, &results->factor[i]);
    }
    nl_text_add(out, "]");
    add_cells(out, results);
    add_runs(out, results);
    add_metrics(out, s, metric, metrics, notes);
    nl_explore_curves(s, metric, metrics, out, notes);
    free(metric);
}

void nl_explore(const struct nl_report_section *s)
{
    const struct nl_results *results = s->results;
    struct nl_text data = {0}, notes = {0}, json = {0};
    if (results->cells == 0)
        return;
    if ((long long)results->cells * results->seeds > NL_EXPLORE_RUNS)
        nl_explore_note(&notes,
                        "There are too many cells to explore them here, %s for %s each: a page has room for %s. "
                        "summary.csv and trials.csv have all of them.",
                        NL_COUNT(results->cells, "cell"), NL_COUNT(results->seeds, "seed"),
                        NL_COUNT(NL_EXPLORE_RUNS, "run"));
    else
        add_data(&data, s, &notes);
    nl_text_add(&json, "{\"notes\":[%s]%s}", notes.at ? notes.at : "", data.at ? data.at : "");
    nl_document_explorer(s->document, json.at);
    nl_text_release(&notes);
    nl_text_release(&data);
}
