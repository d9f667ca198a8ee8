/* Batch normalization with the statistics of a window: "normalize" does it, between whose two phases the window's
 * statistics are found. What the window needs later of this batch are the derivatives of mean and variance after the
 * producer's weight, which the producer's own kernel makes. */
#include "operation/cross_iteration.h"

#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/team.h"
#include "operation/producer.h"

/* A step of training, all samples. */
struct step {
    const struct nl_cross_iteration *op;
    size_t samples, rows, channels;
    int64_t number;
    int batches;               /* in the window */
    const float *x, *input;    /* the first sample's */
    const float *weight;
    const double *mean, *var;  /* of the batch */
    double *window;
    float *statistics, *of_weights;
    float *scratch;
};

static const struct nl_kernel *normalize(const struct nl_cross_iteration *op)
{
    return nl_kernel_of(&nl_backend_cpu, &nl_normalize_operation, &op->normalize);
}

/* From a call for the last part of a batch. */
static struct step step_of(const struct nl_run *run, const struct nl_cross_iteration *op)
{
    const struct nl_normalize *n = &op->normalize;
    size_t positions = (size_t)n->setup.positions, channels = (size_t)n->setup.channels, before = (size_t)run->first;
    struct step step = {.op = op, .samples = (size_t)run->batch, .channels = channels, .number = run->step};
    step.rows = step.samples * positions;
    step.batches = nl_window_batches(n->hyper, run->step);
    step.x = (const float *)n->x - before * positions * channels;
    step.mean = n->mean, step.var = n->var;
    step.window = op->window;
    step.statistics = op->statistics;
    if (op->weights > 0) {
        step.input = (const float *)op->input - before * op->input_elements;
        step.weight = op->weight;
        step.of_weights = op->of_weights;
    }
    return step;
}

/* ---- the window ---- */

/* What the earlier step left. */
static float *statistics_of(const struct step *step, int64_t number)
{
    return step->statistics + (size_t)(number % step->op->history) * 2 * step->channels;
}

static float *of_weights(const struct step *step, int64_t number)
{
    return step->of_weights + (size_t)(number % step->op->history) * 3 * step->op->weights;
}

/* How far mean and variance of each channel have moved, to first order, since the weight was `old`. */
NL_CLONES
static void add_moved(size_t weights, size_t channels, const float *restrict of_mean, const float *restrict of_var,
                      const float *restrict w, const float *restrict old, double *restrict mean, double *restrict var)
{
    for (size_t first = 0; first < weights; first += channels)
        for (size_t c = 0; c < channels; c++) {
            float moved = w[first + c] - old[first + c];
            mean[c] += (double)(of_mean[first + c] * moved);
            var[c] += (double)(of_var[first + c] * moved);
        }
}

/* mean and var (C): the earlier step's, as they would be with the weight of today. */
static void take_earlier(const struct step *step, int64_t number, double *mean, double *var)
{
    const float *then = statistics_of(step, number);
    size_t weights = step->op->weights;
    memset(mean, 0, step->channels * sizeof *mean);
    memset(var, 0, step->channels * sizeof *var);
    if (weights > 0) {
        const float *of_mean = of_weights(step, number);
        add_moved(weights, step->channels, of_mean, of_mean + weights, step->weight, of_mean + 2 * weights, mean, var);
    }
    for (size_t c = 0; c < step->channels; c++) {
        var[c] = then[step->channels + c] + var[c] - mean[c] * mean[c];
        mean[c] += then[c];
    }
}

/* The window's mean, and around it the mean of squares: batch after batch (Welford 1962), the batch of today first. */
static void find_window(const struct step *step)
{
    size_t channels = step->channels;
    double *mean = step->window, *var = mean + channels, *earlier = nl_cpu_scratch(2 * channels * sizeof *earlier);
    memcpy(mean, step->mean, channels * sizeof *mean);
    memcpy(var, step->var, channels * sizeof *var);
    for (int t = 1; t < step->batches; t++) {
        take_earlier(step, step->number - t, earlier, earlier + channels);
        for (size_t c = 0; c < channels; c++) {
            double apart = earlier[c] - mean[c], own = earlier[channels + c] < 0 ? 0 : earlier[channels + c];
            mean[c] += apart / (t + 1);
            var[c] += (own + apart * (earlier[c] - mean[c]) - var[c]) / (t + 1);
        }
    }
    step->window[2 * channels] = step->batches;
}

/* ---- what later steps need ---- */

enum { SUMMED = 256 }; /* elements of a sample at a time */

NL_CLONES
static void add_samples(size_t samples, size_t elements, size_t count, const float *restrict x, float *restrict sum)
{
    double total[SUMMED] = {0};
    for (size_t n = 0; n < samples; n++, x += elements)
        for (size_t i = 0; i < count; i++)
            total[i] += (double)x[i];
    for (size_t i = 0; i < count; i++)
        sum[i] = (float)total[i];
}

static void sum_input(void *context, size_t first, size_t end, int thread)
{
    const struct step *step = context;
    size_t elements = step->op->input_elements;
    (void)thread;
    for (size_t at = first * SUMMED; at < end * SUMMED && at < elements; at += SUMMED)
        add_samples(step->samples, elements, elements - at < SUMMED ? elements - at : SUMMED, step->input + at,
                    step->scratch + at);
}

NL_CLONES
static void put_rows(size_t rows, size_t channels, const float *restrict x, const double *restrict mean, float factor,
                     float *restrict dy)
{
    for (size_t row = 0; row < rows; row++, x += channels, dy += channels)
        for (size_t c = 0; c < channels; c++)
            dy[c] = factor * (float)(x[c] - mean[c]);
}

/* dy of the batch's variance: 2 (x - mean) / m. */
static void put_dy(void *context, size_t first, size_t end, int thread)
{
    const struct step *step = context;
    size_t at = first * step->channels;
    (void)thread;
    put_rows(end - first, step->channels, step->x + at, step->mean, (float)(2.0 / (double)step->rows),
             step->scratch + at);
}

/* The derivative of what has that dy, from so many samples of the input. */
static void differentiate(const struct step *step, size_t samples, const float *input, const float *dy, float *dw)
{
    struct nl_run run = {.samples = (int)samples, .step = step->number, .statistics = NL_STATS_TRAIN};
    nl_weight_gradient(&run, &step->op->producer, (void *)input, (void *)step->weight, (void *)dy, dw);
}

/* Differentiates the mean, of which all samples have the same dy, 1 / m, so that its derivative is that of one
 * sample, which is the sum of all. */
static void differentiate_statistics(struct step *step, float *of_mean, float *of_var)
{
    const struct nl_cross_iteration *op = step->op;
    size_t elements = step->rows / step->samples * step->channels, of_one = op->input_elements + elements,
           of_all = step->samples * elements;
    step->scratch = nl_cpu_outer_scratch((of_one > of_all ? of_one : of_all) * sizeof(float));
    nl_parallel_for((op->input_elements + SUMMED - 1) / SUMMED,
                    nl_cpu_grain_of_bytes((double)step->samples * SUMMED * sizeof(float)), sum_input, step);
    float *dy = step->scratch + op->input_elements;
    for (size_t i = 0; i < elements; i++)
        dy[i] = (float)(1.0 / (double)step->rows);
    differentiate(step, 1, step->scratch, dy, of_mean);
    nl_parallel_for(step->rows, nl_cpu_grain_of_bytes((double)step->channels * 2 * sizeof(float)), put_dy, step);
    differentiate(step, step->samples, step->input, step->scratch, of_var);
}

/* In place of the step that no longer counts. */
static void remember(struct step *step)
{
    size_t weights = step->op->weights;
    float *now = statistics_of(step, step->number), *of_mean = weights > 0 ? of_weights(step, step->number) : NULL;
    for (size_t c = 0; c < step->channels; c++) {
        now[c] = (float)step->mean[c];
        now[step->channels + c] = (float)step->var[c];
    }
    if (weights > 0) {
        differentiate_statistics(step, of_mean, of_mean + weights);
        memcpy(of_mean + 2 * weights, step->weight, weights * sizeof *of_mean);
    }
}

/* ---- kernels ---- */

static void cross_iteration_reduce(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    normalize(op)->reduce(run, &op->normalize);
    if (run->statistics != NL_STATS_TRAIN || run->first + run->samples < run->batch)
        return;
    struct step step = step_of(run, op);
    find_window(&step);
    remember(&step);
}

static void cross_iteration_apply(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_normalize n = nl_by_window(run, op, sizeof(double));
    normalize(op)->apply(run, &n);
}

static void cross_iteration_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_run all = *run;
    all.first = 0;
    all.batch = run->samples;
    if (run->statistics != NL_STATS_TRAIN) {
        normalize(op)->forward(run, &op->normalize);
        return;
    }
    cross_iteration_reduce(&all, op);
    cross_iteration_apply(&all, op);
}

static void cross_iteration_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_normalize n = nl_by_window(run, op, sizeof(double));
    normalize(op)->backward(run, &n);
}

static void cross_iteration_backward_reduce(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_normalize n = nl_by_window(run, op, sizeof(double));
    normalize(op)->backward_reduce(run, &n);
}

static void cross_iteration_backward_apply(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_normalize n = nl_by_window(run, op, sizeof(double));
    normalize(op)->backward_apply(run, &n);
}

static struct nl_micro cross_iteration_micro(const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    return normalize(op)->micro(&op->normalize);
}

NL_CPU_KERNEL(cross_iteration) = {
    .forward = cross_iteration_forward,
    .backward = cross_iteration_backward,
    .micro = cross_iteration_micro,
    .reduce = cross_iteration_reduce,
    .apply = cross_iteration_apply,
    .backward_reduce = cross_iteration_backward_reduce,
    .backward_apply = cross_iteration_backward_apply,
};
