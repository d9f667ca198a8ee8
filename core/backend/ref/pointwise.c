/* What is done to each element by itself: activations and dropout. */
#include "backend/ref/ref.h"
#include "base/random.h"
#include "operation/activate.h"
#include "operation/dropout.h"

static const double root_half = 0.70710678118654752440, root_2_over_pi = 0.79788456080286535588, gelu_cubic = 0.044715;

static accumulator activation(const struct nl_activate *op, accumulator x)
{
    switch (op->kind) {
    case NL_RELU:
        return real_part(x) < 0 ? 0 : x; /* NaN stays NaN */
    case NL_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case NL_TANH:
        return tanh(x);
    case NL_GELU:
        if (op->gelu == NL_GELU_ERF)
            return 0.5 * x * (1.0 + error_function(x * root_half));
        return 0.5 * x * (1.0 + tanh(root_2_over_pi * (x + gelu_cubic * x * x * x)));
    }
    NL_BUG("activation %d", op->kind);
}

static accumulator derivative(const struct nl_activate *op, accumulator x)
{
    switch (op->kind) {
    case NL_RELU:
        return real_part(x) > 0 ? 1.0 : 0.0;
    case NL_SIGMOID: {
        accumulator y = 1.0 / (1.0 + exp(-x));
        return y * (1.0 - y);
    }
    case NL_TANH: {
        accumulator y = tanh(x);
        return 1.0 - y * y;
    }
    case NL_GELU:
        if (op->gelu == NL_GELU_ERF) /* Phi(x) + x phi(x) */
            return 0.5 * (1.0 + error_function(x * root_half)) + x * exp(-0.5 * x * x) * 0.5 * root_2_over_pi;
        accumulator t = tanh(root_2_over_pi * (x + gelu_cubic * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root_2_over_pi * (1.0 + 3.0 * gelu_cubic * x * x);
    }
    NL_BUG("activation %d", op->kind);
}

void NL_REFERENCE(activate_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        real *y = nl_in_replica(run, op->y, r);
        for (size_t i = 0; i < (size_t)run->samples * op->count; i++)
            y[i] = activation(op, x[i]);
    }
}

void NL_REFERENCE(activate_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r), *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r);
        for (size_t i = 0; i < (size_t)run->samples * op->count; i++)
            dx[i] = dy[i] * derivative(op, x[i]);
    }
}

static void dropout(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, from, r);
        const uint32_t *key = nl_in_replica(run, op->key, r);
        const struct nl_hyper *hyper = nl_in_replica(run, op->hyper, r);
        struct nl_stream stream = {{key[0], key[1]}};
        real *y = nl_in_replica(run, to, r);
        double p = hyper->dropout;
        bool drops = run->statistics == NL_STATS_TRAIN && p > 0;
        uint64_t before = nl_elements_before(run, op->count);
        for (size_t i = 0; i < (size_t)run->samples * op->count; i++) {
            bool kept = !drops || nl_stream_uniform(stream, (uint64_t)run->step, before + i) >= p;
            y[i] = !drops ? x[i] : kept ? x[i] / (1.0 - p) : 0;
        }
    }
}

void NL_REFERENCE(dropout_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    dropout(run, op, op->x, op->y);
}

void NL_REFERENCE(dropout_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    dropout(run, op, op->dy, op->dx);
}
