/* Activations. Backward from x: nothing but the layer's input is kept; or, where a product is what makes x, from the
 * slope, which is kept instead. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "operation/activate.h"

static const float root_2_over_pi = 0.79788456f, gelu_cubic = 0.044715f;

NL_CLONES
void nl_cpu_relu(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0.0f : x[i]; /* NaN stays NaN */
}

NL_CLONES
void nl_cpu_relu_back(size_t count, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0.0f;
}

/* ---- the others: a function and its slope; from it the loops, each compiled for a kind ---- */

NL_INLINE void each(size_t count, nl_with_slope *function, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++) {
        float slope;
        y[i] = function(x[i], &slope);
    }
}

NL_INLINE void each_back(size_t count, nl_with_slope *function, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++) {
        float slope;
        function(x[i], &slope);
        dx[i] = dy[i] * slope;
    }
}

NL_INLINE void each_finished(size_t count, nl_with_slope *function, float *restrict y, float *restrict slopes)
{
    if (!slopes)
        each(count, function, y, y);
    else
        for (size_t i = 0; i < count; i++)
            y[i] = function(y[i], &slopes[i]);
}

NL_INLINE float silu(float x, float *slope)
{
    float sigmoid = nl_sigmoid(x, slope);
    *slope = __builtin_fmaf(x, *slope, sigmoid);
    return x * sigmoid;
}

NL_INLINE float gelu(float x, float *slope)
{
    float density, cdf = nl_normal_cdf(x, &density);
    *slope = __builtin_fmaf(x, density, cdf);
    return x * cdf;
}

/* The tanh approximation: (1 + tanh(u)) / 2 is sigmoid(2u). */
NL_INLINE float gelu_tanh(float x, float *slope)
{
    float by_u, sigmoid = nl_sigmoid(2.0f * root_2_over_pi * (x + gelu_cubic * x * x * x), &by_u);
    float u_by_x = 2.0f * root_2_over_pi * (1.0f + 3.0f * gelu_cubic * x * x);
    *slope = __builtin_fmaf(x * u_by_x, by_u, sigmoid);
    return x * sigmoid;
}

/* The loops of a kind. */
#define LOOPS(name, function)                                                                                          \
    NL_CLONES static void name##_forward(size_t count, const float *x, float *y)                                       \
    {                                                                                                                  \
        each(count, function, x, y);                                                                                   \
    }                                                                                                                  \
    NL_CLONES static void name##_backward(size_t count, const float *x, const float *dy, float *dx)                    \
    {                                                                                                                  \
        each_back(count, function, x, dy, dx);                                                                         \
    }                                                                                                                  \
    NL_CLONES static void name##_finish(size_t count, float *y, float *slopes)                                         \
    {                                                                                                                  \
        each_finished(count, function, y, slopes);                                                                     \
    }                                                                                                                  \
    static const struct nl_cpu_activation name##_loops = {name##_forward, name##_backward, name##_finish};

LOOPS(sigmoid, nl_sigmoid)
LOOPS(tanh, nl_tanh)
LOOPS(silu, silu)
LOOPS(gelu, gelu)
LOOPS(gelu_tanh, gelu_tanh)

NL_CLONES
void nl_cpu_times(size_t count, float *restrict c, float *restrict by)
{
    for (size_t i = 0; i < count; i++)
        c[i] *= by[i];
}

struct nl_cpu_activation nl_cpu_activation_of(enum nl_activation kind, enum nl_gelu gelu_kind)
{
    switch (kind) {
    case NL_RELU:
        return (struct nl_cpu_activation){nl_cpu_relu, nl_cpu_relu_back, NULL};
    case NL_SIGMOID:
        return sigmoid_loops;
    case NL_TANH:
        return tanh_loops;
    case NL_GELU:
        return gelu_kind == NL_GELU_TANH ? gelu_tanh_loops : gelu_loops;
    case NL_SILU:
        return silu_loops;
    }
    NL_BUG("activation %d", kind);
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    size_t from = first * op->count;
    nl_cpu_activation_of(op->kind, op->gelu)
        .forward((size_t)run->samples * op->count, (const float *)op->x + from, (float *)op->y + from);
}

static void backward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    size_t from = first * op->count;
    nl_cpu_activation_of(op->kind, op->gelu)
        .backward((size_t)run->samples * op->count, (const float *)op->x + from, (const float *)op->dy + from,
                  (float *)op->dx + from);
}

static void activate_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    nl_cpu_share_samples(run, op, op->count * sizeof(float), forward);
}

static void activate_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    nl_cpu_share_samples(run, op, op->count * sizeof(float), backward);
}

NL_CPU_KERNEL(activate) = {.forward = activate_forward, .backward = activate_backward};
