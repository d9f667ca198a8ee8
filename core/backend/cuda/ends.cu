/* The two ends of a step: gathering a batch, computed on the device from the data set's bytes, and the losses. */
#include "backend/cuda/cuda.h"
#include "operation/gather.h"
#include "operation/cross_entropy.h"
#include "operation/squared_error.h"

/* A block a sample. */
static __global__ void gather(struct nl_gather op, size_t stride, bool augment, const struct nl_cuda_moment *now)
{
    unsigned n = blockIdx.x, channels = op.channels, image = op.height * op.width * channels;
    int32_t sample = nl_at(now->index, stride)[n];
    const float *table = nl_at(op.table, stride); /* (C, 256) */
    const double *mean = nl_at(op.mean, stride), *scale = nl_at(op.scale, stride); /* (C) */
    size_t first = (size_t)sample * image;
    float *x = op.x ? (float *)nl_at(op.x, stride) + (size_t)n * image : NULL;
    __shared__ struct nl_augmentation shared;
    if (threadIdx.x == 0) {
        struct nl_augmentation none = {0, 0, 0};
        shared = augment ? nl_augment(*nl_at(op.seed, stride), now->epoch, sample, op.crop, op.flip) : none;
    }
    for (int i = 0; i < op.rows; i++) {
        const struct nl_rows *rows = &op.row[i];
        const uint32_t *all = (const uint32_t *)rows->of, *of = (rows->shared ? all : nl_at(all, stride)) + sample * (size_t)rows->step; /* or float */
        uint32_t *to = nl_at((uint32_t *)rows->to, stride) + n * (size_t)rows->width;
        for (unsigned at = threadIdx.x; at < (unsigned)rows->width; at += blockDim.x)
            to[at] = of[at];
    }
    __syncthreads();
    struct nl_augmentation moved = shared;
    for (unsigned at = threadIdx.x; x && at < image; at += blockDim.x) {
        unsigned c = at % channels, pixel = at / channels;
        int row = (int)(pixel / op.width) + moved.dy, column = (int)(pixel % op.width) + moved.dx;
        bool out = row < 0 || row >= op.height || column < 0 || column >= op.width;
        if (moved.flip)
            column = op.width - 1 - column;
        size_t from = first + ((unsigned)row * op.width + column) * channels + c;
        if (out)
            x[at] = 0.0f;
        else
            x[at] = op.pixels ? table[c * 256 + op.pixels[from]] : nl_standardized(op.values[from], mean[c], scale[c]);
    }
}

static void launch_gather(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = (const struct nl_gather *)arguments;
    size_t most = (size_t)op->height * op->width * op->channels; /* 0 of a network that takes rows alone */
    for (int i = 0; i < op->rows; i++)
        most = max(most, (size_t)op->row[i].width);
    unsigned threads = min(nl_blocks(most, 32) * 32, NL_THREADS);
    dim3 grid((unsigned)run->samples, 1, (unsigned)run->replicas);
    const struct nl_cuda_moment *now = nl_cuda_now(run, op->index);
    NL_LAUNCH(gather, grid, threads, *op, run->stride, run->augment && (op->crop > 0 || op->flip), now);
}

/* A block a replica, a thread a position: softmax cross-entropy. The exponentials are float; their sum and what follows is double, so
 * that a confident right answer keeps a loss and a gradient instead of rounding to zero. */
static __global__ void cross_entropy(struct nl_cross_entropy op, size_t stride, int samples, enum nl_statistics statistics, const struct nl_cuda_moment *now)
{
    int classes = op.classes, positions = op.positions;
    const int32_t *labels = nl_at(op.labels, stride), *lengths = nl_at(op.lengths, stride);
    double total = 0.0, right = 0.0, counted = nl_counted(lengths, samples, positions);
    double smoothing = nl_smoothing(nl_at(op.hyper, stride), statistics), each = smoothing / classes;
    for (int row = threadIdx.x; row < samples * positions; row += blockDim.x) {
        const float *logits = (const float *)nl_at(op.logits, stride) + (size_t)row * classes;
        float *dlogits = (float *)nl_at(op.dlogits, stride);
        bool counts = row % positions < nl_length_of(lengths, row / positions, positions);
        int label = labels[row], best = 0;
        for (int k = 1; k < classes; k++)
            if (logits[k] > logits[best] || isnan(logits[k]))
                best = k;
        float largest = logits[best];
        double sum = 0.0, of_logits = 0.0;
        for (int k = 0; k < classes; k++)
            sum += expf(logits[k] - largest);
        for (int k = 0; smoothing > 0 && k < classes; k++)
            of_logits += logits[k];
        if (counts) {
            total += log(sum) + ((double)largest - logits[label]);
            if (smoothing > 0)
                total += smoothing * (logits[label] - of_logits / classes);
            right += best == label && !isnan(largest);
        }
        for (int k = 0; dlogits && k < classes; k++)
            dlogits[(size_t)row * classes + k] = counts ? (float)((expf(logits[k] - largest) / sum - ((1.0 - smoothing) * (k == label) + each)) / counted) : 0.0f;
    }
    nl_block_sum(&total, &right);
    if (threadIdx.x == 0) {
        struct nl_loss_sums *sums = nl_at(now->sums, stride);
        sums->loss += total;
        sums->correct += right;
        sums->counted += counted;
    }
}

static void launch_cross_entropy(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_entropy *op = (const struct nl_cross_entropy *)arguments;
    unsigned threads = min(nl_blocks((size_t)run->samples * op->positions, 32) * 32, NL_THREADS);
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(cross_entropy, dim3(1, 1, (unsigned)run->replicas), threads, *op, run->stride, run->samples, run->statistics, now);
}

/* A block a replica, a thread a position. */
static __global__ void squared_error(struct nl_squared_error op, size_t stride, int samples, const struct nl_cuda_moment *now)
{
    int channels = op.channels, positions = op.positions;
    const int32_t *lengths = nl_at(op.lengths, stride);
    const float *outputs = (const float *)nl_at(op.outputs, stride), *targets = (const float *)nl_at(op.targets, stride);
    float *doutputs = (float *)nl_at(op.doutputs, stride);
    double total = 0.0, none = 0.0, counted = nl_counted(lengths, samples, positions);
    for (int row = threadIdx.x; row < samples * positions; row += blockDim.x) {
        bool counts = row % positions < nl_length_of(lengths, row / positions, positions);
        double sum = 0.0;
        for (size_t at = (size_t)row * channels; at < (size_t)(row + 1) * channels; at++) {
            double off = (double)outputs[at] - targets[at];
            sum += off * off;
            if (doutputs)
                doutputs[at] = counts ? (float)(2 * off / (channels * counted)) : 0.0f;
        }
        total += counts ? sum / channels : 0.0;
    }
    nl_block_sum(&total, &none);
    if (threadIdx.x == 0) {
        struct nl_loss_sums *sums = nl_at(now->sums, stride);
        sums->loss += total;
        sums->counted += counted;
    }
}

static void launch_squared_error(const struct nl_run *run, const void *arguments)
{
    const struct nl_squared_error *op = (const struct nl_squared_error *)arguments;
    unsigned threads = min(nl_blocks((size_t)run->samples * op->positions, 32) * 32, NL_THREADS);
    const struct nl_cuda_moment *now = nl_cuda_now(run, NULL);
    NL_LAUNCH(squared_error, dim3(1, 1, (unsigned)run->replicas), threads, *op, run->stride, run->samples, now);
}

NL_CUDA_KERNEL(gather, NULL, launch_gather, NULL);
NL_CUDA_KERNEL(cross_entropy, NULL, launch_cross_entropy, NULL);
NL_CUDA_KERNEL(squared_error, NULL, launch_squared_error, NULL);
