/* Dropout. The mask is that of nl_stream_uniform, element for element; only drawn many at a time. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/random.h"
#include "operation/dropout.h"

enum { DRAWN = 64 };

uint64_t nl_cpu_dropout_threshold(double p)
{
    uint64_t k = (uint64_t)(p * 0x1p53);
    while (k > 0 && ((double)(k - 1) + 0.5) * 0x1p-53 >= p)
        k--;
    while (((double)k + 0.5) * 0x1p-53 < p)
        k++;
    return k;
}

static void dropout(const struct nl_run *run, const struct nl_dropout *op, const void *from, void *to)
{
    size_t count = (size_t)run->samples * op->count;
    uint64_t before = nl_elements_before(run, op->count);
    const float *x = from;
    float *y = to;
    const uint32_t *key = op->key;
    struct nl_stream stream = {{key[0], key[1]}};
    const struct nl_hyper *hyper = op->hyper;
    double p = nl_override_or(op->p, hyper->dropout);
    if (!nl_is_step(run->statistics) || !(p > 0)) {
        memmove(y, x, count * sizeof *y);
        return;
    }
    uint64_t threshold = nl_cpu_dropout_threshold(p);
    float scale = (float)(1.0 / (1.0 - p));
    for (size_t first = 0; first < count; first += DRAWN) {
        uint64_t bits[DRAWN];
        size_t drawn = count - first < DRAWN ? count - first : DRAWN;
        nl_stream_bits_from(stream, (uint64_t)run->step, before + first, (int32_t)drawn, bits);
        NL_PARALLEL
        for (size_t i = 0; i < drawn; i++)
            y[first + i] = bits[i] >> 11 >= threshold ? x[first + i] * scale : 0.0f;
    }
}

static void dropout_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    dropout(run, op, op->x, op->y);
}

static void dropout_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_dropout *op = arguments;
    dropout(run, op, op->dy, op->dx);
}

NL_CPU_KERNEL(dropout) = {.forward = dropout_forward, .backward = dropout_backward};
