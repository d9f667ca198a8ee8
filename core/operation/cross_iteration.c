/* Batch normalization with the statistics of a window of batches. */
#include "operation/cross_iteration.h"

#include <stdlib.h>

#include "base/memory.h"
#include "operation/producer.h"
#include "operation/reference.h"

enum { X = NL_NORMALIZE_X, INPUT = NL_CROSS_ITERATION_INPUT, WEIGHT = NL_CROSS_ITERATION_WEIGHT };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_cross_iteration *c = arguments;
    if (nl_normalize_operation.declare(&c->normalize, in, d, err))
        return NL_FAIL;
    c->first_state = d->states;
    c->input_elements = nl_elements(in[INPUT]);
    struct nl_tensor_spec history = {
        .name = "statistics", .role = NL_HISTORY, .dims = 2, .shape = {(size_t)c->history, 2 * (size_t)in[X].channels}};
    nl_declare_state(d, history);
    history.name = "of_weights", history.shape[1] = 3 * c->weights;
    if (c->weights > 0)
        nl_declare_state(d, history);
    return NL_OK;
}

static void prepare(void *arguments, int capacity, bool evaluates)
{
    struct nl_cross_iteration *c = arguments;
    nl_normalize_operation.prepare(&c->normalize, capacity, evaluates);
}

static void complete(void *arguments, const struct nl_operands *at)
{
    struct nl_cross_iteration *c = arguments;
    nl_bind(&nl_normalize_operation, &c->normalize, at);
    c->statistics = at->state[c->first_state];
    c->of_weights = c->weights > 0 ? at->state[c->first_state + 1] : NULL;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    const struct nl_cross_iteration *c = arguments;
    return nl_normalize_operation.reads(&c->normalize, filled);
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    const struct nl_cross_iteration *c = arguments;
    return nl_normalize_operation.sharing(&c->normalize, filled);
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_cross_iteration *c = arguments;
    if (number == NL_NORMALIZE_SAVED)
        return (2 * (size_t)c->normalize.setup.channels + 1 + c->weights) *
               statistic; /* a statistic is no smaller than a real */
    return nl_normalize_operation.saved_bytes(&c->normalize, number, samples, statistic);
}

static bool may_be_fixed(const void *arguments)
{
    (void)arguments;
    return true;
}

static double work(const void *arguments)
{
    const struct nl_cross_iteration *c = arguments;
    double of_gradients = 2.0 * c->normalize.setup.positions * (double)c->weights;
    return nl_normalize_operation.work(&c->normalize) + of_gradients;
}

/* ---- the reference ---- */

static size_t channels_of(const struct nl_cross_iteration *op)
{
    return (size_t)op->normalize.setup.channels;
}

static size_t rows_of(const struct nl_run *run, const struct nl_cross_iteration *op)
{
    return (size_t)run->samples * (size_t)op->normalize.setup.positions;
}

/* What the step, not later than this one, left in the states. */
static real *statistics_of(const struct nl_cross_iteration *op, int64_t step)
{
    return (real *)op->statistics + (size_t)(step % op->history) * 2 * channels_of(op);
}

static real *weights_of(const struct nl_cross_iteration *op, int64_t step)
{
    return (real *)op->of_weights + (size_t)(step % op->history) * 3 * op->weights;
}

/* Mean and variance of a channel. */
struct moments {
    accumulator mean, var;
};

/* The moments of an earlier step, as they would be with the weight of today. */
static struct moments earlier(const struct nl_cross_iteration *op, int64_t step, size_t c)
{
    size_t channels = channels_of(op);
    const real *then = statistics_of(op, step), *w = op->weight;
    struct moments m = {then[c], then[channels + c]};
    if (op->weights == 0)
        return m;
    const real *of_mean = weights_of(op, step), *of_var = of_mean + op->weights, *old = of_var + op->weights;
    accumulator mean_moved = 0, var_moved = 0;
    for (size_t j = c; j < op->weights; j += channels) {
        mean_moved += (accumulator)of_mean[j] * (w[j] - old[j]);
        var_moved += (accumulator)of_var[j] * (w[j] - old[j]);
    }
    m.mean += mean_moved;
    m.var += var_moved - mean_moved * mean_moved;
    return m;
}

/* The moments of the window, of so many batches. scratch: (batches) */
static struct moments of_window(const struct nl_run *run, const struct nl_cross_iteration *op, int batches, size_t c,
                                struct moments *scratch)
{
    struct moments window = {0, 0};
    scratch[0].mean = ((const accumulator *)op->normalize.mean)[c];
    scratch[0].var = ((const accumulator *)op->normalize.var)[c];
    for (int t = 1; t < batches; t++)
        scratch[t] = earlier(op, run->step - t, c);
    for (int t = 0; t < batches; t++)
        window.mean += scratch[t].mean / batches;
    for (int t = 0; t < batches; t++) {
        accumulator apart = scratch[t].mean - window.mean, var = real_part(scratch[t].var) < 0 ? 0 : scratch[t].var;
        window.var += (var + apart * apart) / batches;
    }
    return window;
}

static void find_window(const struct nl_run *run, const struct nl_cross_iteration *op)
{
    size_t channels = channels_of(op);
    struct moments *scratch = nl_alloc((size_t)op->history + 1, sizeof *scratch);
    accumulator *window = op->window;
    int batches = nl_window_batches(op->normalize.hyper, run->step);
    for (size_t c = 0; c < channels; c++) {
        struct moments m = of_window(run, op, batches, c, scratch);
        window[c] = m.mean;
        window[channels + c] = m.var;
    }
    *(double *)(window + 2 * channels) = batches;
    free(scratch);
}

/* In y, dy of the batch's mean: 1 / m; and of its variance: 2 (x - mean) / m. */
static void put_dy(const struct nl_run *run, const struct nl_cross_iteration *op, bool of_var)
{
    size_t channels = channels_of(op), rows = rows_of(run, op);
    const real *x = op->normalize.x;
    const accumulator *mean = op->normalize.mean;
    real *dy = op->normalize.y;
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < channels; c++, x++, dy++)
            *dy = of_var ? 2 * (*x - mean[c]) / (double)rows : 1 / (double)rows;
}

/* What later steps will need of this one, in place of the step that no longer counts. y is overwritten. */
static void remember(const struct nl_run *run, const struct nl_cross_iteration *op)
{
    size_t channels = channels_of(op);
    real *now = statistics_of(op, run->step);
    const accumulator *mean = op->normalize.mean, *var = op->normalize.var;
    for (size_t c = 0; c < channels; c++) {
        now[c] = mean[c];
        now[channels + c] = var[c];
    }
    if (op->weights > 0)
        memcpy(weights_of(op, run->step) + 2 * op->weights, op->weight, op->weights * sizeof(real));
    for (int of_var = 0; op->weights > 0 && of_var < 2; of_var++) {
        put_dy(run, op, of_var);
        nl_weight_gradient(run, &op->producer, op->input, op->weight, op->normalize.y,
                           weights_of(op, run->step) + (size_t)of_var * op->weights);
    }
}

NL_DECLARE_REFERENCES(normalize);

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    NL_REFERENCE(normalize).forward(run, &op->normalize); /* which finds the batch's statistics, and tracks them */
    if (run->statistics != NL_STATS_TRAIN)
        return;
    find_window(run, op);
    remember(run, op);
    struct nl_normalize n = nl_by_window(run, op, sizeof(accumulator));
    NL_REFERENCE(normalize).apply(run, &n);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_iteration *op = arguments;
    struct nl_normalize n = nl_by_window(run, op, sizeof(accumulator));
    NL_REFERENCE(normalize).backward(run, &n);
}

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_cross_iteration *op = arguments;
    nl_normalize_operation.describe(&op->normalize, json);
}

NL_KERNEL(cross_iteration) = {.forward = forward, .backward = backward};

NL_OPERATION(cross_iteration) = {
    .name = "cross_iteration",
    .arguments = sizeof(struct nl_cross_iteration),
    .span = NL_SPAN_BATCH,
    .slots = NL_CROSS_ITERATION_SLOTS,
    .reduced = 1u << NL_NORMALIZE_RESIDUAL,
    .skips = 1u << X,
    .constants = 1u << INPUT | 1u << WEIGHT,
    .saved = NL_NORMALIZE_SAVED + 1,
    .declare = declare,
    .prepare = prepare,
    .bound = {NL_BOUND(nl_cross_iteration, input, in[INPUT], 2),
              NL_BOUND(nl_cross_iteration, window, saved[NL_NORMALIZE_SAVED], 1),
              NL_BOUND(nl_cross_iteration, producer, producer, 1)},
    .complete = complete,
    .reads = reads,
    .sharing = sharing,
    .saved_bytes = saved_bytes,
    .may_be_fixed = may_be_fixed,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(cross_iteration),
};
