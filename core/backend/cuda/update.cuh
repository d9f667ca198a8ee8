/* A parameter's step, after gradient clipping by norm and value: what update.cu launches, and one_launch.cu has a block
 * do among other work. */
#ifndef NL_BACKEND_CUDA_UPDATE_CUH
#define NL_BACKEND_CUDA_UPDATE_CUH

#include "backend/cuda/cuda.h"

enum { NL_NORM_BLOCKS = 64 }; /* at most, that share the sum of a replica's squares */

static inline __host__ __device__ int nl_norm_parts(size_t count)
{
    unsigned blocks = nl_blocks(count, NL_THREADS);
    return blocks < NL_NORM_BLOCKS ? (int)blocks : (int)NL_NORM_BLOCKS;
}

/* The sum of squares in share `share` of a gradient, of `shares`, in double: the squares of a diverging gradient
 * overflow a float, and it is then that clipping matters. Each thread of the block has it. */
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

static __device__ struct scalars scalars_of(const struct nl_update &op, const struct nl_hyper *hyper, double t,
                                            const double *part, int parts)
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
    if (op.decoupled) {
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

/* A parameter, its gradient, and what the optimizer keeps of it. */
struct parameter {
    float w, grad, first, second;
};

static __device__ inline struct parameter fetch_parameter(const struct nl_update &op, size_t stride, size_t at)
{
    struct parameter p = {((const float *)nl_at(op.w, stride))[at], ((const float *)nl_at(op.grad, stride))[at], 0.0f,
                          0.0f};
    if (op.first)
        p.first = ((const float *)nl_at(op.first, stride))[at];
    if (op.second)
        p.second = ((const float *)nl_at(op.second, stride))[at];
    return p;
}

static __device__ inline void put_parameter(const struct nl_update &op, size_t stride, size_t at,
                                            const struct parameter &p)
{
    ((float *)nl_at(op.w, stride))[at] = p.w;
    if (op.first)
        ((float *)nl_at(op.first, stride))[at] = p.first;
    if (op.second)
        ((float *)nl_at(op.second, stride))[at] = p.second;
}

/* What it is after the step. */
static __device__ inline struct parameter stepped(const struct nl_update &op, const struct scalars &s, bool decays,
                                                  struct parameter p)
{
    float g = clipped(p.grad, &s);
    if (decays && s.decay != 0) /* not even 0 times a weight that has become infinite */
        g += s.decay * p.w;
    float kept = decays ? p.w * s.keep : p.w;
    if (op.optimizer == NL_LION) { /* NaN stays NaN */
        float u = s.beta1 * p.first + s.rest1 * g;
        p.first = s.beta2 * p.first + s.rest2 * g;
        p.w = kept - s.lr * (u > 0 ? 1.0f : u < 0 ? -1.0f : u);
    } else if (op.optimizer == NL_ADAM || op.optimizer == NL_ADAMW) {
        p.first = s.beta1 * p.first + s.rest1 * g;
        p.second = s.beta2 * p.second + s.rest2 * (g * g);
        p.w = kept - s.rate * (p.first / (sqrtf(p.second) * s.root + s.eps));
    } else if (op.optimizer == NL_SGD) {
        if (op.first) {
            p.first = s.momentum * p.first + g;
            g = op.nesterov ? g + s.momentum * p.first : p.first;
        }
        p.w -= s.lr * g;
    }
    return p;
}

#endif
