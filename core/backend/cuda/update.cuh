/* A parameter's step, after gradient clipping by norm and value: what update.cu launches, and one_launch.cu has a block do among other work. */
#ifndef NL_BACKEND_CUDA_UPDATE_CUH
#define NL_BACKEND_CUDA_UPDATE_CUH

#include "backend/cuda/cuda.h"

enum { NL_NORM_BLOCKS = 64 }; /* at most, that share the sum of a replica's squares */

static inline __host__ __device__ int nl_norm_parts(size_t count)
{
    unsigned blocks = nl_blocks(count, NL_THREADS);
    return blocks < NL_NORM_BLOCKS ? (int)blocks : (int)NL_NORM_BLOCKS;
}

/* Of the squares of share `share` of a gradient, of `shares`, in double: those of a diverging gradient overflow a float, and it is then that clipping
 * matters. Each thread of the block has it. */
static __device__ double squares_of_share(const float *grad, size_t count, unsigned share, unsigned shares)
{
    double sum = 0.0, nothing = 0.0;
    for (size_t at = (size_t)share * blockDim.x + threadIdx.x; at < count; at += (size_t)shares * blockDim.x) {
        double g = grad[at];
        sum += g * g;
    }
    nl_block_sum(&sum, &nothing);
    return sum;
}

/* The scalars of a replica's step, worked out in double by one thread of each block. */
struct scalars {
    float scale, limit;                  /* of the gradient; limit 0: none */
    float lr, momentum;
    float keep, decay;                   /* AdamW, Lion: w *= keep. The others: grad += decay w, where it is not 0 */
    float beta1, rest1, beta2, rest2;
    float rate;                          /* lr / (1 - beta1^t) */
    float root;                          /* 1 / sqrt(1 - beta2^t) */
    float eps;
};

static __device__ struct scalars scalars_of(const struct nl_update &op, const struct nl_hyper *hyper, double t, const double *part, int parts)
{
    struct scalars s;
    s.scale = 1.0f;
    if (op.clips) {
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
    if (op.optimizer == NL_SGD || op.optimizer == NL_LARS)
        return s;
    if (op.optimizer != NL_ADAM) {
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

/* The gradient as the optimizer sees it. NaN stays NaN. */
static __device__ float clipped(float g, const struct scalars *s)
{
    if (s->scale < 1)
        g *= s->scale;
    if (s->limit > 0) {
        g = g > s->limit ? s->limit : g;
        g = g < -s->limit ? -s->limit : g;
    }
    return g;
}

/* Steps parameter `at`. */
static __device__ void step_parameter(const struct nl_update &op, size_t stride, const struct scalars &s, size_t at)
{
    float *w = (float *)nl_at(op.w, stride) + at;
    float *first = op.first ? (float *)nl_at(op.first, stride) + at : NULL;
    float *second = op.second ? (float *)nl_at(op.second, stride) + at : NULL;
    float g = clipped(((const float *)nl_at(op.grad, stride))[at], &s);
    bool decays = at < op.decayed;
    if (decays && s.decay != 0) /* not even 0 times a weight that has become infinite */
        g += s.decay * *w;
    float kept = decays ? *w * s.keep : *w;
    if (op.optimizer == NL_LION) { /* NaN stays NaN */
        float u = s.beta1 * *first + s.rest1 * g;
        *first = s.beta2 * *first + s.rest2 * g;
        *w = kept - s.lr * (u > 0 ? 1.0f : u < 0 ? -1.0f : u);
        return;
    }
    if (op.optimizer != NL_SGD) {
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

#endif
