/* Activations. Backward from x: nothing but the layer's input is kept. */
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

NL_CLONES
static void sigmoid(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = nl_sigmoid(x[i]);
}

NL_CLONES
static void sigmoid_back(size_t count, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * (nl_sigmoid(x[i]) * nl_sigmoid(-x[i]));
}

NL_CLONES
static void hyperbolic(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = nl_tanh(x[i]);
}

NL_CLONES
static void hyperbolic_back(size_t count, const float *x, const float *dy, float *dx)
{
    /* 1 - tanh^2 = 4 sigmoid(2x) sigmoid(-2x), which keeps its digits where tanh is near one. */
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * (4.0f * nl_sigmoid(2.0f * x[i]) * nl_sigmoid(-2.0f * x[i]));
}

NL_CLONES
static void silu(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * nl_sigmoid(x[i]);
}

NL_CLONES
static void silu_back(size_t count, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++) {
        float s = nl_sigmoid(x[i]);
        dx[i] = dy[i] * (s + x[i] * (s * nl_sigmoid(-x[i])));
    }
}

NL_CLONES
static void gelu(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * nl_normal_cdf(x[i]);
}

NL_CLONES
static void gelu_back(size_t count, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * (nl_normal_cdf(x[i]) + x[i] * nl_normal_density(x[i]));
}

/* The tanh approximation: (1 + tanh(u)) / 2 is sigmoid(2u). */
NL_CLONES
static void gelu_tanh(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * nl_sigmoid(2.0f * root_2_over_pi * (x[i] + gelu_cubic * x[i] * x[i] * x[i]));
}

NL_CLONES
static void gelu_tanh_back(size_t count, const float *x, const float *dy, float *dx)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++) {
        float u = 2.0f * root_2_over_pi * (x[i] + gelu_cubic * x[i] * x[i] * x[i]);
        float slope = 2.0f * root_2_over_pi * (1.0f + 3.0f * gelu_cubic * x[i] * x[i]);
        dx[i] = dy[i] * (nl_sigmoid(u) + x[i] * slope * (nl_sigmoid(u) * nl_sigmoid(-u)));
    }
}

struct nl_cpu_activation nl_cpu_activation_of(enum nl_activation kind, enum nl_gelu gelu_kind)
{
    switch (kind) {
    case NL_RELU:
        return (struct nl_cpu_activation){nl_cpu_relu, nl_cpu_relu_back};
    case NL_SIGMOID:
        return (struct nl_cpu_activation){sigmoid, sigmoid_back};
    case NL_TANH:
        return (struct nl_cpu_activation){hyperbolic, hyperbolic_back};
    case NL_GELU:
        return gelu_kind == NL_GELU_ERF ? (struct nl_cpu_activation){gelu, gelu_back} : (struct nl_cpu_activation){gelu_tanh, gelu_tanh_back};
    case NL_SILU:
        return (struct nl_cpu_activation){silu, silu_back};
    }
    NL_BUG("activation %d", kind);
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride + first * op->count * sizeof(float);
        nl_cpu_activation_of(op->kind, op->gelu).forward((size_t)run->samples * op->count, NL_AT(op->x, at), NL_AT(op->y, at));
    }
}

static void backward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_activate *op = operation;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride + first * op->count * sizeof(float);
        nl_cpu_activation_of(op->kind, op->gelu).backward((size_t)run->samples * op->count, NL_AT(op->x, at), NL_AT(op->dy, at), NL_AT(op->dx, at));
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
