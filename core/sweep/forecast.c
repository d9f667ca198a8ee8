/* Measures a step of each shape, or takes the times of finished trials, and adds up time, memory and disk. */
#include "sweep/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"
#include "graph/quantities.h"
#include "sweep/observed.h"

/* Bytes of what is written: a row of a curve as numbers, what a row of the tables begins with for each key, a trial's
 * file and table rows without its curve; of an observed tensor, a step in the trial's file, and a row of metrics.csv
 * (measured on the shipped experiments, and on resnet8_synth with all groups of log.layers). */
enum { CURVE_ROW = 66, KEY = 6, TRIAL = 3200, SEEN = 117, QUANTITY_ROW = 36 };

static double metrics_bytes(const struct nl_config *config, const struct nl_step_counts *counts, int keys)
{
    if (!nl_config_observes(config))
        return 0;
    struct nl_observers observers = nl_observers_of(config);
    double bytes = 0;
    for (int i = 0; i < observers.count; i++) {
        double each = SEEN;
        for (enum nl_quantity q = 0; q < NL_QUANTITIES; q++)
            each += nl_quantity_applies(q, observers.at[i].aspect) ? QUANTITY_ROW + KEY * keys : 0;
        bytes += each * (double)nl_observed_steps(counts, nl_is_aside(observers.at[i].aspect));
    }
    nl_observers_release(&observers);
    return bytes;
}

int nl_forecast_sizes(const struct nl_grid *grid, struct nl_forecast *out, struct nl_error *err)
{
    *out = (struct nl_forecast){.trials = grid->trials,
                                .trial = nl_alloc((size_t)grid->trials, sizeof *out->trial),
                                .observes = grid->trials > 0 && nl_config_observes(&grid->trial[0].config)};
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_trial *trial = &grid->trial[i];
        struct nl_expected *expected = &out->trial[i];
        expected->step_counts = nl_trial_step_counts(&trial->config, nl_data_counts(&trial->config));
        if (nl_trial_size(&trial->config, trial->dataset, &expected->parameters, &expected->memory, err)) {
            nl_forecast_release(out);
            return NL_FAIL;
        }
        expected->device = (enum nl_device_kind)trial->config.device.kind;
        expected->device_index = (int)trial->config.device.index;
        /* a curve is written twice: in the trial's file and in the table */
        expected->disk = TRIAL + (double)expected->step_counts.rows * (2 * CURVE_ROW + KEY * (grid->keys + 1)) +
                         metrics_bytes(&trial->config, &expected->step_counts, grid->keys + 1);
    }
    return NL_OK;
}

/* A shape's training, measured. */
struct shape {
    char *identity; /* nl_times_shape */
    bool known;     /* and not only its name */
    double rate;    /* seconds for a unit of cost, of trials that have finished; 0: none has, and then: */
    double set_up, step, sample; /* seconds; of an evaluated sample */
};

enum { PROBE_SAMPLES = 128 };
static const double ENOUGH = 0.25; /* seconds of steps, of a shape */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The trial cut down to some steps on a small part of its data; with a rate of 0, which costs the same and never
 * diverges. */
static struct nl_config probe_of(const struct nl_config *config, int64_t steps)
{
    struct nl_counts counts = nl_data_counts(config);
    struct nl_config probe = nl_times_bare(config);
    probe.data.train = smaller(counts.train, config->train.batch > PROBE_SAMPLES ? config->train.batch : PROBE_SAMPLES);
    probe.data.test = smaller(counts.test, PROBE_SAMPLES);
    probe.train.steps = steps;
    return probe;
}

/* `together` of them, as a cohort: on a GPU that is what a step's time depends on most. */
static int measure(const struct nl_trial *trial, int together, int64_t steps, struct shape *shape, struct nl_error *err)
{
    struct nl_config probe = probe_of(&trial->config, steps);
    const struct nl_config **config = nl_alloc((size_t)together, sizeof(struct nl_config *));
    struct nl_trial_options *options = nl_alloc((size_t)together, sizeof *options);
    struct nl_trial_result *result = nl_alloc((size_t)together, sizeof *result);
    for (int i = 0; i < together; i++)
        config[i] = &probe;
    int status = nl_cohort_run(config, trial->dataset, options, together, result, err);
    if (status == NL_OK) {
        struct nl_step_counts step_counts = nl_trial_step_counts(&probe, nl_data_counts(&probe));
        shape->step = result->training / (double)result->steps;
        shape->sample = result->evaluation / (double)step_counts.at_the_end.samples;
        shape->set_up = result->seconds - result->training - result->evaluation;
    }
    for (int i = 0; i < together; i++)
        nl_trial_result_release(&result[i]);
    free(config);
    free(options);
    free(result);
    return status;
}

/* A first step says how many fit into `seconds`; those count, unless one is too many already. They are made in parts,
 * of which the quickest is taken: what else the machine does now and then is no part of a step. */
static int measure_shape(const struct nl_trial *trial, int together, double seconds, struct shape *shape,
                         struct nl_error *err)
{
    enum { PARTS = 5 };
    if (measure(trial, together, 1, shape, err))
        return NL_FAIL;
    double steps = seconds / ((shape->step > 0 ? shape->step : 1e-9) * together);
    int parts = (int)fmin(steps, PARTS);
    for (int i = 0; i < parts; i++) {
        struct shape part;
        if (measure(trial, together, (int64_t)(steps / parts), &part, err))
            return NL_FAIL;
        shape->step = i ? fmin(shape->step, part.step) : part.step;
        shape->sample = i ? fmin(shape->sample, part.sample) : part.sample;
        shape->set_up = i ? fmin(shape->set_up, part.set_up) : part.set_up;
    }
    return NL_OK;
}

/* Cohorts of a shape mostly follow one another: the last one found is looked at first. */
static struct shape *find(struct shape *shapes, int count, int first, const char *identity)
{
    for (int i = 0; i < count; i++) {
        struct shape *shape = &shapes[(first + i) % count];
        if (strcmp(shape->identity, identity) == 0)
            return shape;
    }
    return NULL;
}

static double seconds_of(const struct shape *shape, const struct nl_expected *expected, struct nl_cost cost)
{
    const struct nl_step_counts *counts = &expected->step_counts;
    if (shape->rate > 0)
        return shape->rate * nl_cost_total(cost);
    return shape->set_up + shape->step * (double)counts->steps +
           shape->sample * (double)(counts->on_the_way.samples + counts->at_the_end.samples);
}

/* Fills seconds of the known shapes' trials, and of the others by cost. */
static void apply(const struct nl_cohorts *cohorts, const struct shape *const *shape_of, struct nl_forecast *forecast)
{
    double seconds = 0, cost = 0;
    for (int i = 0; i < cohorts->count; i++) {
        const struct nl_cohort *cohort = &cohorts->at[i];
        for (int k = 0; shape_of[i]->known && k < cohort->count; k++) {
            struct nl_expected *expected = &forecast->trial[cohort->trial[k]];
            expected->seconds = seconds_of(shape_of[i], expected, cohort->cost);
            seconds += expected->seconds;
            cost += nl_cost_total(cohort->cost);
        }
    }
    for (int i = 0; i < cohorts->count; i++) {
        const struct nl_cohort *cohort = &cohorts->at[i];
        for (int k = 0; !shape_of[i]->known && k < cohort->count; k++)
            forecast->trial[cohort->trial[k]].seconds = nl_cost_total(cohort->cost) * seconds / cost;
    }
}

int nl_forecast_times(const struct nl_grid *grid, const struct nl_cohorts *cohorts, const struct nl_times *finished,
                      double budget, struct nl_forecast *forecast, struct nl_error *err)
{
    int count = cohorts->count, distinct = 0, last = 0, status = NL_OK;
    struct shape *shapes = nl_alloc((size_t)count, sizeof *shapes);
    const struct shape **shape_of = nl_alloc((size_t)count, sizeof *shape_of);
    int *number = nl_alloc((size_t)count, sizeof *number);
    for (int i = 0; i < count; i++) {
        char *identity = nl_times_shape(&grid->trial[cohorts->at[i].trial[0]].config);
        struct shape *shape = find(shapes, distinct, last, identity);
        if (!shape) {
            shape = &shapes[distinct++];
            double rate = finished ? nl_times_rate(finished, identity) : 0;
            *shape = (struct shape){.identity = nl_strdup(identity), .known = rate > 0, .rate = rate};
            forecast->finished += shape->known;
        }
        last = number[i] = (int)(shape - shapes);
        shape_of[i] = shape;
        free(identity);
    }
    forecast->shapes = distinct;
    double began = nl_seconds(), each = fmin(budget / (distinct - forecast->finished) / 2, ENOUGH);
    for (int i = 0; i < count && status == NL_OK; i++) {
        const struct nl_cohort *cohort = &cohorts->at[i];
        struct shape *shape = &shapes[number[i]];
        if (shape->known || (forecast->measured + forecast->finished && nl_seconds() - began >= budget))
            continue;
        status = measure_shape(&grid->trial[cohort->trial[0]], cohort->count, each, shape, err);
        shape->known = true;
        forecast->measured++;
    }
    if (status == NL_OK)
        apply(cohorts, shape_of, forecast);
    for (int i = 0; i < distinct; i++)
        free(shapes[i].identity);
    free(number);
    free(shape_of);
    free(shapes);
    return status;
}

static bool on_gpu(const struct nl_forecast *forecast, const struct nl_cohort *cohort)
{
    return forecast->trial[cohort->trial[0]].device == NL_CUDA;
}

/* What one cohort takes. */
struct load {
    double seconds, memory;
    int trials;
    bool gpu; /* which is busy with one, or with as many as the workers have: their times add up */
};

static int longest_first(const void *a, const void *b)
{
    const struct load *left = a, *right = b;
    return (left->seconds < right->seconds) - (left->seconds > right->seconds);
}

static int largest_first(const void *a, const void *b)
{
    const struct load *left = a, *right = b;
    return (left->memory < right->memory) - (left->memory > right->memory);
}

struct nl_demand nl_forecast_demand(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers)
{
    struct nl_demand out = {0};
    size_t count = (size_t)cohorts->count;
    struct load *load = nl_alloc(count, sizeof *load);
    double *busy = nl_alloc((size_t)workers, sizeof *busy);
    for (size_t i = 0; i < count; i++) {
        load[i].trials = cohorts->at[i].count;
        load[i].gpu = on_gpu(forecast, &cohorts->at[i]);
        for (int k = 0; k < load[i].trials; k++) {
            const struct nl_expected *expected = &forecast->trial[cohorts->at[i].trial[k]];
            load[i].seconds += expected->seconds;
            load[i].memory += (double)expected->memory;
            out.disk += expected->disk;
        }
        out.work += load[i].seconds;
    }
    qsort(load, count, sizeof *load, longest_first);
    for (size_t i = 0; i < count; i++) {
        int first = 0; /* to be free */
        for (int w = 1; w < workers && !load[i].gpu; w++)
            if (busy[w] < busy[first])
                first = w;
        busy[first] += load[i].seconds;
        out.seconds = busy[first] > out.seconds ? busy[first] : out.seconds;
    }
    qsort(load, count, sizeof *load, largest_first);
    for (size_t i = 0; i < count && i < (size_t)workers; i++) {
        out.memory += load[i].memory;
        out.together += load[i].trials;
    }
    free(load);
    free(busy);
    return out;
}

/* Checks whether cohorts that run side by side fit the memory that they share. */
static int check_memory(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers,
                        struct nl_error *err)
{
    const struct nl_expected *first = &forecast->trial[cohorts->at[0].trial[0]];
    double memory = nl_device_memory(first->device, first->device_index), largest = 0;
    const char *where = on_gpu(forecast, cohorts->at) ? "the GPU" : "this machine";
    struct nl_demand demand = nl_forecast_demand(forecast, cohorts, workers), less = demand;
    char needed[32], there[32];
    if (demand.memory <= memory)
        return NL_OK;
    for (int i = 0; i < cohorts->count; i++)
        for (int k = 0; k < cohorts->at[i].count; k++)
            largest = fmax(largest, (double)forecast->trial[cohorts->at[i].trial[k]].memory);
    nl_bytes_text(memory, there);
    if (largest > memory)
        return nl_fail(err, "a trial needs %s of memory, and %s has %s free: lower train.batch or the network's size",
                       nl_bytes_text(largest, needed), where, there);
    while (workers > 1 && less.memory > memory)
        less = nl_forecast_demand(forecast, cohorts, --workers);
    int fit = less.memory <= memory ? less.together : (int)(memory / largest);
    return nl_fail(err, "%s at a time would need %s of memory, and %s has %s free: %d %s (-j, --cohort)",
                   NL_COUNT(demand.together, "trial"), nl_bytes_text(demand.memory, needed), where, there, fit,
                   nl_agree(fit, "fits", "fit"));
}

int nl_forecast_check(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers,
                      const char *folder, struct nl_error *err)
{
    double needed = nl_forecast_demand(forecast, cohorts, workers).disk, disk = nl_disk_available(folder);
    char size[32], there[32];
    if (needed > disk)
        return nl_fail(err,
                       "the results would take about %s, and '%s' has room for %s: raise %s, or choose another --out",
                       nl_bytes_text(needed, size), folder, nl_bytes_text(disk, there),
                       forecast->observes ? "log.every" : "train.log_every");
    int status = NL_OK;
    struct nl_cohorts those = {.at = nl_alloc((size_t)cohorts->count, sizeof *those.at)};
    for (int gpu = 0; gpu < 2 && status == NL_OK; gpu++) {
        those.count = 0;
        for (int i = 0; i < cohorts->count; i++)
            if (on_gpu(forecast, &cohorts->at[i]) == gpu)
                those.at[those.count++] = cohorts->at[i];
        if (those.count)
            status = check_memory(forecast, &those, workers, err);
    }
    free(those.at);
    return status;
}

void nl_forecast_release(struct nl_forecast *forecast)
{
    free(forecast->trial);
    *forecast = (struct nl_forecast){0};
}
