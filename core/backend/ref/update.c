/* The optimizers. */
#include "backend/ref/update.h"

#include "operation/reference.h"

/* torch.nn.utils.clip_grad_norm_, then clip_grad_value_. */
static void clip(real *grad, size_t count, const struct nl_hyper *hyper)
{
    if (hyper->clip_norm > 0) {
        accumulator squares = 0;
        for (size_t i = 0; i < count; i++)
            squares += (accumulator)grad[i] * grad[i];
        accumulator factor = hyper->clip_norm / (sqrt(squares) + 1e-6);
        for (size_t i = 0; real_part(factor) < 1 && i < count; i++)
            grad[i] *= factor;
    }
    for (size_t i = 0; hyper->clip_value > 0 && i < count; i++) {
        if (real_part(grad[i]) > hyper->clip_value)
            grad[i] = hyper->clip_value;
        if (real_part(grad[i]) < -hyper->clip_value)
            grad[i] = -hyper->clip_value;
    }
}

static accumulator larger(accumulator a, double b)
{
    return real_part(a) > b ? a : b;
}

/* Adaptive gradient clipping (backend.h). */
static void clip_units(const struct nl_update_tensor *tensor, double agc, const real *w, real *grad)
{
    for (size_t unit = 0; unit < tensor->units; unit++) {
        accumulator of_w = 0, of_grad = 0;
        for (size_t i = unit; i < tensor->count; i += tensor->units) {
            of_w += (accumulator)w[i] * w[i];
            of_grad += (accumulator)grad[i] * grad[i];
        }
        accumulator most = agc * larger(sqrt(of_w), 1e-3), length = sqrt(of_grad);
        for (size_t i = unit; real_part(length) > real_part(most) && i < tensor->count; i += tensor->units)
            grad[i] *= most / length;
    }
}

/* The gradient with what weight decay adds. Without decay there is no term of it, as in PyTorch: not even 0 times a weight that has become infinite. */
static accumulator decayed(accumulator grad, double decay, accumulator w)
{
    return decay != 0 ? grad + decay * w : grad;
}

/* torch.optim.SGD with dampening 0: a buffer that starts at zero gives the same as one that starts as the first gradient. */
static void sgd(const struct nl_update *op, const struct nl_hyper *hyper, real *w, const real *grad, real *buffer)
{
    for (size_t i = 0; i < op->count; i++) {
        accumulator g = decayed(grad[i], i < op->decayed ? hyper->weight_decay : 0.0, w[i]);
        if (buffer) {
            buffer[i] = hyper->momentum * buffer[i] + g;
            g = op->nesterov ? g + hyper->momentum * buffer[i] : buffer[i];
        }
        w[i] -= hyper->lr * g;
    }
}

/* torch.optim.Adam (coupled decay) and AdamW (decoupled). */
static void adam(const struct nl_update *op, const struct nl_hyper *hyper, int64_t step, real *w, const real *grad, real *first, real *second)
{
    double correction1 = 1.0 - pow(hyper->beta1, (double)(step + 1)), correction2 = 1.0 - pow(hyper->beta2, (double)(step + 1));
    for (size_t i = 0; i < op->count; i++) {
        double decay = i < op->decayed ? hyper->weight_decay : 0.0;
        accumulator g = grad[i];
        if (op->optimizer == NL_ADAMW)
            w[i] *= 1.0 - hyper->lr * decay;
        else
            g = decayed(g, decay, w[i]);
        first[i] = hyper->beta1 * first[i] + (1.0 - hyper->beta1) * g;
        second[i] = hyper->beta2 * second[i] + (1.0 - hyper->beta2) * g * g;
        w[i] -= hyper->lr / correction1 * first[i] / (sqrt(second[i]) / sqrt(correction2) + hyper->adam_eps);
    }
}

/* NaN stays NaN. */
static double sign(accumulator x)
{
    return real_part(x) > 0 ? 1.0 : real_part(x) < 0 ? -1.0 : real_part(x);
}

static void lion(const struct nl_update *op, const struct nl_hyper *hyper, real *w, const real *grad, real *mean)
{
    for (size_t i = 0; i < op->count; i++) {
        double decay = i < op->decayed ? hyper->weight_decay : 0.0;
        accumulator u = hyper->beta1 * mean[i] + (1.0 - hyper->beta1) * grad[i];
        w[i] = w[i] * (1.0 - hyper->lr * decay) - hyper->lr * sign(u);
        mean[i] = hyper->beta2 * mean[i] + (1.0 - hyper->beta2) * grad[i];
    }
}

static accumulator norm(const real *x, size_t count)
{
    accumulator squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += (accumulator)x[i] * x[i];
    return sqrt(squares);
}

static void lars(const struct nl_update *op, const struct nl_update_tensor *tensor, const struct nl_hyper *hyper, real *w, const real *grad, real *buffer)
{
    double decay = tensor->offset < op->decayed ? hyper->weight_decay : 0.0;
    accumulator of_w = norm(w + tensor->offset, tensor->count), of_grad = norm(grad + tensor->offset, tensor->count), rate = 1;
    if (tensor->role == NL_WEIGHT && real_part(of_w) != 0 && real_part(of_grad) != 0)
        rate = hyper->trust * of_w / (of_grad + decay * of_w);
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
        buffer[i] = hyper->momentum * buffer[i] + hyper->lr * rate * decayed(grad[i], decay, w[i]);
        w[i] -= buffer[i];
    }
}

static void clip_fractions(const struct nl_update *op, const struct nl_update_tensor *tensor, real *w)
{
    for (int i = 0; i < op->tensors; i++)
        for (size_t at = tensor[i].offset; tensor[i].role == NL_FRACTION && at < tensor[i].offset + tensor[i].count; at++)
            w[at] = real_part(w[at]) < 0 ? 0 : real_part(w[at]) > 1 ? 1 : w[at]; /* NaN stays NaN */
}

void NL_REFERENCE(update)(const struct nl_run *run, const struct nl_update *op)
{
    for (int r = 0; r < run->replicas; r++) {
        const struct nl_hyper *hyper = nl_in_replica(run, op->hyper, r);
        const struct nl_update_tensor *tensor = nl_in_replica(run, op->tensor, r);
        real *w = nl_in_replica(run, op->w, r), *grad = nl_in_replica(run, op->grad, r);
        real *first = nl_in_replica(run, op->first, r), *second = nl_in_replica(run, op->second, r);
        for (int i = 0; op->units > 0 && i < op->tensors; i++)
            clip_units(&tensor[i], hyper->agc, w + tensor[i].offset, grad + tensor[i].offset);
        clip(grad, op->count, hyper);
        switch (op->optimizer) {
        case NL_SGD:
            sgd(op, hyper, w, grad, first);
            break;
        case NL_ADAM:
        case NL_ADAMW:
            adam(op, hyper, run->step, w, grad, first, second);
            break;
        case NL_LION:
            lion(op, hyper, w, grad, first);
            break;
        case NL_LARS:
            for (int i = 0; i < op->tensors; i++)
                lars(op, &tensor[i], hyper, w, grad, first);
            break;
        }
        if (op->has_fractions)
            clip_fractions(op, tensor, w);
    }
}
