/* Cells of recurrent networks, a thread a unit; and what stands around them. */
#include "backend/cuda/cuda.h"
#include "operation/bias.h"
#include "operation/carry.h"
#include "operation/concat.h"
#include "operation/gru_cell.h"
#include "operation/lstm_cell.h"

static __device__ inline float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* ---- LSTM ---- */

static __global__ void lstm_forward(struct nl_lstm_cell op, size_t stride, size_t count)
{
    size_t at = nl_element(), width = (size_t)op.width,
           first = at / width * 4 * width + at % width; /* of the sample's gates, those of this unit */
    if (at >= count)
        return;
    const float *a = (const float *)nl_at(op.a, stride) + first, *b = (const float *)nl_at(op.b, stride) + first;
    float *gates = (float *)nl_at(op.gates, stride) + first;
    float i = sigmoid(a[0] + b[0]), f = sigmoid(a[width] + b[width]), g = tanhf(a[2 * width] + b[2 * width]),
          o = sigmoid(a[3 * width] + b[3 * width]);
    float cell = f * ((const float *)nl_at(op.c, stride))[at] + i * g;
    gates[0] = i, gates[width] = f, gates[2 * width] = g, gates[3 * width] = o;
    ((float *)nl_at(op.after, stride))[at] = cell;
    ((float *)nl_at(op.out, stride))[at] = op.opens ? o : o * tanhf(cell);
}

static __global__ void lstm_backward(struct nl_lstm_cell op, size_t stride, size_t count)
{
    size_t at = nl_element(), width = (size_t)op.width, first = at / width * 4 * width + at % width;
    if (at >= count)
        return;
    const float *gates = (const float *)nl_at(op.gates, stride) + first, *dout = (const float *)nl_at(op.dout, stride),
                *dafter = (const float *)nl_at(op.dafter, stride);
    float *da = (float *)nl_at(op.da, stride) + first, *db = (float *)nl_at(op.db, stride) + first;
    float i = gates[0], f = gates[width], g = gates[2 * width], o = gates[3 * width];
    float above = dout ? dout[at] : 0.0f, later = dafter ? dafter[at] : 0.0f;
    float squashed = op.opens ? 1.0f : tanhf(((const float *)nl_at(op.after, stride))[at]);
    float cell = op.opens ? later : later + above * o * (1.0f - squashed * squashed);
    da[0] = db[0] = cell * g * (i * (1.0f - i));
    da[width] = db[width] = cell * ((const float *)nl_at(op.c, stride))[at] * (f * (1.0f - f));
    da[2 * width] = db[2 * width] = cell * i * (1.0f - g * g);
    da[3 * width] = db[3 * width] = above * squashed * (o * (1.0f - o));
    ((float *)nl_at(op.dc, stride))[at] = cell * f;
}

static void launch_lstm_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = (const struct nl_lstm_cell *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(lstm_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_lstm_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = (const struct nl_lstm_cell *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(lstm_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

NL_CUDA_KERNEL(lstm_cell, NULL, launch_lstm_forward, launch_lstm_backward);

/* ---- what an LSTM puts out of a normalized cell ---- */

static __global__ void output_forward(struct nl_lstm_output op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.h, stride))[at] =
            ((const float *)nl_at(op.o, stride))[at] * tanhf(((const float *)nl_at(op.c, stride))[at]);
}

static __global__ void output_backward(struct nl_lstm_output op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    float squashed = tanhf(((const float *)nl_at(op.c, stride))[at]), above = ((const float *)nl_at(op.dh, stride))[at];
    ((float *)nl_at(op.d_o, stride))[at] = above * squashed;
    ((float *)nl_at(op.dc, stride))[at] =
        above * ((const float *)nl_at(op.o, stride))[at] * (1.0f - squashed * squashed);
}

static void launch_output_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = (const struct nl_lstm_output *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(output_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_output_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = (const struct nl_lstm_output *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(output_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

NL_CUDA_KERNEL(lstm_output, NULL, launch_output_forward, launch_output_backward);

/* ---- GRU ---- */

static __global__ void gru_forward(struct nl_gru_cell op, size_t stride, size_t count)
{
    size_t at = nl_element(), width = (size_t)op.width, first = at / width * 3 * width + at % width;
    if (at >= count)
        return;
    const float *a = (const float *)nl_at(op.a, stride) + first, *b = (const float *)nl_at(op.b, stride) + first;
    float *gates = (float *)nl_at(op.gates, stride) + first;
    float r = sigmoid(a[0] + b[0]), z = sigmoid(a[width] + b[width]), n = tanhf(a[2 * width] + r * b[2 * width]);
    gates[0] = r, gates[width] = z, gates[2 * width] = n;
    ((float *)nl_at(op.after, stride))[at] = (1.0f - z) * n + z * ((const float *)nl_at(op.h, stride))[at];
}

static __global__ void gru_backward(struct nl_gru_cell op, size_t stride, size_t count)
{
    size_t at = nl_element(), width = (size_t)op.width, first = at / width * 3 * width + at % width;
    if (at >= count)
        return;
    const float *gates = (const float *)nl_at(op.gates, stride) + first,
                *b = (const float *)nl_at(op.b, stride) + first;
    float *da = (float *)nl_at(op.da, stride) + first, *db = (float *)nl_at(op.db, stride) + first;
    float r = gates[0], z = gates[width], n = gates[2 * width], above = ((const float *)nl_at(op.dafter, stride))[at];
    float dn = above * (1.0f - z) * (1.0f - n * n);
    da[0] = db[0] = dn * b[2 * width] * (r * (1.0f - r));
    da[width] = db[width] = above * (((const float *)nl_at(op.h, stride))[at] - n) * (z * (1.0f - z));
    da[2 * width] = dn;
    db[2 * width] = dn * r;
    ((float *)nl_at(op.dh, stride))[at] = above * z;
}

static void launch_gru_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = (const struct nl_gru_cell *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(gru_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_gru_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = (const struct nl_gru_cell *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    NL_LAUNCH(gru_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

NL_CUDA_KERNEL(gru_cell, NULL, launch_gru_forward, launch_gru_backward);

/* ---- values side by side ---- */

/* One input of channels [first, first + op.channels[which]): a thread an element of it. */
static __global__ void concat_part(struct nl_concat op, size_t stride, int which, unsigned first, unsigned all,
                                   size_t count, bool back)
{
    size_t at = nl_element(), channels = (size_t)op.channels[which];
    if (at >= count)
        return;
    size_t there = at / channels * all + first + at % channels;
    if (back)
        ((float *)nl_at(op.dx[which], stride))[at] = ((const float *)nl_at(op.dy, stride))[there];
    else
        ((float *)nl_at(op.y, stride))[there] = ((const float *)nl_at(op.x[which], stride))[at];
}

static void launch_concat(const struct nl_run *run, const struct nl_concat *op, bool back)
{
    unsigned first = 0, all = 0;
    for (int i = 0; i < NL_MOST_CONCATENATED; i++)
        all += (unsigned)op->channels[i];
    for (int i = 0; i < NL_MOST_CONCATENATED; i++) {
        size_t count = (size_t)run->samples * (size_t)op->positions * (size_t)op->channels[i];
        if (count > 0 && (!back || op->dx[i]))
            NL_LAUNCH(concat_part, nl_grid_over(run, count), NL_THREADS, *op, run->stride, i, first, all, count, back);
        first += (unsigned)op->channels[i];
    }
}

static void launch_concat_forward(const struct nl_run *run, const void *arguments)
{
    launch_concat(run, (const struct nl_concat *)arguments, false);
}

static void launch_concat_backward(const struct nl_run *run, const void *arguments)
{
    launch_concat(run, (const struct nl_concat *)arguments, true);
}

NL_CUDA_KERNEL(concat, NULL, launch_concat_forward, launch_concat_backward);

/* ---- a bias by itself ---- */

static __global__ void bias_forward(struct nl_bias_add op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.y, stride))[at] =
            ((const float *)nl_at(op.x, stride))[at] + ((const float *)nl_at(op.b, stride))[at % (unsigned)op.channels];
}

static __global__ void bias_copy(struct nl_bias_add op, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        ((float *)nl_at(op.dx, stride))[at] = ((const float *)nl_at(op.dy, stride))[at];
}

/* A block of threads a channel. */
static __global__ void bias_sum(struct nl_bias_add op, size_t stride, size_t rows)
{
    const float *dy = (const float *)nl_at(op.dy, stride) + blockIdx.x;
    double sum = 0.0, none = 0.0;
    for (size_t row = threadIdx.x; row < rows; row += blockDim.x)
        sum += dy[row * (size_t)op.channels];
    nl_block_sum(&sum, &none);
    if (threadIdx.x == 0)
        ((float *)nl_at(op.db, stride))[blockIdx.x] = (float)sum;
}

static void launch_bias_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_bias_add *op = (const struct nl_bias_add *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->positions * (size_t)op->channels;
    NL_LAUNCH(bias_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
}

static void launch_bias_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_bias_add *op = (const struct nl_bias_add *)arguments;
    size_t rows = (size_t)run->samples * (size_t)op->positions, count = rows * (size_t)op->channels;
    if (op->dx && op->dx != op->dy)
        NL_LAUNCH(bias_copy, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count);
    if (op->db)
        NL_LAUNCH(bias_sum, dim3((unsigned)op->channels, 1, (unsigned)run->replicas), NL_THREADS, *op, run->stride,
                  rows);
}

NL_CUDA_KERNEL(bias, NULL, launch_bias_forward, launch_bias_backward);

/* ---- states that go on from step to step ---- */

static __global__ void carry(struct nl_carry op, size_t stride, size_t count, size_t first, bool steps,
                             const struct nl_cuda_moment *now)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    float *state = (float *)nl_at(op.state, stride) + first;
    if (op.keeps)
        state[at] = ((const float *)nl_at(op.x, stride))[at];
    else
        ((float *)nl_at(op.y, stride))[at] = steps && !now->begins ? state[at] : 0.0f;
}

static void launch_carry(const struct nl_run *run, const void *arguments)
{
    const struct nl_carry *op = (const struct nl_carry *)arguments;
    size_t count = (size_t)run->samples * (size_t)op->width;
    bool steps = nl_is_step(run->statistics);
    size_t first = steps ? (size_t)(run->before + run->first) * (size_t)op->width
                         : 0; /* of the batch's samples; others may be more than the state has */
    if (steps || !op->keeps)
        NL_LAUNCH(carry, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, first, steps,
                  nl_cuda_now(run, NULL));
}

NL_CUDA_KERNEL(carry, NULL, launch_carry, NULL);
