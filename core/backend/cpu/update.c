/* Optimizers: torch.optim.SGD, Adam and AdamW, after gradient clipping. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "base/team.h"

enum { SUMS = 8 };

/* In double: the squares of a diverging gradient overflow a float, and it is then that clipping matters. */
NL_CLONES
static double sum_of_squares(size_t count, const float *grad)
{
    double sums[SUMS] = {0}, total = 0.0;
    size_t i = 0;
    for (; i + SUMS <= count; i += SUMS)
        for (size_t lane = 0; lane < SUMS; lane++)
            sums[lane] += (double)grad[i + lane] * grad[i + lane];
    for (; i < count; i++)
        sums[0] += (double)grad[i] * grad[i];
    for (size_t lane = 0; lane < SUMS; lane++)
        total += sums[lane];
    return total;
}

NL_CLONES
static void scale(size_t count, float factor, float *grad)
{
    for (size_t i = 0; i < count; i++)
        grad[i] *= factor;
}

NL_CLONES
static void clamp(size_t count, float limit, float *grad)
{
    for (size_t i = 0; i < count; i++) {
        float g = grad[i] > limit ? limit : grad[i];
        grad[i] = g < -limit ? -limit : g;
    }
}

/* Without weight decay there is no term of it: not even 0 times a weight that has become infinite. */
static inline float decayed(float grad, float decay, float w)
{
    return decay != 0 ? grad + decay * w : grad;
}

NL_CLONES
static void descend(size_t count, float lr, float decay, float *restrict w, const float *restrict grad)
{
    for (size_t i = 0; i < count; i++)
        w[i] -= lr * decayed(grad[i], decay, w[i]);
}

NL_CLONES
static void descend_with_momentum(size_t count, float lr, float decay, float momentum, bool nesterov, float *restrict w,
                                  const float *restrict grad, float *restrict buffer)
{
    if (nesterov) {
        for (size_t i = 0; i < count; i++) {
            float g = decayed(grad[i], decay, w[i]);
            buffer[i] = momentum * buffer[i] + g;
            w[i] -= lr * (g + momentum * buffer[i]);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            buffer[i] = momentum * buffer[i] + decayed(grad[i], decay, w[i]);
            w[i] -= lr * buffer[i];
        }
    }
}

void nl_cpu_sgd_step(const struct nl_cpu_sgd *sgd, size_t count, const float *grad)
{
    if (sgd->buffer)
        descend_with_momentum(count, sgd->lr, sgd->decay, sgd->momentum, sgd->nesterov, sgd->w, grad, sgd->buffer);
    else
        descend(count, sgd->lr, sgd->decay, sgd->w, grad);
}

/* Of the parameters from number `from` on, with one weight decay. */
static struct nl_cpu_sgd sgd_from(const struct nl_update *op, size_t at, size_t from, double decay)
{
    const struct nl_hyper *hyper = NL_AT(op->hyper, at);
    float *w = NL_AT(op->w, at), *buffer = NL_AT(op->first, at);
    return (struct nl_cpu_sgd){.lr = (float)hyper->lr, .decay = (float)decay, .momentum = (float)hyper->momentum,
                               .nesterov = op->nesterov, .w = w + from, .buffer = buffer ? buffer + from : NULL};
}

struct nl_cpu_sgd nl_cpu_sgd_of(const struct nl_update *op, size_t at, const float *w)
{
    const struct nl_hyper *hyper = NL_AT(op->hyper, at);
    return sgd_from(op, at, (size_t)(w - (const float *)NL_AT(op->w, at)), hyper->weight_decay);
}

/* The scalars of one Adam step, worked out in double. */
struct adam {
    float keep;     /* w *= keep: 1 - lr decay (AdamW) */
    float decay;    /* grad += decay w (Adam) */
    float beta1, rest1, beta2, rest2;
    float rate;     /* lr / (1 - beta1^t) */
    float root;     /* 1 / sqrt(1 - beta2^t) */
    float eps;
};

NL_CLONES
static void adam(size_t count, struct adam a, float *restrict w, const float *restrict grad, float *restrict first,
                 float *restrict second)
{
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] * a.keep, g = decayed(grad[i], a.decay, w[i]);
        first[i] = a.beta1 * first[i] + a.rest1 * g;
        second[i] = a.beta2 * second[i] + a.rest2 * (g * g);
        w[i] = kept - a.rate * (first[i] / (sqrtf(second[i]) * a.root + a.eps));
    }
}

/* [from, to) with one weight decay. */
static void step_range(const struct nl_update *op, size_t at, double t, size_t from, size_t to, double decay)
{
    const struct nl_hyper *hyper = NL_AT(op->hyper, at);
    float *w = NL_AT(op->w, at), *grad = NL_AT(op->grad, at), *first = NL_AT(op->first, at), *second = NL_AT(op->second, at);
    if (op->optimizer == NL_SGD) {
        struct nl_cpu_sgd sgd = sgd_from(op, at, from, decay);
        nl_cpu_sgd_step(&sgd, to - from, grad + from);
        return;
    }
    bool decoupled = op->optimizer == NL_ADAMW;
    struct adam a = {
        .keep = decoupled ? (float)(1.0 - hyper->lr * decay) : 1.0f,
        .decay = decoupled ? 0.0f : (float)decay,
        .beta1 = (float)hyper->beta1,
        .rest1 = (float)(1.0 - hyper->beta1),
        .beta2 = (float)hyper->beta2,
        .rest2 = (float)(1.0 - hyper->beta2),
        .rate = (float)(hyper->lr / (1.0 - pow(hyper->beta1, t))),
        .root = (float)(1.0 / sqrt(1.0 - pow(hyper->beta2, t))),
        .eps = (float)hyper->adam_eps,
    };
    adam(to - from, a, w + from, grad + from, first + from, second + from);
}

struct range {
    const struct nl_update *op;
    size_t at, from;
    double t, decay;
};

static void on_range(void *context, size_t first, size_t end, int thread)
{
    const struct range *range = context;
    (void)thread;
    step_range(range->op, range->at, range->t, range->from + first, range->from + end, range->decay);
}

static void step(const struct nl_update *op, size_t at, double t, size_t from, size_t to, double decay)
{
    nl_parallel_for(from < to ? to - from : 0, nl_cpu_grain_of_bytes(3 * sizeof(float)), on_range, &(struct range){op, at, from, t, decay});
}

void nl_cpu_update(const struct nl_run *run, const struct nl_update *op)
{
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const struct nl_hyper *hyper = NL_AT(op->hyper, at);
        float *grad = NL_AT(op->grad, at);
        if (hyper->clip_norm > 0) {
            double factor = hyper->clip_norm / (sqrt(sum_of_squares(op->count, grad)) + 1e-6);
            if (factor < 1)
                scale(op->count, (float)factor, grad);
        }
        if (hyper->clip_value > 0)
            clamp(op->count, (float)hyper->clip_value, grad);
        double t = (double)run->step + 1;
        size_t rest = op->stepped > op->decayed ? op->stepped : op->decayed;
        step(op, at, t, op->stepped, op->decayed, hyper->weight_decay);
        step(op, at, t, rest, op->count, 0.0);
    }
}
