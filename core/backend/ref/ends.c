/* The two ends of a step and what follows it: gathering a batch, the loss, the optimizer. */
#include <math.h>

#include "backend/ref/ref.h"
#include "data/data.h"

void nl_ref_gather(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = arguments;
    int height = op->height, width = op->width, channels = op->channels;
    for (int r = 0; r < run->replicas; r++) {
        const float *table = nl_in_replica(run, op->table, r);                                             /* (C, 256) */
        const double *mean = nl_in_replica(run, op->mean, r), *scale = nl_in_replica(run, op->scale, r); /* (C) */
        const int32_t *index = nl_in_replica(run, op->index, r), *label_of = nl_in_replica(run, op->label_of, r);
        const uint64_t *seed = nl_in_replica(run, op->seed, r);
        double *x = nl_in_replica(run, op->x, r); /* (N, H, W, C) */
        int32_t *labels = nl_in_replica(run, op->labels, r);
        for (int n = 0; n < run->samples; n++) {
            struct nl_augmentation moved = {0, 0, 0};
            if (run->augment && (op->crop > 0 || op->flip))
                moved = nl_augment(*seed, run->epoch, index[n], op->crop, op->flip);
            labels[n] = label_of[index[n]];
            for (int i = 0; i < height; i++)
                for (int j = 0; j < width; j++)
                    for (int c = 0; c < channels; c++) {
                        int row = i + moved.dy, column = j + moved.dx;
                        bool out = row < 0 || row >= height || column < 0 || column >= width;
                        if (moved.flip)
                            column = width - 1 - column;
                        size_t at = (((size_t)index[n] * height + row) * width + column) * channels + c;
                        if (out)
                            *x++ = 0.0;
                        else
                            *x++ = (double)(op->pixels ? table[c * 256 + op->pixels[at]] : nl_standardized(op->values[at], mean[c], scale[c]));
                    }
        }
    }
}

void nl_ref_loss(const struct nl_run *run, const void *arguments)
{
    const struct nl_loss *op = arguments;
    int classes = op->classes;
    for (int r = 0; r < run->replicas; r++) {
        const double *logits = nl_in_replica(run, op->logits, r); /* (N, K) */
        const int32_t *labels = nl_in_replica(run, op->labels, r);
        double *sums = nl_in_replica(run, op->sums, r), *dlogits = nl_in_replica(run, op->dlogits, r);
        for (int n = 0; n < run->samples; n++, logits += classes) {
            int best = 0;
            double largest = logits[0], sum = 0.0;
            for (int k = 1; k < classes; k++)
                if (logits[k] > largest || isnan(logits[k]))
                    largest = logits[best = k];
            for (int k = 0; k < classes; k++)
                sum += exp(logits[k] - largest);
            sums[0] += log(sum) + largest - logits[labels[n]];
            sums[1] += best == labels[n] && !isnan(largest);
            for (int k = 0; dlogits && k < classes; k++)
                dlogits[(size_t)n * classes + k] = (exp(logits[k] - largest) / sum - (k == labels[n])) / run->samples;
        }
    }
}

/* torch.nn.utils.clip_grad_norm_, then clip_grad_value_. */
static void clip(double *grad, size_t count, const struct nl_hyper *hyper)
{
    if (hyper->clip_norm > 0) {
        double squares = 0.0;
        for (size_t i = 0; i < count; i++)
            squares += grad[i] * grad[i];
        double factor = hyper->clip_norm / (sqrt(squares) + 1e-6);
        for (size_t i = 0; factor < 1 && i < count; i++)
            grad[i] *= factor;
    }
    for (size_t i = 0; hyper->clip_value > 0 && i < count; i++) {
        if (grad[i] > hyper->clip_value)
            grad[i] = hyper->clip_value;
        if (grad[i] < -hyper->clip_value)
            grad[i] = -hyper->clip_value;
    }
}

/* The gradient with what weight decay adds. Without decay there is no term of it, as in PyTorch: not even 0 times a weight that has become infinite. */
static double decayed(double grad, double decay, double w)
{
    return decay != 0 ? grad + decay * w : grad;
}

/* torch.optim.SGD with dampening 0: a buffer that starts at zero gives the same as one that starts as the first gradient. */
static void sgd(const struct nl_update *op, const struct nl_hyper *hyper, double *w, const double *grad, double *buffer)
{
    for (size_t i = 0; i < op->count; i++) {
        double g = decayed(grad[i], i < op->decayed ? hyper->weight_decay : 0.0, w[i]);
        if (buffer) {
            buffer[i] = hyper->momentum * buffer[i] + g;
            g = op->nesterov ? g + hyper->momentum * buffer[i] : buffer[i];
        }
        w[i] -= hyper->lr * g;
    }
}

/* torch.optim.Adam (coupled decay) and AdamW (decoupled). */
static void adam(const struct nl_update *op, const struct nl_hyper *hyper, int64_t step, double *w, const double *grad, double *first, double *second)
{
    double correction1 = 1.0 - pow(hyper->beta1, (double)(step + 1)), correction2 = 1.0 - pow(hyper->beta2, (double)(step + 1));
    for (size_t i = 0; i < op->count; i++) {
        double decay = i < op->decayed ? hyper->weight_decay : 0.0, g = grad[i];
        if (op->optimizer == NL_ADAMW)
            w[i] *= 1.0 - hyper->lr * decay;
        else
            g = decayed(g, decay, w[i]);
        first[i] = hyper->beta1 * first[i] + (1.0 - hyper->beta1) * g;
        second[i] = hyper->beta2 * second[i] + (1.0 - hyper->beta2) * g * g;
        w[i] -= hyper->lr / correction1 * first[i] / (sqrt(second[i]) / sqrt(correction2) + hyper->adam_eps);
    }
}

/* NaN stays NaN: a training that fails is seen to. */
static double sign(double x)
{
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
}

static void lion(const struct nl_update *op, const struct nl_hyper *hyper, double *w, const double *grad, double *mean)
{
    for (size_t i = 0; i < op->count; i++) {
        double decay = i < op->decayed ? hyper->weight_decay : 0.0, g = grad[i];
        w[i] *= 1.0 - hyper->lr * decay;
        w[i] -= hyper->lr * sign(hyper->beta1 * mean[i] + (1.0 - hyper->beta1) * g);
        mean[i] = hyper->beta2 * mean[i] + (1.0 - hyper->beta2) * g;
    }
}

static double norm(const double *x, size_t count)
{
    double squares = 0.0;
    for (size_t i = 0; i < count; i++)
        squares += x[i] * x[i];
    return sqrt(squares);
}

static void lars(const struct nl_update *op, const struct nl_update_tensor *tensor, const struct nl_hyper *hyper, double *w, const double *grad,
                 double *buffer)
{
    size_t end = tensor->offset + tensor->count;
    double decay = tensor->offset < op->decayed ? hyper->weight_decay : 0.0, rate = 1.0;
    double of_w = norm(w + tensor->offset, tensor->count), of_grad = norm(grad + tensor->offset, tensor->count);
    if (tensor->role == NL_WEIGHT && of_w != 0 && of_grad != 0)
        rate = hyper->trust * of_w / (of_grad + decay * of_w);
    for (size_t i = tensor->offset; i < end; i++) {
        buffer[i] = hyper->momentum * buffer[i] + hyper->lr * rate * decayed(grad[i], decay, w[i]);
        w[i] -= buffer[i];
    }
}

void nl_ref_update(const struct nl_run *run, const struct nl_update *op)
{
    for (int r = 0; r < run->replicas; r++) {
        const struct nl_hyper *hyper = nl_in_replica(run, op->hyper, r);
        const struct nl_update_tensor *tensor = nl_in_replica(run, op->tensor, r);
        double *w = nl_in_replica(run, op->w, r), *grad = nl_in_replica(run, op->grad, r);
        double *first = nl_in_replica(run, op->first, r), *second = nl_in_replica(run, op->second, r);
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
    }
}
