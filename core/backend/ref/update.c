/* The reference's update: gradients are clipped, and each tensor has its optimizer's step. */
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

/* Adaptive gradient clipping (optimizer/optimizer.h). */
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

static void clip_fractions(const struct nl_update *op, const struct nl_update_tensor *tensor, real *w)
{
    for (int i = 0; i < op->tensors; i++)
        for (size_t at = tensor[i].offset; tensor[i].role == NL_FRACTION && at < tensor[i].offset + tensor[i].count;
             at++)
            w[at] = real_part(w[at]) < 0 ? 0 : real_part(w[at]) > 1 ? 1 : w[at]; /* NaN stays NaN */
}

static void multiply(size_t m, size_t n, size_t k, const void *a, const void *b, bool transposed, void *c)
{
    const real *left = a, *right = b;
    real *product = c;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            accumulator sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += (accumulator)left[i * k + l] * (transposed ? right[j * k + l] : right[l * n + j]);
            product[i * n + j] = sum;
        }
}

void NL_REFERENCE(update)(const struct nl_run *run, const struct nl_update *op)
{
    enum { ELEMENT = sizeof(real) == sizeof(double) ? NL_ELEMENT_DOUBLE : NL_ELEMENT_COMPLEX };
    nl_optimizer_step *take_step = nl_optimizers[op->optimizer]->step[ELEMENT];
    const struct nl_hyper *hyper = op->hyper;
    const struct nl_update_tensor *tensor = op->tensor;
    real *w = op->w, *grad = op->grad;
    for (int i = 0; op->units > 0 && i < op->tensors; i++)
        clip_units(&tensor[i], hyper->agc, w + tensor[i].offset, grad + tensor[i].offset);
    clip(grad, op->count, hyper);
    for (int i = 0; i < op->tensors; i++) {
        struct nl_tensor_step step = nl_tensor_step_of(op, sizeof(real), &tensor[i], run->step, multiply);
        take_step(&step);
    }
    if (op->has_fractions)
        clip_fractions(op, tensor, w);
}
