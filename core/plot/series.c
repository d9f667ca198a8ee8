#include "plot/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "norm/norm.h"

/* A trial's place, found by its number. */
struct place {
    int cell, seed;
    bool failed; /* diverged or stopped by an error */
    const char *eval; /* the statistics that are reported first */
    double last_x, seconds_a_step;
    int last, last_step, window; /* the sighting before in its series (-1: none), and the steps that it is a mean of */
};

struct columns {
    int trial, step, x, split, eval, loss, accuracy;
};

struct loader {
    const struct nl_picture *picture;
    struct nl_table curves;
    struct columns column;
    struct place *place; /* [places], by the number of the trial */
    int places;
    struct nl_series *series;
    char split[8];
    bool loss, error;
    double scale;
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

static int whole(const struct nl_table *table, int row, int column, int *out, struct nl_error *err)
{
    double value;
    if (nl_table_number(table, row, column, &value, err) != NL_OK)
        return NL_BAD;
    if (!(value >= 0 && value < 1e9 && value == floor(value)))
        return nl_bad(err, "%s:%d: '%s' is no number of a %s", table->path, table->line[row], nl_table_field(table, row, column),
                       table->name[column]);
    *out = (int)value;
    return NL_OK;
}

static const char *first_eval(const struct nl_picture *picture, const struct nl_cell *cell)
{
    const struct nl_results *results = picture->results;
    struct nl_config config = picture->experiment->config;
    for (int i = 0; i < results->factors; i++)
        if (cell->level[i] != NL_INAPPLICABLE)
            nl_key_set(results->factor[i].key, &config, results->factor[i].value[cell->level[i]], NULL);
    return nl_eval_names[nl_config_tracks(&config) ? config.norm.eval.at[0] : NL_EVAL_RUNNING];
}

static int index_trials(struct loader *loader, struct nl_error *err)
{
    const struct nl_results *results = loader->picture->results;
    int column = nl_table_column(&results->table, "trial"), most = 0, number;
    for (int row = 0; row < results->table.rows; row++) {
        if (whole(&results->table, row, column, &number, err) != NL_OK)
            return NL_BAD;
        most = number > most ? number : most;
    }
    if (most > 1000000)
        return nl_bad(err, "'%s' numbers a trial %d: the file is damaged", results->path, most);
    loader->places = most + 1;
    loader->place = nl_alloc((size_t)loader->places, sizeof *loader->place);
    for (int i = 0; i < loader->places; i++)
        loader->place[i].cell = -1;
    for (int cell = 0; cell < results->cells; cell++)
        for (int seed = 0; seed < results->seeds; seed++) {
            int row = results->cell[cell].row[seed];
            if (row < 0 || whole(&results->table, row, column, &number, err) != NL_OK)
                continue;
            const char *status = nl_table_field(&results->table, row, results->status);
            loader->place[number] = (struct place){.cell = cell, .seed = seed, .last_x = NAN, .last = -1, .eval = first_eval(loader->picture, &results->cell[cell]),
                                                   .failed = strcmp(status, "diverged") == 0 || strcmp(status, "error") == 0};
        }
    return NL_OK;
}

/* Seconds are no part of curves.csv, which is the same on every machine: steps are scaled by each trial's own pace. */
static int read_pace(struct loader *loader, struct nl_error *err)
{
    char *path = nl_path_join(loader->picture->folder, "timing.csv");
    struct nl_table timing;
    int status = nl_table_read(path, &timing, err);
    free(path);
    if (status != NL_OK) {
        nl_fail_in(err, "plot.x = seconds");
        return status;
    }
    int trial, pace;
    status = nl_table_need(&timing, "trial", &trial, err) ? NL_BAD : nl_table_need(&timing, "steps_per_second", &pace, err);
    for (int row = 0; status == NL_OK && row < timing.rows; row++) {
        int number;
        double steps_per_second;
        status = whole(&timing, row, trial, &number, err);
        if (status == NL_OK)
            status = nl_table_number(&timing, row, pace, &steps_per_second, err);
        if (status == NL_OK && number < loader->places)
            loader->place[number].seconds_a_step = 1.0 / steps_per_second;
    }
    nl_table_release(&timing);
    return status;
}

static int find_columns(struct loader *loader, struct nl_error *err)
{
    static const char *const x_columns[] = {"step", "epoch", "samples", "step"};
    struct columns *at = &loader->column;
    const struct {
        const char *name;
        int *column;
    } needed[] = {{"trial", &at->trial}, {"step", &at->step}, {x_columns[nl_series_x(loader->picture->experiment)], &at->x},
                  {"split", &at->split}, {"eval", &at->eval}, {"loss", &at->loss}, {"accuracy", &at->accuracy}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (nl_table_need(&loader->curves, needed[i].name, needed[i].column, err) != NL_OK)
            return NL_BAD;
    return NL_OK;
}

/* Whether the row is of the metric's part, evaluated with the statistics that are reported first. */
static bool is_wanted(const struct loader *loader, int row, const struct place *place)
{
    const char *eval = nl_table_field(&loader->curves, row, loader->column.eval);
    if (strcmp(nl_table_field(&loader->curves, row, loader->column.split), loader->split) != 0)
        return false;
    return strcmp(eval, strcmp(loader->split, "train") == 0 ? "" : place->eval) == 0;
}

/* The last window of training batches may be shorter than the others, and so noisier: a spike that is none. It is joined with the one before. */
static void add_sighting(struct loader *loader, struct place *place, const struct nl_sighting *sighting)
{
    struct nl_series *series = &loader->series[place->cell];
    int window = (int)sighting->step - place->last_step;
    struct nl_sighting *before = place->last < 0 ? NULL : &series->at[place->last];
    bool joins = before && window > 0 && window < place->window && strcmp(loader->split, "train") == 0;
    place->last_step = (int)sighting->step;
    if (joins) {
        double value = (before->value * place->window + sighting->value * window) / (place->window + window);
        *before = *sighting;
        before->value = value;
        place->window += window;
        return;
    }
    NL_GROW(series->at, series->count, series->capacity);
    place->last = series->count;
    place->window = window;
    series->at[series->count++] = *sighting;
}

static int take_row(struct loader *loader, int row, struct nl_error *err)
{
    int number, step;
    double x, value;
    const struct nl_table *curves = &loader->curves;
    if (whole(curves, row, loader->column.trial, &number, err) != NL_OK || whole(curves, row, loader->column.step, &step, err) != NL_OK ||
        nl_table_number(curves, row, loader->column.x, &x, err) != NL_OK)
        return NL_BAD;
    if (number >= loader->places || loader->place[number].cell < 0)
        return nl_bad(err, "%s:%d: trial %d is not in trials.csv", curves->path, curves->line[row], number);
    struct place *place = &loader->place[number];
    if (nl_series_x(loader->picture->experiment) == NL_X_SECONDS)
        x *= place->seconds_a_step;
    place->last_x = x;
    if (place->failed || !is_wanted(loader, row, place))
        return NL_OK;
    if (nl_table_number(curves, row, loader->loss ? loader->column.loss : loader->column.accuracy, &value, err) != NL_OK)
        return NL_BAD;
    add_sighting(loader, place,
                 &(struct nl_sighting){.step = step, .x = x, .value = loader->scale * (loader->error ? 1.0 - value : value), .seed = place->seed});
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

static void add_failed(struct loader *loader)
{
    for (int i = 0; i < loader->places; i++) {
        const struct place *place = &loader->place[i];
        if (place->cell < 0 || !place->failed || !isfinite(place->last_x))
            continue;
        struct nl_series *series = &loader->series[place->cell];
        series->failed_x = nl_realloc(series->failed_x, (size_t)series->failed + 1, sizeof(double));
        series->failed_x[series->failed++] = place->last_x;
    }
}

int nl_series_load(const struct nl_picture *picture, struct nl_series **out, struct nl_error *err)
{
    const char *metric = nl_series_metric(picture->experiment);
    struct loader loader = {.picture = picture};
    struct nl_measure measure;
    nl_measure(metric, &measure);
    size_t part = strcspn(metric, "_");
    memcpy(loader.split, metric, part);
    loader.loss = strcmp(metric + part, "_loss") == 0;
    loader.error = measure.error;
    loader.scale = measure.scale;
    char *path = nl_path_join(picture->folder, "curves.csv");
    loader.series = nl_alloc((size_t)picture->results->cells, sizeof *loader.series);
    int status = nl_table_read(path, &loader.curves, err);
    free(path);
    if (status == NL_OK)
        status = find_columns(&loader, err);
    if (status == NL_OK)
        status = index_trials(&loader, err);
    if (status == NL_OK && nl_series_x(picture->experiment) == NL_X_SECONDS)
        status = read_pace(&loader, err);
    for (int row = 0; status == NL_OK && row < loader.curves.rows; row++)
        status = take_row(&loader, row, err);
    if (status == NL_OK) {
        add_failed(&loader);
        for (int i = 0; i < picture->results->cells; i++)
            order(&loader.series[i]);
        *out = loader.series;
    } else {
        nl_series_release(loader.series, picture->results->cells);
    }
    free(loader.place);
    nl_table_release(&loader.curves);
    return status;
}

void nl_series_release(struct nl_series *series, int cells)
{
    for (int i = 0; i < cells; i++) {
        free(series[i].at);
        free(series[i].failed_x);
    }
    free(series);
}
