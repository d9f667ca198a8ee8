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
 * Slices and planes: the loss along one or two random directions (train/slice.h), which have the same random numbers at
 * every step of a training. Ways: the loss between the parameters and those of another network, on the straight line
 * (Goodfellow, Vinyals and Saxe 2015).
 */
#include "train/aside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sorted.h"
#include "operation/observe.h"
#include "train/curvature.h"
#include "train/representation.h"
#include "train/slice.h"
#include "train/weights.h"

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

struct nl_observed nl_saw_nothing(void)
{
    struct nl_observed nothing;
    double numbers[sizeof nothing / sizeof(double)];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = NAN;
    memcpy(&nothing, numbers, sizeof nothing);
    return nothing;
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

/* Forward, and backward where gradients are wanted, without a step. Loss and gradients of each replica. */
static void pass(const struct aside *a, bool gradients)
{
    const struct nl_plan *plan = a->plan;
    struct nl_run run = *a->step;
    run.observes = false;
    struct nl_loss_sums *sums = nl_alloc((size_t)plan->replicas, sizeof *sums);
    nl_plan_put(plan, run.sums, sums, sizeof *sums);
    nl_plan_forward(plan, &plan->train, &run);
    if (gradients)
        nl_plan_backward(plan, &run);
    nl_plan_get(plan, sums, run.sums, sizeof *sums);
    for (int i = 0; i < plan->replicas; i++) {
        a->loss[i] = sums[i].loss / sums[i].counted;
        sums[i] = (struct nl_loss_sums){0};
    }
    nl_plan_put(plan, run.sums, sums, sizeof *sums);
    free(sums);
    if (gradients)
        get(a, a->gradient, plan->update.grad);
}

static void look_around(void *context)
{
    pass(context, true);
}

/* With a->trial as parameters. */
static void look_from_there(void *context)
{
    struct aside *a = context;
    put_parameters(a, a->trial);
    get(a, a->trial, a->plan->parameters); /* as the backend rounds them */
    pass(a, true);
}

/* Likewise, the loss alone. */
static void measure_there(void *context)
{
    const struct aside *a = context;
    put_parameters(a, a->trial);
    pass(a, false);
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

/* ---- the loss at other points ---- */

/* Directions from the parameters, each (replicas, count): random ones, and that to the network of log.toward. */
struct directions {
    double *random[2], *toward;
};

static void find_random(const struct aside *a, double *const out[2])
{
    for (int i = 0; i < a->plan->replicas; i++) {
        size_t at = (size_t)i * a->count;
        struct nl_stream stream = nl_stream((uint64_t)a->training->active[i]->config->train.seed, "slice");
        for (int row = 0; row < 2; row++)
            nl_slice_direction(a->plan->graph, a->w + at, stream, (uint64_t)row, out[row] + at);
    }
}

static void load_toward(void *context)
{
    struct aside *a = context;
    for (int i = 0; i < a->plan->replicas; i++)
        nl_weights_load(a->plan, i, a->training->active[i]->options->toward, 0);
    get(a, a->trial, a->plan->parameters);
}

static void find_toward(struct aside *a, double *out)
{
    nl_aside(a->plan, load_toward, a);
    for (size_t i = 0; i < (size_t)a->plan->replicas * a->count; i++)
        out[i] = a->trial[i] - a->w[i];
}

static void go_to(const struct aside *a, const struct nl_observer *point, const struct directions *directions)
{
    const double *x = directions->random[0], *y = directions->random[1];
    double by_x = 0, by_y = 0;
    if (point->aspect == NL_SLICE) {
        by_x = nl_slice_factor(point->part, NL_SLICE_POINTS);
    } else if (point->aspect == NL_PLANE) {
        by_x = nl_slice_factor(point->part / NL_PLANE_SIDE, NL_PLANE_SIDE);
        by_y = nl_slice_factor(point->part % NL_PLANE_SIDE, NL_PLANE_SIDE);
    } else {
        x = directions->toward;
        by_x = nl_way_share(point->part);
    }
    for (size_t k = 0; k < (size_t)a->plan->replicas * a->count; k++)
        a->trial[k] = a->w[k] + by_x * x[k] + by_y * y[k];
}

/* The losses at points of slices, planes and ways: with the statistics of the batch, or with the running ones held. */
static void look_at_points(struct aside *a)
{
    const struct nl_observers *observers = &a->plan->observers;
    const struct nl_run *step = a->step;
    struct nl_run there = *step;
    size_t values = (size_t)a->plan->replicas * a->count;
    if (a->training->config->log.statistics == NL_OF_RUNNING)
        there.statistics = NL_STATS_FROZEN;
    double *numbers = nl_alloc(3 * values, sizeof *numbers);
    const struct directions directions = {{numbers, numbers + values}, numbers + 2 * values};
    find_random(a, directions.random);
    if (a->training->observes[NL_ON_WAY])
        find_toward(a, directions.toward);
    a->step = &there;
    for (int i = 0; i < observers->count; i++) {
        if (!nl_is_point(observers->at[i].aspect))
            continue;
        go_to(a, &observers->at[i], &directions);
        nl_aside(a->plan, measure_there, a);
        for (int replica = 0; replica < a->plan->replicas; replica++)
            a->seen[replica * observers->count + i] = nl_look_at_whole(1, &a->loss[replica], NULL);
    }
    a->step = step;
    free(numbers);
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
    bool shifts = training->observes[NL_SHIFT], walks = training->observes[NL_ALONG],
         whole = training->observes[NL_GRADIENT_64], points = false;
    for (enum nl_aspect aspect = 0; aspect < NL_ASPECTS; aspect++) {
        whole |= nl_sees_whole(aspect) && training->observes[aspect];
        points |= nl_is_point(aspect) && training->observes[aspect];
    }
    get(&a, a.w, plan->parameters);
    if (shifts || walks)
        nl_aside(plan, look_around, &a);
    for (size_t i = 0; i < values; i++)
        a.g[i] = a.gradient[i];
    if (shifts)
        look_at_shift(&a);
    if (walks)
        look_along(&a);
    if (points)
        look_at_points(&a);
    for (int i = 0; whole && i < plan->replicas; i++)
        nl_look_at_representations(training, step, i, a.seen + i * plan->observers.count);
    for (int i = 0; training->observes[NL_CURVATURE] && i < plan->replicas; i++)
        nl_look_at_curvature(training, step, i, a.seen + i * plan->observers.count);
    free(a.w);
    free(a.g);
    free(a.trial);
    free(a.gradient);
    free(a.loss);
    return a.seen;
}
