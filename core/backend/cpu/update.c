/* The update: gradient clipping, then loops for SGD, Adam, AdamW, Lion and LARS; other optimizers take the step of
 * their file (optimizer/optimizer.h). */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/team.h"

enum { SUMS = 32 }; /* side by side: each waits four cycles for the one before */

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

/* sums[unit] += the squares of a row of units. */
NL_CLONES
static void add_squares(size_t units, const float *row, double *restrict sums)
{
    for (size_t unit = 0; unit < units; unit++)
        sums[unit] += (double)row[unit] * row[unit];
}

NL_CLONES
static void scale_each(size_t units, const float *restrict factor, float *restrict row)
{
    for (size_t unit = 0; unit < units; unit++)
        row[unit] *= factor[unit];
}

/* Adaptive gradient clipping (optimizer/optimizer.h). */
static void clip_units(const struct nl_update_tensor *tensor, double agc, const float *w, float *grad)
{
    size_t units = tensor->units, room = units * (2 * sizeof(double) + sizeof(float));
    double *of_w = memset(nl_cpu_scratch(room), 0, room), *of_grad = of_w + units;
    float *factor = (float *)(of_grad + units);
    bool clips = false;
    for (size_t i = 0; i < tensor->count; i += units) {
        add_squares(units, w + i, of_w);
        add_squares(units, grad + i, of_grad);
    }
    for (size_t unit = 0; unit < units; unit++) {
        double most = agc * fmax(sqrt(of_w[unit]), 1e-3), length = sqrt(of_grad[unit]);
        factor[unit] = length > most ? (float)(most / length) : 1.0f;
        clips |= length > most;
    }
    for (size_t i = 0; clips && i < tensor->count; i += units)
        scale_each(units, factor, grad + i);
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

/* The step of the parameters from number `from` on, with one weight decay. */
static struct nl_cpu_sgd sgd_from(const struct nl_update *op, size_t from, double decay)
{
    const struct nl_hyper *hyper = op->hyper;
    float *w = op->w, *buffer = op->first;
    return (struct nl_cpu_sgd){.lr = (float)hyper->lr, .decay = (float)decay, .momentum = (float)hyper->momentum,
                               .nesterov = op->nesterov, .w = w + from, .buffer = buffer ? buffer + from : NULL};
}

struct nl_cpu_sgd nl_cpu_sgd_of(const struct nl_update *op, const float *w)
{
    const struct nl_hyper *hyper = op->hyper;
    return sgd_from(op, (size_t)(w - (const float *)op->w), hyper->weight_decay);
}

/* The scalars of one step of Adam, AdamW or Lion, worked out in double. */
struct scalars {
    float clip;     /* grad *= clip */
    float lr;
    float keep;     /* w *= keep: 1 - lr decay (AdamW, Lion) */
    float decay;    /* grad += decay w (Adam) */
    float beta1, rest1, beta2, rest2;
    float rate;     /* lr / (1 - beta1^t) */
    float root;     /* 1 / sqrt(1 - beta2^t) */
    float eps;
};

NL_CLONES
static void adam(size_t count, struct scalars a, float *restrict w, const float *restrict grad, float *restrict first,
                 float *restrict second)
{
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] * a.keep, g = decayed(a.clip * grad[i], a.decay, w[i]);
        first[i] = a.beta1 * first[i] + a.rest1 * g;
        second[i] = a.beta2 * second[i] + a.rest2 * (g * g);
        w[i] = kept - a.rate * (first[i] / (sqrtf(second[i]) * a.root + a.eps));
    }
}

static struct scalars scalars_of(const struct nl_update *op, const struct nl_hyper *hyper, double t, double decay,
                                 float clip)
{
    bool decoupled = op->decoupled;
    return (struct scalars){
        .clip = clip,
        .lr = (float)hyper->lr,
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
}

/* NaN stays NaN. */
NL_CLONES
static void lion(size_t count, struct scalars a, float *restrict w, const float *restrict grad, float *restrict mean)
{
    for (size_t i = 0; i < count; i++) {
        float g = a.clip * grad[i], u = a.beta1 * mean[i] + a.rest1 * g;
        float sign = u > 0 ? 1.0f : u < 0 ? -1.0f : u;
        mean[i] = a.beta2 * mean[i] + a.rest2 * g;
        w[i] = w[i] * a.keep - a.lr * sign;
    }
}

NL_CLONES
static void lars(size_t count, float rate, float decay, float momentum, float *restrict w, const float *restrict grad,
                 float *restrict buffer)
{
    for (size_t i = 0; i < count; i++) {
        buffer[i] = momentum * buffer[i] + rate * decayed(grad[i], decay, w[i]);
        w[i] -= buffer[i];
    }
}

/* Parameters from number `from` on, with one weight decay. */
struct range {
    const struct nl_update *op;
    size_t from;
    double t;    /* steps with this one */
    double rate; /* LARS: of this tensor, times lr */
    double decay;
    float clip;  /* by what the gradients are still to be multiplied: Adam, AdamW, Lion; else 1 */
};

static void on_range(void *context, size_t begin, size_t end, int thread)
{
    const struct range *range = context;
    const struct nl_update *op = range->op;
    const struct nl_hyper *hyper = op->hyper;
    size_t from = range->from + begin, count = end - begin;
    float *w = (float *)op->w + from, *grad = (float *)op->grad + from;
    float *first = op->first ? (float *)op->first + from : NULL;
    (void)thread;
    if (op->optimizer == NL_SGD) {
        struct nl_cpu_sgd sgd = sgd_from(op, from, range->decay);
        nl_cpu_sgd_step(&sgd, count, grad);
    } else if (op->optimizer == NL_ADAM || op->optimizer == NL_ADAMW) {
        adam(count, scalars_of(op, hyper, range->t, range->decay, range->clip), w, grad, first,
             (float *)op->second + from);
    } else if (op->optimizer == NL_LION) {
        lion(count, scalars_of(op, hyper, range->t, range->decay, range->clip), w, grad, first);
    } else {
        lars(count, (float)range->rate, (float)range->decay, (float)hyper->momentum, w, grad, first);
    }
}

static void step(struct range range, size_t to)
{
    nl_parallel_for(range.from < to ? to - range.from : 0, nl_cpu_grain_of_bytes(3 * sizeof(float)), on_range, &range);
}

/* A tensor whose rate follows from its own norms. */
static void step_tensor(const struct nl_update *op, const struct nl_update_tensor *tensor)
{
    const struct nl_hyper *hyper = op->hyper;
    struct range range = {.op = op, .from = tensor->offset, .rate = hyper->lr};
    range.decay = tensor->offset < op->decayed ? hyper->weight_decay : 0.0;
    if (tensor->role == NL_WEIGHT) {
        double w = sqrt(sum_of_squares(tensor->count, (float *)op->w + tensor->offset));
        double grad = sqrt(sum_of_squares(tensor->count, (float *)op->grad + tensor->offset));
        range.rate *= w != 0 && grad != 0 ? hyper->trust * w / (grad + range.decay * w) : 1.0;
    }
    step(range, tensor->offset + tensor->count);
}

static void clip_fractions(const struct nl_update *op)
{
    const struct nl_update_tensor *tensor = op->tensor;
    float *w = op->w;
    for (int i = 0; i < op->tensors; i++)
        for (size_t k = tensor[i].offset; tensor[i].role == NL_FRACTION && k < tensor[i].offset + tensor[i].count; k++)
            w[k] = w[k] < 0.0f ? 0.0f : w[k] > 1.0f ? 1.0f : w[k]; /* NaN stays NaN */
}

/* c (m, n) = a (m, k) b (k, n), or b' (n, k). */
static void multiply(size_t m, size_t n, size_t k, const void *a, const void *b, bool transposed, void *c)
{
    nl_cpu_gemm(
        NL_GEMM_OWN,
        &(struct nl_cpu_gemm){
            .transposed = transposed ? NL_TRANSPOSED_B : NL_PLAIN, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c});
}

/* The tensors, by the step that the optimizer's file has. */
struct tensors {
    const struct nl_update *op;
    int64_t step;
};

static void on_tensors(void *context, size_t begin, size_t end, int thread)
{
    const struct tensors *tensors = context;
    const struct nl_update *op = tensors->op;
    const struct nl_update_tensor *tensor = op->tensor;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        struct nl_tensor_step step = nl_tensor_step_of(op, sizeof(float), &tensor[i], tensors->step, multiply);
        nl_optimizers[op->optimizer]->step[NL_ELEMENT_FLOAT](&step);
    }
}

/* What cpu has for an optimizer. */
enum way {
    BY_FILE,  /* no loop */
    PLAIN,    /* a loop over all parameters */
    CLIPPING, /* which multiplies gradients by the factor of clipping, too */
    BY_TENSOR /* a loop over each tensor, whose rate follows from its norms */
};
static const enum way ways[] = {
    [NL_SGD] = PLAIN, [NL_ADAM] = CLIPPING, [NL_ADAMW] = CLIPPING, [NL_LION] = CLIPPING, [NL_LARS] = BY_TENSOR};

static enum way way_of(enum nl_optimizer optimizer)
{
    return (size_t)optimizer < sizeof ways / sizeof *ways ? ways[optimizer] : BY_FILE;
}

static void step_all(const struct nl_run *run, const struct nl_update *op, float clip)
{
    const struct nl_hyper *hyper = op->hyper;
    if (way_of(op->optimizer) == BY_FILE) {
        nl_parallel_for((size_t)op->tensors, 1, on_tensors, &(struct tensors){op, run->step});
        return;
    }
    if (way_of(op->optimizer) == BY_TENSOR) {
        const struct nl_update_tensor *tensor = op->tensor;
        for (int i = 0; i < op->tensors; i++)
            step_tensor(op, &tensor[i]);
        return;
    }
    size_t rest = op->stepped > op->decayed ? op->stepped : op->decayed;
    double t = (double)run->step + 1;
    step((struct range){.op = op, .from = op->stepped, .t = t, .decay = hyper->weight_decay, .clip = clip},
         op->decayed);
    step((struct range){.op = op, .from = rest, .t = t, .clip = clip}, op->count);
}

/* By what gradients are multiplied so that their norm is `most` at most. NaN leaves them as they are. */
static float norm_factor(double most, size_t count, const float *grad)
{
    double factor = most / (sqrt(sum_of_squares(count, grad)) + 1e-6);
    return factor < 1 ? (float)factor : 1.0f;
}

void nl_cpu_update(const struct nl_run *run, const struct nl_update *op)
{
    const struct nl_hyper *hyper = op->hyper;
    const struct nl_update_tensor *tensor = op->tensor;
    float *grad = op->grad;
    for (int i = 0; op->units > 0 && i < op->tensors; i++)
        if (tensor[i].units > 0)
            clip_units(&tensor[i], hyper->agc, (const float *)op->w + tensor[i].offset, grad + tensor[i].offset);
    float clip = hyper->clip_norm > 0 ? norm_factor(hyper->clip_norm, op->count, grad) : 1.0f;
    if (clip < 1 && (hyper->clip_value > 0 || way_of(op->optimizer) != CLIPPING)) {
        scale(op->count, clip, grad);
        clip = 1.0f;
    }
    if (hyper->clip_value > 0)
        clamp(op->count, (float)hyper->clip_value, grad);
    step_all(run, op, clip);
    if (op->has_fractions)
        clip_fractions(op);
}
