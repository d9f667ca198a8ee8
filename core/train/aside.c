/* Passes beside the training: with other parameters, on the batch of a step.
 *
 * Shift: internal covariate shift as Definition 2.1 of Santurkar, Tsipras, Ilyas and Madry (2018) has it. Of a weight,
 * the change of its gradient on the batch when all parameters before it in the network have made their step, and it and
 * those behind have not: norm is their difference in L2, rotation the angle whose cosine they show.
 *
 * Landscape: their section 3.1. The loss at w - a lr g for a = 1/2, 1, ..., 4, where g is the gradient of all
 * parameters at w and lr the rate of the step: the losses, the distances of the gradients there from g, and these
 * distances divided by that of the parameters, of which the largest is the effective beta-smoothness.
 *
 * Slices: the loss along a random direction (train/slice.h), which is the same at every step of a training.
 */
#include "train/aside.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/sorted.h"
#include "operation/observe.h"
#include "train/curvature.h"
#include "train/representation.h"
#include "train/slice.h"

enum { STEPS_ALONG = 8 };
static const double first_along = 0.5; /* learning rates; the last is 4 */

struct aside {
    const struct nl_training *training;
    struct nl_plan *plan;
    const struct nl_run *step;
    size_t count;          /* parameters */
    double *w, *g, *trial; /* (replicas, count): parameters before the step, their gradients, other parameters */
    double *gradient;      /* (replicas, count) at these */
    double *loss;          /* (replicas) there */
    struct nl_observed *seen;
};

/* None is NaN. */
static void find_quantiles(size_t count, const double *x, const double *before, struct nl_observed *seen)
{
    static const double levels[NL_SEEN_QUANTILES] = {0.01, 0.25, 0.5, 0.75, 0.99};
    double *values = nl_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = before ? x[i] - before[i] : x[i];
    nl_sort(values, count);
    for (int i = 0; i < NL_SEEN_QUANTILES; i++)
        seen->quantile[i] = nl_quantile_sorted(values, count, levels[i]);
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i]);
    nl_sort(values, count);
    seen->middle = nl_quantile_sorted(values, count, 0.5);
    free(values);
}

struct nl_observed nl_look_at(size_t count, const double *x, const double *before)
{
    struct nl_observed seen;
    const struct nl_observe observe = {.count = count, .x = x, .before = before, .seen = &seen};
    const struct nl_run run = {.replicas = 1, .samples = 1};
    if (count == 0)
        return nl_unseen();
    nl_kernel_of(&nl_backend_ref, &nl_observe_operation, &observe)->forward(&run, &observe);
    return seen;
}

struct nl_observed nl_look_at_whole(size_t count, const double *x, const double *before)
{
    struct nl_observed seen = nl_look_at(count, x, before);
    if (!isnan(seen.sum))
        find_quantiles(count, x, before, &seen);
    return seen;
}

void nl_aside(const struct nl_plan *plan, void (*look)(void *context), void *context)
{
    size_t bytes = plan->state_bytes - (size_t)((const char *)plan->parameters - (const char *)plan->arena);
    char *before = nl_alloc((size_t)plan->replicas, bytes);
    nl_plan_get(plan, before, plan->parameters, bytes);
    look(context);
    nl_plan_put(plan, plan->parameters, before, bytes);
    free(before);
}

static void get(const struct aside *a, double *values, const void *place)
{
    for (int i = 0; i < a->plan->replicas; i++)
        a->plan->backend->get_reals(values + (size_t)i * a->count, nl_place_in(a->plan, place, i), a->count);
}

static void put_parameters(const struct aside *a, const double *values)
{
    for (int i = 0; i < a->plan->replicas; i++)
        a->plan->backend->put_reals(nl_place_in(a->plan, a->plan->parameters, i), values + (size_t)i * a->count,
                                    a->count);
}

/* Forward and backward, without a step. Loss and gradients of each replica. */
static void look_around(void *context)
{
    const struct aside *a = context;
    const struct nl_plan *plan = a->plan;
    struct nl_run run = *a->step;
    run.observes = false;
    struct nl_loss_sums *sums = nl_alloc((size_t)plan->replicas, sizeof *sums);
    nl_plan_put(plan, run.sums, sums, sizeof *sums);
    nl_plan_forward(plan, &plan->train, &run);
    nl_plan_backward(plan, &run);
    nl_plan_get(plan, sums, run.sums, sizeof *sums);
    for (int i = 0; i < plan->replicas; i++) {
        a->loss[i] = sums[i].loss / sums[i].counted;
        sums[i] = (struct nl_loss_sums){0};
    }
    nl_plan_put(plan, run.sums, sums, sizeof *sums);
    free(sums);
    get(a, a->gradient, plan->update.grad);
}

/* With a->trial as parameters. */
static void look_from_there(void *context)
{
    struct aside *a = context;
    put_parameters(a, a->trial);
    get(a, a->trial, a->plan->parameters); /* as the backend rounds them */
    look_around(a);
}

static void make_step(void *context)
{
    const struct aside *a = context;
    struct nl_run run = *a->step;
    run.observes = false;
    struct nl_loss_sums *none = nl_alloc((size_t)a->plan->replicas, sizeof *none);
    nl_plan_step(a->plan, &run);
    nl_plan_put(a->plan, run.sums, none, sizeof *none);
    free(none);
    get(a, a->trial, a->plan->parameters);
}

/* ---- covariate shift ---- */

static const struct nl_tensor *parameter_of(const struct aside *a, int value)
{
    const struct nl_graph *graph = a->plan->graph;
    return graph->value[value].kind == NL_PARAMETER ? &graph->tensor[graph->value[value].tensor] : NULL;
}

/* Parameters of values before this one as after the step, all others as before it. */
static void mix(const struct aside *a, const double *stepped, int value)
{
    for (int replica = 0; replica < a->plan->replicas; replica++)
        for (int i = 0; i < a->plan->graph->values; i++) {
            const struct nl_tensor *tensor = parameter_of(a, i);
            if (!tensor)
                continue;
            size_t from = (size_t)replica * a->count + tensor->offset;
            const double *as = i < value ? stepped : a->w;
            for (size_t k = from; k < from + tensor->count; k++)
                a->trial[k] = as[k];
        }
}

static void look_at_shift(struct aside *a)
{
    const struct nl_observers *observers = &a->plan->observers;
    double *stepped = nl_alloc((size_t)a->plan->replicas * a->count, sizeof *stepped);
    nl_aside(a->plan, make_step, a);
    for (size_t i = 0; i < (size_t)a->plan->replicas * a->count; i++)
        stepped[i] = a->trial[i];
    for (int i = 0; i < observers->count; i++) {
        if (observers->at[i].aspect != NL_SHIFT)
            continue;
        const struct nl_tensor *tensor = parameter_of(a, observers->at[i].value);
        mix(a, stepped, observers->at[i].value);
        nl_aside(a->plan, look_from_there, a);
        for (int replica = 0; replica < a->plan->replicas; replica++) {
            size_t at = (size_t)replica * a->count + tensor->offset;
            a->seen[(size_t)replica * (size_t)observers->count + (size_t)i] =
                nl_look_at_whole(tensor->count, a->gradient + at, a->g + at);
        }
    }
    free(stepped);
}

/* ---- landscape ---- */

static double distance(const double *x, const double *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(sum);
}

/* found: (replicas, NL_ALONG_KINDS, STEPS_ALONG) */
static void walk_along(struct aside *a, double *found)
{
    for (int step = 0; step < STEPS_ALONG; step++) {
        for (int i = 0; i < a->plan->replicas; i++)
            for (size_t k = (size_t)i * a->count; k < (size_t)(i + 1) * a->count; k++)
                a->trial[k] = a->w[k] - first_along * (step + 1) * a->training->hyper[i].lr * a->g[k];
        nl_aside(a->plan, look_from_there, a);
        for (int i = 0; i < a->plan->replicas; i++) {
            size_t at = (size_t)i * a->count;
            double change = distance(a->gradient + at, a->g + at, a->count),
                   moved = distance(a->trial + at, a->w + at, a->count);
            double *of = found + i * NL_ALONG_KINDS * STEPS_ALONG + step;
            of[NL_ALONG_LOSS * STEPS_ALONG] = a->loss[i];
            of[NL_ALONG_GRADIENT * STEPS_ALONG] = change;
            of[NL_ALONG_SMOOTHNESS * STEPS_ALONG] = change / moved;
        }
    }
}

static void look_along(struct aside *a)
{
    const struct nl_observers *observers = &a->plan->observers;
    double *found = nl_alloc((size_t)a->plan->replicas * NL_ALONG_KINDS * STEPS_ALONG, sizeof *found);
    walk_along(a, found);
    for (int i = 0; i < observers->count; i++)
        for (int replica = 0; replica < a->plan->replicas && observers->at[i].aspect == NL_ALONG; replica++)
            a->seen[replica * observers->count + i] = nl_look_at_whole(
                STEPS_ALONG, found + (replica * NL_ALONG_KINDS + observers->at[i].part) * STEPS_ALONG, NULL);
    free(found);
}

/* ---- slices ---- */

static void find_directions(struct aside *a, double *out)
{
    for (int i = 0; i < a->plan->replicas; i++) {
        uint64_t seed = (uint64_t)a->training->active[i]->config->train.seed;
        nl_slice_direction(a->plan->graph, a->w + (size_t)i * a->count, nl_stream(seed, "slice"), 0,
                           out + (size_t)i * a->count);
    }
}

/* The losses of slices: with the statistics of the batch, or with the running ones held. */
static void look_at_slices(struct aside *a)
{
    const struct nl_observers *observers = &a->plan->observers;
    const struct nl_run *step = a->step;
    struct nl_run held = *step;
    held.statistics = NL_STATS_FROZEN;
    double *direction = nl_alloc((size_t)a->plan->replicas * a->count, sizeof *direction);
    find_directions(a, direction);
    for (int i = 0; i < observers->count; i++) {
        enum nl_aspect aspect = observers->at[i].aspect;
        if (aspect != NL_SLICE && aspect != NL_HELD)
            continue;
        double alpha = nl_slice_alpha(observers->at[i].part);
        for (size_t k = 0; k < (size_t)a->plan->replicas * a->count; k++)
            a->trial[k] = a->w[k] + alpha * direction[k];
        a->step = aspect == NL_HELD ? &held : step;
        nl_aside(a->plan, look_from_there, a);
        for (int replica = 0; replica < a->plan->replicas; replica++)
            a->seen[replica * observers->count + i] = nl_look_at_whole(1, &a->loss[replica], NULL);
    }
    a->step = step;
    free(direction);
}

struct nl_observed *nl_look_aside(struct nl_training *training, const struct nl_run *step)
{
    struct nl_plan *plan = &training->plan;
    size_t replicas = (size_t)plan->replicas, values = replicas * plan->graph->count;
    struct aside a = {.training = training, .plan = plan, .step = step, .count = plan->graph->count};
    a.w = nl_alloc(values, sizeof *a.w);
    a.g = nl_alloc(values, sizeof *a.g);
    a.trial = nl_alloc(values, sizeof *a.trial);
    a.gradient = nl_alloc(values, sizeof *a.gradient);
    a.loss = nl_alloc(replicas, sizeof *a.loss);
    a.seen = nl_alloc(replicas * (size_t)plan->observers.count, sizeof *a.seen);
    bool shifts = nl_observes_any(&plan->observers, NL_SHIFT), walks = nl_observes_any(&plan->observers, NL_ALONG);
    bool whole = false;
    for (int i = 0; i < plan->observers.count; i++)
        whole |= nl_sees_whole(plan->observers.at[i].aspect) || plan->observers.at[i].aspect == NL_GRADIENT_64;
    get(&a, a.w, plan->parameters);
    if (shifts || walks)
        nl_aside(plan, look_around, &a);
    for (size_t i = 0; i < values; i++)
        a.g[i] = a.gradient[i];
    if (shifts)
        look_at_shift(&a);
    if (walks)
        look_along(&a);
    if (nl_observes_any(&plan->observers, NL_SLICE) || nl_observes_any(&plan->observers, NL_HELD))
        look_at_slices(&a);
    for (int i = 0; whole && i < plan->replicas; i++)
        nl_look_at_representations(training, step, i, a.seen + i * plan->observers.count);
    bool curves = nl_observes_any(&plan->observers, NL_CURVATURE);
    for (int i = 0; curves && i < plan->replicas; i++)
        nl_look_at_curvature(training, step, i, a.seen + i * plan->observers.count);
    free(a.w);
    free(a.g);
    free(a.trial);
    free(a.gradient);
    free(a.loss);
    return a.seen;
}
