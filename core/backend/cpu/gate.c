/* Gated linear units, a position at a time: its channels stay in the first-level cache. */
#include "backend/cpu/cpu.h"
#include "operation/gate.h"

NL_CLONES
static void multiply(size_t count, const float *a, const float *b, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] * b[i];
}

static void forward(const struct nl_run *run, const void *arguments, size_t first)
{
    const struct nl_gate *op = arguments;
    size_t width = (size_t)op->channels, positions = (size_t)op->positions;
    struct nl_cpu_activation f = nl_cpu_activation_of(op->kind, op->gelu);
    const float *x = op->x;
    float *y = op->y;
    for (size_t row = first * positions; row < (first + (size_t)run->samples) * positions; row++) {
        const float *a = x + row * 2 * width;
        f.forward(width, a, y + row * width);
        multiply(width, y + row * width, a + width, y + row * width);
    }
}

static void backward(const struct nl_run *run, const void *arguments, size_t first)
{
    const struct nl_gate *op = arguments;
    size_t width = (size_t)op->channels, positions = (size_t)op->positions;
    struct nl_cpu_activation f = nl_cpu_activation_of(op->kind, op->gelu);
    const float *x = op->x, *dy = op->dy;
    float *dx = op->dx;
    for (size_t row = first * positions; row < (first + (size_t)run->samples) * positions; row++) {
        const float *a = x + row * 2 * width, *d = dy + row * width;
        float *da = dx + row * 2 * width, *db = da + width;
        multiply(width, d, a + width, da);
        f.backward(width, a, da, da);
        f.forward(width, a, db);
        multiply(width, d, db, db);
    }
}

static void gate_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = arguments;
    nl_cpu_share_samples(run, op, 3 * sizeof(float) * (size_t)op->positions * (size_t)op->channels, forward);
}

static void gate_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = arguments;
    nl_cpu_share_samples(run, op, 5 * sizeof(float) * (size_t)op->positions * (size_t)op->channels, backward);
}

NL_CPU_KERNEL(gate) = {.forward = gate_forward, .backward = gate_backward};
