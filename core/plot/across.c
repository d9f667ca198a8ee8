/* Reads what a measured x axis shows: a column of trials.csv, or the seconds of timing.csv. */
#include "plot/across.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/series.h"

/* What plot.x may name of a training: its cost, of which timing.csv has the seconds, and trials.csv the rest. */
static const struct cost {
    const char *word, *name, *unit;
} costs[] = {{"parameters", "parameters", ""}, {"flops", "training FLOPs", ""}, {"seconds", "training time", "s"}};
enum { COSTS = sizeof costs / sizeof *costs };

static const struct cost *cost_of(const char *word)
{
    for (int i = 0; i < COSTS; i++)
        if (strcmp(costs[i].word, word) == 0)
            return &costs[i];
    return NULL;
}

char *nl_across_title(const char *x)
{
    struct nl_measure measure;
    const struct cost *cost = cost_of(x);
    return cost ? nl_strdup(cost->name) : nl_measure(x, &measure) ? nl_strdup(measure.name) : NULL;
}

/* The seconds of each run that came to its end: [cells][seeds]. */
static int load_seconds(const struct nl_picture *picture, double **out, struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    int column = nl_csv_column(&results->csv, "trial"), trials = 0, trial, status = NL_OK;
    double *seconds = NULL;
    *out = nl_alloc((size_t)(results->cells * results->seeds), sizeof **out);
    for (int row = 0; column >= 0 && status == NL_OK && row < results->csv.rows; row++) {
        status = nl_csv_whole(&results->csv, row, column, 1, &trial, err);
        trials = status == NL_OK && trial > trials ? trial : trials;
    }
    if (status == NL_OK)
        status = nl_timing_load(picture, "seconds", trials, &seconds, err);
    for (int i = 0; status == NL_OK && i < results->cells * results->seeds; i++) {
        const struct nl_cell *cell = &results->cell[i / results->seeds];
        const char *how = nl_cell_status(results, cell, i % results->seeds);
        bool ended = how && (strcmp(how, "done") == 0 || strcmp(how, "dead") == 0);
        (*out)[i] = NAN;
        if (ended && column >= 0 &&
            nl_csv_whole(&results->csv, cell->row[i % results->seeds], column, 1, &trial, err) == NL_OK) {
            if (isnan(seconds[trial]))
                status = nl_timing_lacks(picture, trial, err);
            (*out)[i] = seconds[trial] > 0 ? seconds[trial] : NAN;
        }
    }
    free(seconds);
    return status;
}

int nl_across_load(const struct nl_picture *picture, struct nl_across *out, struct nl_error *err)
{
    const struct nl_results *results = picture->results;
    const char *word = picture->experiment->config.plot.x;
    const struct cost *cost = cost_of(word);
    *out = (struct nl_across){.word = word, .cost = cost};
    if (!cost) {
        out->metric = nl_metric_column(results, word);
        return NL_OK;
    }
    out->metric = (struct nl_metric_column){
        .column = nl_csv_column(&results->csv, word),
        .measure = {.unit = cost->unit, .step = "", .scale = 1.0, .part = "train", .statistics = ""},
        .sampling = {.first = results->first_seeds},
        .chance = NAN};
    snprintf(out->metric.measure.name, sizeof out->metric.measure.name, "%s", cost->name);
    if (strcmp(word, "seconds") != 0)
        return NL_OK;
    int status = load_seconds(picture, &out->values, err);
    out->metric.column = 0;
    out->metric.values = out->values;
    return status;
}

void nl_across_release(struct nl_across *across)
{
    free(across->values);
}
