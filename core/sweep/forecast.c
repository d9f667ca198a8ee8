#include "sweep/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"

/* Bytes of what is written: a row of a curve as numbers, what a row of the tables begins with for each key, and a trial's file and
 * table rows without its curve (measured on the shipped experiments). */
enum { CURVE_ROW = 66, KEY = 6, TRIAL = 3200 };

int nl_forecast_sizes(const struct nl_grid *grid, struct nl_forecast *out, struct nl_error *err)
{
    *out = (struct nl_forecast){.trials = grid->trials, .trial = nl_alloc((size_t)grid->trials, sizeof *out->trial)};
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_trial *trial = &grid->trial[i];
        struct nl_expected *expected = &out->trial[i];
        expected->outline = nl_trial_outline(&trial->config, nl_data_counts(&trial->config));
        if (nl_trial_size(&trial->config, trial->dataset, &expected->parameters, &expected->memory, err)) {
            nl_forecast_release(out);
            return NL_FAIL;
        }
        /* a curve is written twice: in the trial's file and in the table */
        expected->disk = TRIAL + (double)expected->outline.rows * (2 * CURVE_ROW + KEY * (grid->keys + 1));
    }
    return NL_OK;
}

/* A shape's training, measured. */
struct shape {
    char *identity; /* of the probe: what a step's time may depend on */
    double set_up, step, sample; /* seconds; of an evaluated sample */
};

enum { PROBE_SAMPLES = 128 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The trial cut down to some steps on a small part of its data; with a rate of 0, which costs the same and never diverges. */
static struct nl_config probe_of(const struct nl_config *config, int64_t steps)
{
    struct nl_counts counts = nl_data_counts(config);
    struct nl_config probe = *config;
    probe.data.train = smaller(counts.train, config->train.batch > PROBE_SAMPLES ? config->train.batch : PROBE_SAMPLES);
    probe.data.test = smaller(counts.test, PROBE_SAMPLES);
    probe.data.val = 0;
    probe.model.init_scale = 1;
    probe.train.steps = steps;
    probe.train.seed = 1;
    probe.train.lr = 0;
    probe.train.lr_scale = NL_LR_FIXED;
    probe.train.schedule = NL_CONSTANT;
    probe.train.warmup_epochs = 0;
    probe.train.label_noise = 0;
    probe.train.log_every = probe.train.eval_every = (int64_t)1e9;
    return probe;
}

static int measure(const struct nl_trial *trial, int64_t steps, struct shape *shape, struct nl_error *err)
{
    struct nl_config probe = probe_of(&trial->config, steps);
    struct nl_trial_result result;
    if (nl_trial_run(&probe, trial->dataset, NULL, &result, err))
        return NL_FAIL;
    struct nl_outline outline = nl_trial_outline(&probe, nl_data_counts(&probe));
    shape->step = result.training / (double)result.steps;
    shape->sample = result.evaluation / (double)outline.at_the_end.samples;
    shape->set_up = result.seconds - result.training - result.evaluation;
    nl_trial_result_release(&result);
    return NL_OK;
}

/* A first step says how many fit into `seconds`; those count, unless one is too many already. */
static int measure_shape(const struct nl_trial *trial, double seconds, struct shape *shape, struct nl_error *err)
{
    if (measure(trial, 1, shape, err))
        return NL_FAIL;
    double steps = seconds / (shape->step > 0 ? shape->step : 1e-9);
    return steps >= 1 ? measure(trial, (int64_t)(steps > 3 ? steps : 3), shape, err) : NL_OK;
}

static struct shape *find(struct shape *shapes, int count, const char *identity)
{
    for (int i = 0; i < count; i++)
        if (strcmp(shapes[i].identity, identity) == 0)
            return &shapes[i];
    return NULL;
}

static double total_cost(const struct nl_config *config)
{
    struct nl_cost cost = nl_trial_cost(config);
    return cost.training + cost.ending;
}

/* Fills seconds of the measured trials, and of the others by cost. */
static void apply(const struct nl_grid *grid, const int *todo, int count, const struct shape *const *shape_of, struct nl_forecast *forecast)
{
    double seconds = 0, cost = 0;
    for (int i = 0; i < count; i++) {
        const struct shape *shape = shape_of[i];
        struct nl_expected *expected = &forecast->trial[todo[i]];
        if (!shape)
            continue;
        const struct nl_outline *outline = &expected->outline;
        expected->seconds = shape->set_up + shape->step * (double)outline->steps +
                            shape->sample * (double)(outline->on_the_way.samples + outline->at_the_end.samples);
        seconds += expected->seconds;
        cost += total_cost(&grid->trial[todo[i]].config);
    }
    for (int i = 0; i < count; i++)
        if (!shape_of[i])
            forecast->trial[todo[i]].seconds = total_cost(&grid->trial[todo[i]].config) * seconds / cost;
}

int nl_forecast_times(const struct nl_grid *grid, const int *todo, int count, double budget, struct nl_forecast *forecast, struct nl_error *err)
{
    struct shape *shapes = nl_alloc((size_t)count, sizeof *shapes);
    const struct shape **shape_of = nl_alloc((size_t)count, sizeof *shape_of);
    char **identity = nl_alloc((size_t)count, sizeof *identity);
    int distinct = 0, status = NL_OK;
    for (int i = 0; i < count; i++) {
        struct nl_config probe = probe_of(&grid->trial[todo[i]].config, 1);
        identity[i] = nl_config_identity_text(&probe);
        if (!find(shapes, distinct, identity[i]))
            shapes[distinct++].identity = identity[i];
        shape_of[i] = find(shapes, distinct, identity[i]);
    }
    forecast->shapes = distinct;
    double began = nl_seconds();
    bool *measured = nl_alloc((size_t)distinct, sizeof *measured);
    for (int i = 0; i < count && status == NL_OK; i++) {
        struct shape *shape = &shapes[shape_of[i] - shapes];
        bool *done = &measured[shape - shapes];
        if (*done || (forecast->measured && nl_seconds() - began > budget))
            continue;
        status = measure_shape(&grid->trial[todo[i]], budget / distinct / 2, shape, err);
        *done = true;
        forecast->measured++;
    }
    for (int i = 0; i < count; i++)
        if (!measured[shape_of[i] - shapes])
            shape_of[i] = NULL;
    if (status == NL_OK)
        apply(grid, todo, count, shape_of, forecast);
    for (int i = 0; i < count; i++)
        free(identity[i]);
    free(measured);
    free(identity);
    free(shape_of);
    free(shapes);
    return status;
}

static int down(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left < right) - (left > right);
}

struct nl_demand nl_forecast_demand(const struct nl_forecast *forecast, const int *todo, int count, int workers)
{
    struct nl_demand out = {0};
    double *seconds = nl_alloc((size_t)count, sizeof *seconds), *memory = nl_alloc((size_t)count, sizeof *memory);
    double *busy = nl_alloc((size_t)workers, sizeof *busy);
    for (int i = 0; i < count; i++) {
        const struct nl_expected *expected = &forecast->trial[todo[i]];
        seconds[i] = expected->seconds;
        memory[i] = (double)expected->memory;
        out.work += expected->seconds;
        out.disk += expected->disk;
    }
    qsort(seconds, (size_t)count, sizeof *seconds, down);
    qsort(memory, (size_t)count, sizeof *memory, down);
    for (int i = 0; i < count; i++) {
        int first = 0; /* to be free */
        for (int w = 1; w < workers; w++)
            if (busy[w] < busy[first])
                first = w;
        busy[first] += seconds[i];
        out.seconds = busy[first] > out.seconds ? busy[first] : out.seconds;
        out.memory += i < workers ? memory[i] : 0;
    }
    free(seconds);
    free(memory);
    free(busy);
    return out;
}

int nl_forecast_check(const struct nl_forecast *forecast, const int *todo, int count, int workers, const char *folder, struct nl_error *err)
{
    struct nl_demand demand = nl_forecast_demand(forecast, todo, count, workers);
    double memory = nl_memory_available(), disk = nl_disk_available(folder);
    char needed[32], there[32];
    if (demand.disk > disk)
        return nl_fail(err, "the results would take about %s, and '%s' has room for %s: raise train.log_every, or choose another --out",
                       nl_bytes_text(demand.disk, needed), folder, nl_bytes_text(disk, there));
    if (demand.memory <= memory)
        return NL_OK;
    int side_by_side = workers < count ? workers : count, fewer = side_by_side;
    while (fewer > 1 && nl_forecast_demand(forecast, todo, count, fewer).memory > memory)
        fewer--;
    double one = nl_forecast_demand(forecast, todo, count, 1).memory;
    nl_bytes_text(memory, there);
    if (one > memory)
        return nl_fail(err, "a trial needs %s of memory, and this machine has %s free: lower train.batch or the network's size",
                       nl_bytes_text(one, needed), there);
    return nl_fail(err, "%d trials side by side need %s of memory, and this machine has %s free: %d fit%s (-j, --cohort)", side_by_side,
                   nl_bytes_text(demand.memory, needed), there, fewer, fewer == 1 ? "s" : "");
}

void nl_forecast_release(struct nl_forecast *forecast)
{
    free(forecast->trial);
    *forecast = (struct nl_forecast){0};
}
