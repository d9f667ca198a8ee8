/* Activations. Backward from x: nothing but the layer's input is kept; or, where a product is what makes x, from the slope, which is kept instead. */
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

/* ---- the others: a value and its slope; from them the loops, each compiled for a kind ---- */

typedef float of_one(float x);

NL_INLINE void each(size_t count, of_one *value, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = value(x[i]);
}

NL_INLINE void each_back(size_t count, of_one *slope, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * slope(x[i]);
}

NL_INLINE void each_finished(size_t count, of_one *value, of_one *slope, float *restrict y, float *restrict slopes)
{
    if (slopes)
        for (size_t i = 0; i < count; i++) {
            slopes[i] = slope(y[i]);
            y[i] = value(y[i]);
        }
    else
        for (size_t i = 0; i < count; i++)
            y[i] = value(y[i]);
}

NL_INLINE float sigmoid_of(float x)
{
    return nl_sigmoid(x);
}

NL_INLINE float sigmoid_slope(float x)
{
    return nl_sigmoid(x) * nl_sigmoid(-x);
}

/* 1 - tanh^2 = 4 sigmoid(2x) sigmoid(-2x), which keeps its digits where tanh is near one. */
NL_INLINE float tanh_slope(float x)
{
    return 4.0f * nl_sigmoid(2.0f * x) * nl_sigmoid(-2.0f * x);
}

NL_INLINE float silu_of(float x)
{
    return x * nl_sigmoid(x);
}

NL_INLINE float silu_slope(float x)
{
    float s = nl_sigmoid(x);
    return s + x * (s * nl_sigmoid(-x));
}

NL_INLINE float gelu_of(float x)
{
    return x * nl_normal_cdf(x);
}

NL_INLINE float gelu_slope(float x)
{
    return nl_normal_cdf(x) + x * nl_normal_density(x);
}

NL_INLINE float quick_gelu_of(float x)
{
    float density;
    return x * nl_quick_normal(x, &density);
}

NL_INLINE float quick_gelu_slope(float x)
{
    float density, cdf = nl_quick_normal(x, &density);
    return __builtin_fmaf(x, density, cdf);
}

/* The tanh approximation: (1 + tanh(u)) / 2 is sigmoid(2u). */
NL_INLINE float gelu_tanh_of(float x)
{
    return x * nl_sigmoid(2.0f * root_2_over_pi * (x + gelu_cubic * x * x * x));
}

NL_INLINE float gelu_tanh_slope(float x)
{
    float u = 2.0f * root_2_over_pi * (x + gelu_cubic * x * x * x);
    float slope = 2.0f * root_2_over_pi * (1.0f + 3.0f * gelu_cubic * x * x);
    return nl_sigmoid(u) + x * slope * (nl_sigmoid(u) * nl_sigmoid(-u));
}

/* The loops of a kind. */
#define LOOPS(name, value, slope)                                                                  \
    NL_CLONES static void name(size_t count, const float *x, float *y)                             \
    {                                                                                              \
        each(count, value, x, y);                                                                  \
    }                                                                                              \
    NL_CLONES static void name##_back(size_t count, const float *x, const float *dy, float *dx)    \
    {                                                                                              \
        each_back(count, slope, x, dy, dx);                                                        \
    }                                                                                              \
    NL_CLONES static void name##_finish(size_t count, float *y, float *slopes)                     \
    {                                                                                              \
        each_finished(count, value, slope, y, slopes);                                             \
    }

LOOPS(sigmoid, sigmoid_of, sigmoid_slope)
LOOPS(hyperbolic, nl_tanh, tanh_slope)
LOOPS(silu, silu_of, silu_slope)
LOOPS(gelu, gelu_of, gelu_slope)
LOOPS(quick_gelu, quick_gelu_of, quick_gelu_slope)
LOOPS(gelu_tanh, gelu_tanh_of, gelu_tanh_slope)

NL_CLONES
void nl_cpu_times(size_t count, float *restrict c, float *restrict by)
{
    for (size_t i = 0; i < count; i++)
        c[i] *= by[i];
}

struct nl_cpu_activation nl_cpu_activation_of(enum nl_activation kind, enum nl_gelu gelu_kind, bool quick)
{
    switch (kind) {
    case NL_RELU:
        return (struct nl_cpu_activation){nl_cpu_relu, nl_cpu_relu_back, NULL};
    case NL_SIGMOID:
        return (struct nl_cpu_activation){sigmoid, sigmoid_back, sigmoid_finish};
    case NL_TANH:
        return (struct nl_cpu_activation){hyperbolic, hyperbolic_back, hyperbolic_finish};
    case NL_GELU:
        if (gelu_kind == NL_GELU_TANH)
            return (struct nl_cpu_activation){gelu_tanh, gelu_tanh_back, gelu_tanh_finish};
        if (quick)
            return (struct nl_cpu_activation){quick_gelu, quick_gelu_back, quick_gelu_finish};
        return (struct nl_cpu_activation){gelu, gelu_back, gelu_finish};
    case NL_SILU:
        return (struct nl_cpu_activation){silu, silu_back, silu_finish};
    }
    NL_BUG("activation %d", kind);
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride + first * op->count * sizeof(float);
        nl_cpu_activation_of(op->kind, op->gelu, op->quick).forward((size_t)run->samples * op->count, NL_AT(op->x, at), NL_AT(op->y, at));
    }
}

static void backward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride + first * op->count * sizeof(float);
        nl_cpu_activation_of(op->kind, op->gelu, op->quick).backward((size_t)run->samples * op->count, NL_AT(op->x, at), NL_AT(op->dy, at), NL_AT(op->dx, at));
    }
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
