/* Computes the points of a line: means, intervals, seeds and failed runs. */
#include "plot/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/network.h"
#include "norm/norm.h"
#include "stats/steps.h"

struct loader {
    const struct nl_picture *picture;
    struct nl_curves curves;
    bool *known; /* [trials + 1]: the trial stands in trials.csv */
    double *pace; /* [trials + 1]: what a step is on the x axis; NULL: the column says it */
    int step, x, split, eval, value; /* columns */
    char part[8];
    struct nl_measure measure;
};

/* A run on its way into its cell's series. */
struct run {
    int trial, seed;
    bool failed; /* diverged or ended with an error */
    const char *eval; /* the statistics that are reported first */
    int last, last_step, window; /* the sighting before (-1: none), and the steps that it is a mean of */
};

enum nl_x nl_series_x(const struct nl_experiment *experiment)
{
    for (int i = 0; nl_x_names[i]; i++)
        if (strcmp(nl_x_names[i], experiment->config.plot.x) == 0)
            return (enum nl_x)i;
    return NL_X_EPOCH;
}

const char *nl_series_metric(const struct nl_experiment *experiment)
{
    for (int i = 0; nl_metric_names[i]; i++)
        if (strcmp(nl_metric_names[i], experiment->config.plot.y) == 0)
            return nl_metric_names[i];
    return nl_metric_names[experiment->config.plot.metric];
}

const char *nl_series_eval(const struct nl_results *results, const struct nl_experiment *experiment,
                           const struct nl_cell *cell)
{
    const struct nl_config config = nl_cell_config(results, experiment, cell);
    return nl_eval_names[nl_config_tracks(&config) ? config.norm.eval.at[0] : NL_EVAL_RUNNING];
}

int nl_timing_load(const struct nl_picture *picture, const char *column, int trials, double **out, struct nl_error *err)
{
    char *path = nl_path_join(picture->folder, "timing.csv");
    struct nl_csv timing;
    int status = nl_csv_read(path, &timing, err);
    free(path);
    *out = NULL;
    if (status != NL_OK) {
        nl_fail_in(err, "plot.x = seconds");
        return status;
    }
    int trial, value;
    status = nl_csv_need(&timing, "trial", &trial, err) ? NL_BAD : nl_csv_need(&timing, column, &value, err);
    *out = nl_alloc((size_t)trials + 1, sizeof **out);
    for (int i = 0; i <= trials; i++)
        (*out)[i] = NAN;
    for (int row = 0; status == NL_OK && row < timing.rows; row++) {
        int number;
        double found;
        status = nl_csv_whole(&timing, row, trial, 1, &number, err);
        if (status == NL_OK)
            status = nl_csv_number(&timing, row, value, &found, err);
        if (status == NL_OK && number <= trials)
            (*out)[number] = found;
    }
    nl_csv_release(&timing);
    return status;
}

int nl_timing_lacks(const struct nl_picture *picture, int trial, struct nl_error *err)
{
    return nl_fail(
        err,
        "plot.x = seconds: '%s/timing.csv' has no time of trial %d, which another sweep or another program trained",
        picture->folder, trial);
}

/* Seconds are no part of curves.csv, which is the same on every machine: steps are scaled by each trial's own pace. */
static int read_pace(struct loader *loader, struct nl_error *err)
{
    int status = nl_timing_load(loader->picture, "steps_per_second", loader->curves.trials, &loader->pace, err);
    for (int trial = 1; status == NL_OK && trial <= loader->curves.trials; trial++)
        if (!isnan(loader->pace[trial]))
            loader->pace[trial] = loader->pace[trial] > 0 ? 1.0 / loader->pace[trial] : 0.0;
    return status;
}

static int find_columns(struct loader *loader, const char *metric, struct nl_error *err)
{
    static const char *const x_columns[] = {"step", "epoch", "samples", "step"};
    struct nl_measure *measure = &loader->measure;
    nl_measure(metric, measure);
    snprintf(loader->part, sizeof loader->part, "%s", measure->part);
    const struct {
        const char *name;
        int *column;
    } needed[] = {{"step", &loader->step},
                  {x_columns[nl_series_x(loader->picture->experiment)], &loader->x},
                  {"split", &loader->split},
                  {"eval", &loader->eval},
                  {nl_measure_column(measure), &loader->value}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (nl_csv_need(&loader->curves.csv, needed[i].name, needed[i].column, err) != NL_OK)
            return NL_BAD;
    return NL_OK;
}

static void append(struct nl_series *series, const struct nl_sighting *sighting)
{
    NL_GROW(series->at, series->count, series->capacity);
    series->at[series->count++] = *sighting;
}

/* The last window of training batches may be shorter than the others, and so noisier: a spike that is none. It is
 * joined with the one before. */
static void add_sighting(struct loader *loader, struct run *run, struct nl_series *series,
                         const struct nl_sighting *sighting)
{
    int window = sighting->step - run->last_step;
    struct nl_sighting *before = run->last < 0 ? NULL : &series->at[run->last];
    bool joins = before && window > 0 && window < run->window && strcmp(loader->part, "train") == 0;
    run->last_step = sighting->step;
    if (joins) {
        double value = (before->value * run->window + sighting->value * window) / (run->window + window);
        *before = *sighting;
        before->value = value;
        run->window += window;
        return;
    }
    run->last = series->count;
    run->window = window;
    append(series, sighting);
}

/* The rows of the metric's part, evaluated with the statistics that are reported first. */
static int take_run(struct loader *loader, struct run *run, struct nl_series *series, struct nl_error *err)
{
    const struct nl_csv *csv = &loader->curves.csv;
    const char *eval = strcmp(loader->part, "train") == 0 ? "" : run->eval;
    double x = NAN, value;
    int step, first = loader->curves.first[run->trial];
    for (int row = first; row < first + loader->curves.rows[run->trial]; row++) {
        if (nl_csv_whole(csv, row, loader->step, 0, &step, err) != NL_OK ||
            nl_csv_number(csv, row, loader->x, &x, err) != NL_OK)
            return NL_BAD;
        x *= loader->pace ? loader->pace[run->trial] : 1.0;
        if (loader->pace && isnan(loader->pace[run->trial]))
            return nl_timing_lacks(loader->picture, run->trial, err);
        if (run->failed || strcmp(nl_csv_field(csv, row, loader->split), loader->part) != 0 ||
            strcmp(nl_csv_field(csv, row, loader->eval), eval) != 0)
            continue;
        if (nl_csv_number(csv, row, loader->value, &value, err) != NL_OK)
            return NL_BAD;
        add_sighting(loader, run, series,
                     &(struct nl_sighting){.step = step,
                                           .x = x,
                                           .value = loader->measure.scale * nl_measure_read(&loader->measure, value),
                                           .seed = run->seed});
    }
    if (run->failed && isfinite(x)) {
        series->failed_x = nl_realloc(series->failed_x, (size_t)series->failed + 1, sizeof(double));
        series->failed_x[series->failed++] = x;
    }
    return NL_OK;
}

static int by_step(const void *left, const void *right)
{
    const struct nl_sighting *a = left, *b = right;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

/* The last step may have been evaluated twice, on the way and at the end, to the same value: one a seed is kept. */
static void order(struct nl_series *series)
{
    if (series->count == 0)
        return;
    qsort(series->at, (size_t)series->count, sizeof *series->at, by_step);
    int kept = 1;
    for (int i = 1; i < series->count; i++)
        if (by_step(&series->at[i], &series->at[kept - 1]) != 0)
            series->at[kept++] = series->at[i];
    series->count = kept;
}

static int take_cell(struct loader *loader, int index, struct nl_series *series, struct nl_error *err)
{
    const struct nl_results *results = loader->picture->results;
    const struct nl_cell *cell = &results->cell[index];
    const char *eval = nl_series_eval(results, loader->picture->experiment, cell);
    int column = nl_csv_column(&results->csv, "trial");
    for (int seed = 0; seed < results->seeds; seed++) {
        const char *status = nl_cell_status(results, cell, seed);
        struct run run = {.seed = seed, .eval = eval, .last = -1};
        if (!status)
            continue;
        if (nl_csv_whole(&results->csv, cell->row[seed], column, 1, &run.trial, err) != NL_OK)
            return NL_BAD;
        run.failed = strcmp(status, "diverged") == 0 || strcmp(status, "error") == 0;
        if (run.trial > loader->curves.trials)
            continue; /* it has no curve */
        loader->known[run.trial] = true;
        int taken = take_run(loader, &run, series, err);
        if (taken != NL_OK)
            return taken;
    }
    order(series);
    return NL_OK;
}

static int check_known(const struct loader *loader, struct nl_error *err)
{
    const struct nl_curves *curves = &loader->curves;
    for (int trial = 0; trial <= curves->trials; trial++)
        if (curves->rows[trial] > 0 && !loader->known[trial])
            return nl_bad(err, "%s:%d: trial %d is not in trials.csv", curves->csv.path,
                          curves->csv.line[curves->first[trial]], trial);
    return NL_OK;
}

int nl_series_load(const struct nl_picture *picture, struct nl_series **out, struct nl_error *err)
{
    struct nl_curves curves;
    int status = nl_curves_load(picture->results, "curves.csv", &curves, err);
    return status == NL_OK ? nl_series_of(picture, &curves, out, err) : status;
}

int nl_series_of(const struct nl_picture *picture, struct nl_curves *curves, struct nl_series **out,
                 struct nl_error *err)
{
    struct loader loader = {.picture = picture, .curves = *curves};
    int cells = picture->results->cells, status;
    *curves = (struct nl_curves){0};
    loader.known = nl_alloc((size_t)loader.curves.trials + 1, sizeof *loader.known);
    *out = nl_alloc((size_t)cells, sizeof **out);
    status = find_columns(&loader, nl_series_metric(picture->experiment), err);
    if (status == NL_OK && nl_series_x(picture->experiment) == NL_X_SECONDS)
        status = read_pace(&loader, err);
    for (int i = 0; status == NL_OK && i < cells; i++)
        status = take_cell(&loader, i, &(*out)[i], err);
    if (status == NL_OK)
        status = check_known(&loader, err);
    if (status != NL_OK)
        nl_series_release(*out, cells);
    free(loader.known);
    free(loader.pace);
    nl_curves_release(&loader.curves);
    return status;
}

struct nl_series *nl_series_of_depth(const struct nl_picture *picture, const struct nl_inside *inside)
{
    const struct nl_results *results = picture->results;
    const double scale = nl_inside_measure(inside->quantity).scale;
    struct nl_series *out = nl_alloc((size_t)results->cells, sizeof *out);
    for (int i = 0; i < results->cells; i++)
        for (int tensor = 0; tensor < inside->tensors; tensor++)
            for (int seed = 0; seed < results->seeds; seed++) {
                const struct nl_cell *cell = &results->cell[i];
                int step = nl_inside_step_of(inside, results, picture->experiment, cell, seed);
                const char *status = nl_cell_status(results, cell, seed);
                out[i].failed += step < 0 && status && tensor == 0;
                double value = step < 0 ? NAN : nl_inside_value(inside, results, cell, seed, tensor, step);
                out[i].left_out += !isnan(value) && !nl_inside_is_comparable(inside->quantity, value);
                if (!nl_inside_is_comparable(inside->quantity, value))
                    continue;
                append(&out[i],
                       &(struct nl_sighting){.step = tensor, .x = tensor, .value = scale * value, .seed = seed});
            }
    return out;
}

struct nl_series *nl_series_over_training(const struct nl_picture *picture, const struct nl_inside *inside,
                                          const struct nl_inside *least, const struct nl_inside *most)
{
    const struct nl_results *results = picture->results;
    const double scale = nl_inside_measure(inside->quantity).scale;
    struct nl_series *out = nl_alloc((size_t)results->cells, sizeof *out);
    for (int i = 0; i < results->cells; i++)
        for (int step = 0; step < inside->steps; step++)
            for (int seed = 0; seed < results->seeds; seed++) {
                const struct nl_cell *cell = &results->cell[i];
                int ignored = 0;
                double mean = nl_inside_over_tensors(inside, results, cell, seed, step, &out[i].left_out),
                       low = least ? nl_inside_over_tensors(least, results, cell, seed, step, &ignored) : mean,
                       high = most ? nl_inside_over_tensors(most, results, cell, seed, step, &ignored) : mean;
                if (!nl_inside_is_comparable(inside->quantity, mean) || !isfinite(low) || !isfinite(high))
                    continue;
                append(&out[i], &(struct nl_sighting){.step = inside->step[step],
                                                      .x = inside->step[step],
                                                      .value = scale * mean,
                                                      .seed = seed,
                                                      .low = low,
                                                      .high = high});
            }
    return out;
}

void nl_series_release(struct nl_series *series, int cells)
{
    for (int i = 0; i < cells; i++) {
        free(series[i].at);
        free(series[i].failed_x);
    }
    free(series);
}
