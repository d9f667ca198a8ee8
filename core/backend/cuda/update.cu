/* Optimizers: torch.optim.SGD, Adam and AdamW, Lion and LARS (backend.h), after gradient clipping. Each replica has its
 * own rates. */
#include "backend/cuda/update.cuh"

/* part[r][block]: of a block's share of the gradient. */
static __global__ void squares_of_all(const float *grad, size_t stride, size_t count, double *part)
{
    double sum = squares_of_share(nl_at(grad, stride), count, blockIdx.x, gridDim.x);
    if (threadIdx.x == 0)
        part[blockIdx.z * gridDim.x + blockIdx.x] = sum;
}

enum { ACROSS = 32 }; /* units of a block in clip_units, at most */

/* Adaptive gradient clipping (backend.h). Block (u, t, r): units [ACROSS u, ACROSS (u + 1)) of tensor t; its threads
 * share the rows. */
static __global__ void clip_units(struct nl_update op, size_t stride)
{
    __shared__ double of_w[NL_THREADS], of_grad[NL_THREADS];
    const struct nl_update_tensor tensor = nl_at(op.tensor, stride)[blockIdx.y];
    size_t first = (size_t)blockIdx.x * ACROSS;
    if (first >= tensor.units)
        return;
    unsigned across = (unsigned)min(tensor.units - first, (size_t)ACROSS), down = NL_THREADS / across,
             row = threadIdx.x / across;
    size_t step = down * tensor.units,
           begin = row < down ? row * tensor.units + first + threadIdx.x % across : tensor.count;
    const float *w = (const float *)nl_at(op.w, stride) + tensor.offset;
    float *grad = (float *)nl_at(op.grad, stride) + tensor.offset;
    double sum_w = 0.0, sum_grad = 0.0;
    for (size_t at = begin; at < tensor.count; at += step) {
        sum_w += (double)w[at] * w[at];
        sum_grad += (double)grad[at] * grad[at];
    }
    of_w[threadIdx.x] = sum_w;
    of_grad[threadIdx.x] = sum_grad;
    __syncthreads();
    sum_w = sum_grad = 0.0;
    for (unsigned i = threadIdx.x % across; i < down * across; i += across) {
        sum_w += of_w[i];
        sum_grad += of_grad[i];
    }
    double most = nl_at(op.hyper, stride)->agc * fmax(sqrt(sum_w), 1e-3), length = sqrt(sum_grad);
    for (size_t at = begin; length > most && at < tensor.count; at += step)
        grad[at] *= (float)(most / length);
}

static __global__ void update(struct nl_update op, size_t stride, const double *part, int parts,
                              const struct nl_cuda_moment *now)
{
    __shared__ struct scalars shared;
    if (threadIdx.x == 0)
        shared = scalars_of(op, nl_at(op.hyper, stride), (double)now->step + 1, part + blockIdx.z * parts, parts);
    __syncthreads();
    const struct scalars s = shared;
    size_t at = nl_element();
    if (at < op.count)
        put_parameter(op, stride, at, stepped(op, s, at < op.decayed, fetch_parameter(op, stride, at)));
}

/* Sums of squares of (a part of) a tensor and of its clipped gradient. */
struct squares {
    double w, grad;
};

/* found[r][tensor][block]: of a block's share. */
static __global__ void squares_of_tensors(struct nl_update op, size_t stride, const double *part, int parts,
                                          struct squares *found)
{
    __shared__ struct scalars s;
    const struct nl_update_tensor tensor = nl_at(op.tensor, stride)[blockIdx.y];
    if (threadIdx.x == 0)
        s = scalars_of(op, nl_at(op.hyper, stride), 0.0, part + blockIdx.z * parts, parts);
    __syncthreads();
    const float *w = (const float *)nl_at(op.w, stride) + tensor.offset,
                *grad = (const float *)nl_at(op.grad, stride) + tensor.offset;
    struct squares sum = {0.0, 0.0};
    for (size_t at = nl_element(); at < tensor.count; at += (size_t)gridDim.x * blockDim.x) {
        double g = clipped(grad[at], &s);
        sum.w += (double)w[at] * w[at];
        sum.grad += g * g;
    }
    nl_block_sum(&sum.w, &sum.grad);
    if (threadIdx.x == 0)
        found[((size_t)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = sum;
}

/* The rate of a tensor, from the sums of its blocks. */
static __device__ double rate_of(const struct nl_update_tensor *tensor, const struct nl_hyper *hyper, double decay,
                                 const struct squares *found, int blocks)
{
    struct squares sum = {0.0, 0.0};
    for (int i = 0; i < blocks; i++) {
        sum.w += found[i].w;
        sum.grad += found[i].grad;
    }
    double w = sqrt(sum.w), grad = sqrt(sum.grad);
    bool adapts = tensor->role == NL_WEIGHT && w != 0 && grad != 0;
    return hyper->lr * (adapts ? hyper->trust * w / (grad + decay * w) : 1.0);
}

/* With the grid of squares_of_tensors. */
static __global__ void update_tensors(struct nl_update op, size_t stride, const double *part, int parts,
                                      const struct squares *found)
{
    __shared__ struct scalars s;
    __shared__ float rate;
    const struct nl_update_tensor tensor = nl_at(op.tensor, stride)[blockIdx.y];
    const struct nl_hyper *hyper = nl_at(op.hyper, stride);
    double decay = tensor.offset < op.decayed ? hyper->weight_decay : 0.0;
    if (threadIdx.x == 0) {
        s = scalars_of(op, hyper, 0.0, part + blockIdx.z * parts, parts);
        rate = (float)rate_of(&tensor, hyper, decay, found + ((size_t)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x,
                              (int)gridDim.x);
    }
    __syncthreads();
    float *w = (float *)nl_at(op.w, stride) + tensor.offset, *buffer = (float *)nl_at(op.first, stride) + tensor.offset;
    const float *grad = (const float *)nl_at(op.grad, stride) + tensor.offset;
    for (size_t at = nl_element(); at < tensor.count; at += (size_t)gridDim.x * blockDim.x) {
        float g = clipped(grad[at], &s);
        if (decay != 0)
            g += (float)decay * w[at];
        buffer[at] = s.momentum * buffer[at] + rate * g;
        w[at] -= buffer[at];
    }
}

static __global__ void clip_fractions(struct nl_update op, size_t stride)
{
    const struct nl_update_tensor tensor = nl_at(op.tensor, stride)[blockIdx.y];
    float *w = (float *)nl_at(op.w, stride) + tensor.offset;
    for (size_t at = threadIdx.x; tensor.role == NL_FRACTION && at < tensor.count; at += blockDim.x)
        w[at] = w[at] < 0.0f ? 0.0f : w[at] > 1.0f ? 1.0f : w[at]; /* NaN stays NaN */
}

static void step(const struct nl_run *run, const struct nl_update *op)
{
    int parts = nl_norm_parts(op->count);
    bool by_tensor = op->optimizer == NL_LARS;
    size_t shares_of_tensors = by_tensor ? (size_t)op->tensors * parts : 0;
    double *part = (double *)nl_cuda_scratch((size_t)run->replicas *
                                             (parts * sizeof *part + shares_of_tensors * sizeof(struct squares)));
    dim3 shares((unsigned)parts, 1, (unsigned)run->replicas);
    if (op->units > 0)
        NL_LAUNCH(clip_units, dim3(nl_blocks(op->units, ACROSS), (unsigned)op->tensors, (unsigned)run->replicas),
                  NL_THREADS, *op, run->stride);
    if (op->clips)
        NL_LAUNCH(squares_of_all, shares, NL_THREADS, (const float *)op->grad, run->stride, op->count, part);
    if (by_tensor) {
        struct squares *found = (struct squares *)(part + (size_t)run->replicas * parts);
        dim3 grid((unsigned)parts, (unsigned)op->tensors, (unsigned)run->replicas);
        NL_LAUNCH(squares_of_tensors, grid, NL_THREADS, *op, run->stride, part, parts, found);
        NL_LAUNCH(update_tensors, grid, NL_THREADS, *op, run->stride, part, parts, found);
        return;
    }
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(update, nl_grid_over(run, op->count), NL_THREADS, *op, run->stride, part, parts, now);
}

void nl_cuda_update(const struct nl_run *run, const struct nl_update *op)
{
    step(run, op);
    if (op->has_fractions)
        NL_LAUNCH(clip_fractions, dim3(1, (unsigned)op->tensors, (unsigned)run->replicas), NL_THREADS, *op,
                  run->stride);
}
