/* Optimizers: torch.optim.SGD, Adam and AdamW, after gradient clipping. Each replica has its own rates. */
#include "backend/cuda/cuda.h"

enum { NORM_BLOCKS = 64 }; /* at most, that share the sum of a replica's squares */

/* part[r][block]: of the squares of a block's share of the gradient, in double: those of a diverging gradient overflow a float, and it
 * is then that clipping matters. */
static __global__ void squares(const float *grad, const struct nl_hyper *hyper, size_t stride, size_t count, double *part)
{
    if (!(nl_at(hyper, stride)->clip_norm > 0))
        return;
    double sum = 0.0, nothing = 0.0;
    for (size_t at = nl_element(); at < count; at += (size_t)gridDim.x * blockDim.x) {
        double g = nl_at(grad, stride)[at];
        sum += g * g;
    }
    nl_block_sum(&sum, &nothing);
    if (threadIdx.x == 0)
        part[blockIdx.z * gridDim.x + blockIdx.x] = sum;
}

/* The scalars of a replica's step, worked out in double by one thread of each block. */
struct scalars {
    float scale, limit;                  /* of the gradient; limit 0: none */
    float lr, momentum;
    float keep, decay;                   /* AdamW: w *= keep. The others: grad += decay w, where it is not 0 */
    float beta1, rest1, beta2, rest2;
    float rate;                          /* lr / (1 - beta1^t) */
    float root;                          /* 1 / sqrt(1 - beta2^t) */
    float eps;
};

static __device__ struct scalars scalars_of(enum nl_optimizer optimizer, const struct nl_hyper *hyper, double t, const double *part, int parts)
{
    struct scalars s;
    s.scale = 1.0f;
    if (hyper->clip_norm > 0) {
        double sum = 0.0;
        for (int i = 0; i < parts; i++)
            sum += part[i];
        double factor = hyper->clip_norm / (sqrt(sum) + 1e-6);
        s.scale = factor < 1 ? (float)factor : 1.0f;
    }
    s.limit = (float)hyper->clip_value;
    s.lr = (float)hyper->lr;
    s.momentum = (float)hyper->momentum;
    s.decay = (float)hyper->weight_decay;
    s.keep = 1.0f;
    if (optimizer == NL_SGD)
        return s;
    if (optimizer == NL_ADAMW) {
        s.keep = (float)(1.0 - hyper->lr * hyper->weight_decay);
        s.decay = 0.0f;
    }
    s.beta1 = (float)hyper->beta1;
    s.rest1 = (float)(1.0 - hyper->beta1);
    s.beta2 = (float)hyper->beta2;
    s.rest2 = (float)(1.0 - hyper->beta2);
    s.rate = (float)(hyper->lr / (1.0 - pow(hyper->beta1, t)));
    s.root = (float)(1.0 / sqrt(1.0 - pow(hyper->beta2, t)));
    s.eps = (float)hyper->adam_eps;
    return s;
}

static __global__ void update(struct nl_update op, size_t stride, const double *part, int parts, const struct nl_cuda_moment *now)
{
    __shared__ struct scalars shared;
    if (threadIdx.x == 0)
        shared = scalars_of(op.optimizer, nl_at(op.hyper, stride), (double)now->step + 1, part + blockIdx.z * parts, parts);
    __syncthreads();
    const struct scalars s = shared;
    size_t at = nl_element();
    if (at >= op.count)
        return;
    float *w = (float *)nl_at(op.w, stride) + at;
    float *first = op.first ? (float *)nl_at(op.first, stride) + at : NULL;
    float *second = op.second ? (float *)nl_at(op.second, stride) + at : NULL;
    float g = ((const float *)nl_at(op.grad, stride))[at];
    if (s.scale < 1)
        g *= s.scale;
    if (s.limit > 0) { /* NaN stays NaN */
        g = g > s.limit ? s.limit : g;
        g = g < -s.limit ? -s.limit : g;
    }
    bool decays = at < op.decayed;
    if (decays && s.decay != 0) /* not even 0 times a weight that has become infinite */
        g += s.decay * *w;
    if (op.optimizer != NL_SGD) {
        float kept = decays ? *w * s.keep : *w;
        *first = s.beta1 * *first + s.rest1 * g;
        *second = s.beta2 * *second + s.rest2 * (g * g);
        *w = kept - s.rate * (*first / (sqrtf(*second) * s.root + s.eps));
        return;
    }
    if (first) {
        *first = s.momentum * *first + g;
        g = op.nesterov ? g + s.momentum * *first : *first;
    }
    *w -= s.lr * g;
}

void nl_cuda_update(const struct nl_run *run, const struct nl_update *op)
{
    unsigned blocks = nl_blocks(op->count, NL_THREADS);
    int parts = blocks < NORM_BLOCKS ? (int)blocks : (int)NORM_BLOCKS;
    double *part = (double *)nl_cuda_scratch((size_t)run->replicas * parts * sizeof *part);
    dim3 shares((unsigned)parts, 1, (unsigned)run->replicas);
    /* Whether a replica clips stands in its image: a block that need not leaves at once. */
    NL_LAUNCH(squares, shares, NL_THREADS, (const float *)op->grad, op->hyper, run->stride, op->count, part);
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL, NULL);
    NL_LAUNCH(update, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride, part, parts, now);
}
