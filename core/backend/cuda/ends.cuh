/* The two ends of a step, a batch's elements and the losses: what ends.cu launches, and one_launch.cu has a block do
 * among other work. */
#ifndef NL_BACKEND_CUDA_ENDS_CUH
#define NL_BACKEND_CUDA_ENDS_CUH

#include "backend/cuda/cuda.h"
#include "operation/cross_entropy.h"
#include "operation/gather.h"
#include "operation/squared_error.h"

/* Element `from` of all samples', which is one of channel c. */
static __device__ inline float sample_value(const struct nl_gather &op, size_t stride, size_t from, unsigned c)
{
    return op.pixels ? nl_at(op.table, stride)[c * 256 + op.pixels[from]]
                     : nl_standardized(op.values[from], nl_at(op.mean, stride)[c], nl_at(op.scale, stride)[c]);
}

/* Element `at` of a sample, moved so. */
static __device__ inline float gathered(const struct nl_gather &op, size_t stride, int32_t sample,
                                        const struct nl_augmentation &moved, unsigned at)
{
    unsigned channels = op.channels, c = at % channels, pixel = at / channels;
    int row = (int)(pixel / op.width) + moved.dy, column = (int)(pixel % op.width) + moved.dx;
    bool out = row < 0 || row >= op.height || column < 0 || column >= op.width;
    if (moved.flip)
        column = op.width - 1 - column;
    size_t from =
        (size_t)sample * (op.height * op.width * channels) + ((unsigned)row * op.width + column) * channels + c;
    return out ? 0.0f : sample_value(op, stride, from, c);
}

/* Numbers of a sample in the data set, whose type is of four bytes. */
static __device__ inline const uint32_t *row_of_sample(const struct nl_rows &rows, size_t stride, int32_t sample)
{
    const uint32_t *all = (const uint32_t *)rows.of;
    return (rows.shared ? all : nl_at(all, stride)) + sample * (size_t)rows.step;
}

/* By a block of at most NL_THREADS: softmax cross-entropy, a thread a position, of as many positions at a time as it
 * has threads; then its gradient, a thread an element. The exponentials are float. Their sum and what follows are
 * double, so that a confident right answer keeps a loss and a gradient. */
static __device__ void block_cross_entropy(const struct nl_cross_entropy &op, size_t stride, int samples,
                                           enum nl_statistics statistics, const struct nl_cuda_moment *now)
{
    __shared__ double sum_of[NL_THREADS];
    __shared__ float largest_of[NL_THREADS];
    int classes = op.classes, positions = op.positions, rows = samples * positions;
    const int32_t *labels = nl_at(op.labels, stride), *lengths = nl_at(op.lengths, stride);
    float *dlogits = (float *)nl_at(op.dlogits, stride);
    double total = 0.0, right = 0.0, counted = nl_counted(lengths, samples, positions);
    double smoothing = nl_smoothing(nl_at(op.hyper, stride), statistics), each = smoothing / classes;
    for (int first = 0; first < rows; first += blockDim.x) {
        const float *all = (const float *)nl_at(op.logits, stride) + (size_t)first * classes;
        int row = first + threadIdx.x, end = min(first + (int)blockDim.x, rows);
        if (row < end) {
            const float *logits = all + (size_t)threadIdx.x * classes;
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
            if (row % positions < nl_length_of(lengths, row / positions, positions)) {
                total += log(sum) + ((double)largest - logits[label]);
                if (smoothing > 0)
                    total += smoothing * (logits[label] - of_logits / classes);
                right += best == label && !isnan(largest);
            }
            sum_of[threadIdx.x] = sum;
            largest_of[threadIdx.x] = largest;
        }
        __syncthreads();
        for (int at = threadIdx.x; dlogits && at < (end - first) * classes; at += blockDim.x) {
            int n = at / classes, k = at % classes;
            bool counts = (first + n) % positions < nl_length_of(lengths, (first + n) / positions, positions);
            double of_target = (1.0 - smoothing) * (k == labels[first + n]) + each;
            dlogits[(size_t)first * classes + at] =
                counts ? (float)((expf(all[at] - largest_of[n]) / sum_of[n] - of_target) / counted) : 0.0f;
        }
        __syncthreads();
    }
    nl_block_sum(&total, &right);
    if (threadIdx.x == 0) {
        struct nl_loss_sums *sums = nl_at(now->sums, stride);
        sums->loss += total;
        sums->correct += right;
        sums->counted += counted;
    }
}

/* By a block, a thread a position. */
static __device__ void block_squared_error(const struct nl_squared_error &op, size_t stride, int samples,
                                           const struct nl_cuda_moment *now)
{
    int channels = op.channels, positions = op.positions;
    const int32_t *lengths = nl_at(op.lengths, stride);
    const float *outputs = (const float *)nl_at(op.outputs, stride),
                *targets = (const float *)nl_at(op.targets, stride);
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

#endif
