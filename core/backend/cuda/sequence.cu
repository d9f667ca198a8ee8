/* What stands around attention, a thread an element: embeddings, positions, class tokens, positions that are taken,
 * splits and gates. */
#include "backend/cuda/activation.cuh"
#include "operation/class_token.h"
#include "operation/embedding.h"
#include "operation/gate.h"
#include "operation/positions.h"
#include "operation/split.h"
#include "operation/take.h"

/* A kernel of that operation over so many elements. */
#define LAUNCH_OVER(kernel, op, count) NL_LAUNCH(kernel, nl_grid_over(run, count), NL_THREADS, op, run->stride, count)

/* ---- embedding ---- */

static __global__ void embedding_forward(struct nl_embedding op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.y, stride))[at] = ((const float *)nl_at(
            op.w, stride))[at % op.channels * op.vocabulary + nl_at(op.x, stride)[at / op.channels]];
}

/* A thread an element of the table, which looks for its id in all rows: they come in their order. */
static __global__ void embedding_backward(struct nl_embedding op, size_t stride, size_t count, int rows)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    int id = (int)(at % op.vocabulary);
    size_t c = at / op.vocabulary;
    const int32_t *x = nl_at(op.x, stride);
    const float *dy = (const float *)nl_at(op.dy, stride);
    float sum = 0.0f;
    for (int row = 0; row < rows; row++)
        if (x[row] == id)
            sum += dy[(size_t)row * op.channels + c];
    ((float *)nl_at(op.dw, stride))[at] = sum;
}

static void launch_embedding_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = (const struct nl_embedding *)arguments;
    LAUNCH_OVER(embedding_forward, *op, (size_t)run->samples * op->positions * op->channels);
}

static void launch_embedding_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = (const struct nl_embedding *)arguments;
    size_t count = (size_t)op->vocabulary * op->channels;
    if (op->dw)
        NL_LAUNCH(embedding_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count,
                  run->samples * op->positions);
}

NL_CUDA_KERNEL(embedding, NULL, launch_embedding_forward, launch_embedding_backward);

/* ---- positions ---- */

static __device__ float sinusoid(int position, int channel, int channels)
{
    double angle = position / pow(10000.0, (double)(channel / 2 * 2) / channels);
    return (float)(channel % 2 ? cos(angle) : sin(angle));
}

static __global__ void positions_forward(struct nl_position_encoding op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    int c = (int)(at % op.channels), s = (int)(at / op.channels % op.positions);
    const float *p = (const float *)nl_at(op.p, stride);
    ((float *)nl_at(op.y, stride))[at] =
        ((const float *)nl_at(op.x, stride))[at] +
        (op.sinusoidal ? sinusoid(s, c, op.channels) : p[(size_t)c * op.positions + s]);
}

/* A thread a number of the table. */
static __global__ void positions_backward(struct nl_position_encoding op, size_t stride, size_t count, int samples)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t c = at % op.channels, s = at / op.channels;
    const float *dy = (const float *)nl_at(op.dy, stride);
    float *dx = (float *)nl_at(op.dx, stride);
    double sum = 0.0;
    for (int n = 0; n < samples; n++) {
        float d = dy[(size_t)n * count + at];
        sum += d;
        if (dx)
            dx[(size_t)n * count + at] = d;
    }
    if (op.dp)
        ((float *)nl_at(op.dp, stride))[c * op.positions + s] = (float)sum;
}

static void launch_positions_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = (const struct nl_position_encoding *)arguments;
    LAUNCH_OVER(positions_forward, *op, (size_t)run->samples * op->positions * op->channels);
}

static void launch_positions_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = (const struct nl_position_encoding *)arguments;
    size_t count = (size_t)op->positions * op->channels;
    NL_LAUNCH(positions_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, run->samples);
}

NL_CUDA_KERNEL(positions, NULL, launch_positions_forward, launch_positions_backward);

/* ---- class token ---- */

static __global__ void class_token_forward(struct nl_class_token op, size_t stride, size_t count)
{
    size_t at = nl_element(), sample = (size_t)(op.positions + 1) * op.channels, channels = (size_t)op.channels;
    if (at >= count)
        return;
    size_t n = at / sample, e = at % sample;
    const float *x = (const float *)nl_at(op.x, stride), *token = (const float *)nl_at(op.token, stride);
    ((float *)nl_at(op.y, stride))[at] = e < channels ? token[e] : x[n * (sample - channels) + e - channels];
    if (op.y_lengths && e == 0)
        nl_at(op.y_lengths, stride)[n] = nl_at(op.lengths, stride)[n] + 1;
}

/* A thread an element of a sample. */
static __global__ void class_token_backward(struct nl_class_token op, size_t stride, size_t sample, int samples)
{
    size_t e = nl_element(), channels = (size_t)op.channels;
    if (e >= sample)
        return;
    const float *dy = (const float *)nl_at(op.dy, stride);
    float *dx = (float *)nl_at(op.dx, stride);
    double sum = 0.0;
    for (int n = 0; n < samples; n++) {
        float d = dy[(size_t)n * sample + e];
        sum += d;
        if (dx && e >= channels)
            dx[(size_t)n * (sample - channels) + e - channels] = d;
    }
    if (op.dtoken && e < channels)
        ((float *)nl_at(op.dtoken, stride))[e] = (float)sum;
}

static void launch_class_token_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_class_token *op = (const struct nl_class_token *)arguments;
    LAUNCH_OVER(class_token_forward, *op, (size_t)run->samples * (op->positions + 1) * op->channels);
}

static void launch_class_token_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_class_token *op = (const struct nl_class_token *)arguments;
    size_t sample = (size_t)(op->positions + 1) * op->channels;
    NL_LAUNCH(class_token_backward, nl_grid_over(run, sample), NL_THREADS, *op, run->stride, sample, run->samples);
}

NL_CUDA_KERNEL(class_token, NULL, launch_class_token_forward, launch_class_token_backward);

/* ---- take ---- */

static __global__ void take_forward(struct nl_take op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t n = at / op.channels, c = at % op.channels;
    int s = nl_take_position(&op, nl_at(op.lengths, stride), (int)n);
    ((float *)nl_at(op.y, stride))[at] =
        s >= 0 ? ((const float *)nl_at(op.x, stride))[(n * op.positions + s) * op.channels + c] : 0.0f;
}

static __global__ void take_backward(struct nl_take op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t c = at % op.channels, n = at / op.channels / op.positions;
    int s = (int)(at / op.channels % op.positions);
    bool taken = s == nl_take_position(&op, nl_at(op.lengths, stride), (int)n);
    ((float *)nl_at(op.dx, stride))[at] = taken ? ((const float *)nl_at(op.dy, stride))[n * op.channels + c] : 0.0f;
}

static void launch_take_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_take *op = (const struct nl_take *)arguments;
    LAUNCH_OVER(take_forward, *op, (size_t)run->samples * op->channels);
}

static void launch_take_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_take *op = (const struct nl_take *)arguments;
    LAUNCH_OVER(take_backward, *op, (size_t)run->samples * op->positions * op->channels);
}

NL_CUDA_KERNEL(take, NULL, launch_take_forward, launch_take_backward);

/* ---- split ---- */

static __global__ void split_forward(struct nl_split_channels op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t all = (size_t)op.parts * op.channels, row = at / all, part = at % all / op.channels, c = at % op.channels;
    ((float *)nl_at(op.y[part], stride))[row * op.channels + c] = ((const float *)nl_at(op.x, stride))[at];
}

static __global__ void split_backward(struct nl_split_channels op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t all = (size_t)op.parts * op.channels, row = at / all, part = at % all / op.channels, c = at % op.channels;
    const float *dy = (const float *)nl_at(op.dy[part], stride);
    ((float *)nl_at(op.dx, stride))[at] = dy ? dy[row * op.channels + c] : 0.0f;
}

static void launch_split_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_split_channels *op = (const struct nl_split_channels *)arguments;
    LAUNCH_OVER(split_forward, *op, (size_t)run->samples * op->positions * op->parts * op->channels);
}

static void launch_split_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_split_channels *op = (const struct nl_split_channels *)arguments;
    LAUNCH_OVER(split_backward, *op, (size_t)run->samples * op->positions * op->parts * op->channels);
}

NL_CUDA_KERNEL(split, NULL, launch_split_forward, launch_split_backward);

/* ---- gate ---- */

static __global__ void gate_forward(struct nl_gate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    const float *a = (const float *)nl_at(op.x, stride) + at / op.channels * 2 * op.channels + at % op.channels;
    ((float *)nl_at(op.y, stride))[at] = nl_activation_of(op.kind, op.gelu, a[0]) * a[op.channels];
}

static __global__ void gate_backward(struct nl_gate op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    size_t place = at / op.channels * 2 * op.channels + at % op.channels;
    const float *a = (const float *)nl_at(op.x, stride) + place;
    float *da = (float *)nl_at(op.dx, stride) + place, dy = ((const float *)nl_at(op.dy, stride))[at];
    da[0] = dy * a[op.channels] * nl_activation_slope(op.kind, op.gelu, a[0]);
    da[op.channels] = dy * nl_activation_of(op.kind, op.gelu, a[0]);
}

static void launch_gate_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = (const struct nl_gate *)arguments;
    LAUNCH_OVER(gate_forward, *op, (size_t)run->samples * op->positions * op->channels);
}

static void launch_gate_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = (const struct nl_gate *)arguments;
    LAUNCH_OVER(gate_backward, *op, (size_t)run->samples * op->positions * op->channels);
}

NL_CUDA_KERNEL(gate, NULL, launch_gate_forward, launch_gate_backward);
