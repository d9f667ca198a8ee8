/* What loops over time stand on (graph/loop.h): sequences turned to time-major order and back, states that hold, and
 * zeros. */
#include "backend/cuda/cuda.h"
#include "operation/hold.h"
#include "operation/transpose.h"
#include "operation/zero.h"

/* (rows, columns) of vectors of `channels` to (columns, rows): a thread an element of `to`. */
template <typename T>
static __global__ void turn(const T *from, T *to, size_t stride, unsigned rows, unsigned columns, unsigned channels)
{
    size_t at = nl_element();
    if (at >= (size_t)rows * columns * channels)
        return;
    unsigned c = at % channels;
    size_t vector = at / channels, row = vector % rows, column = vector / rows;
    nl_at(to, stride)[at] = nl_at(from, stride)[(row * columns + column) * channels + c];
}

/* From x to y, or, where `back` is set, the other way. */
template <typename T>
static void launch_turn(const struct nl_run *run, const struct nl_transpose *op, const void *from, void *to, bool back)
{
    size_t count = (size_t)run->samples * op->times * op->channels;
    bool from_times = op->leaves != back;
    NL_LAUNCH(turn<T>, nl_grid_over(run, count), NL_THREADS, (const T *)from, (T *)to, run->stride,
              (unsigned)(from_times ? op->times : run->samples), (unsigned)(from_times ? run->samples : op->times),
              (unsigned)op->channels);
}

static void launch_transpose_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = (const struct nl_transpose *)arguments;
    launch_turn<float>(run, op, op->x, op->y, false);
}

static void launch_transpose_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = (const struct nl_transpose *)arguments;
    launch_turn<float>(run, op, op->dy, op->dx, true);
}

static void launch_transpose_int32(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = (const struct nl_transpose *)arguments;
    launch_turn<int32_t>(run, op, op->x, op->y, false);
}

static __global__ void hold_forward(struct nl_hold op, size_t stride, size_t count, int time)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    bool now = time < nl_at(op.lengths, stride)[at / op.count];
    ((float *)nl_at(op.y, stride))[at] = ((const float *)nl_at(now ? op.x : op.before, stride))[at];
}

static __global__ void hold_backward(struct nl_hold op, size_t stride, size_t count, int time)
{
    size_t at = nl_element();
    if (at >= count)
        return;
    float *dx = (float *)nl_at(op.dx, stride), *dbefore = (float *)nl_at(op.dbefore, stride);
    float dy = ((const float *)nl_at(op.dy, stride))[at];
    bool now = time < nl_at(op.lengths, stride)[at / op.count];
    if (dx)
        dx[at] = now ? dy : 0.0f;
    if (dbefore)
        dbefore[at] = now ? 0.0f : dy;
}

static void launch_hold_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_hold *op = (const struct nl_hold *)arguments;
    size_t count = (size_t)run->samples * op->count;
    NL_LAUNCH(hold_forward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, run->time);
}

static void launch_hold_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_hold *op = (const struct nl_hold *)arguments;
    size_t count = (size_t)run->samples * op->count;
    NL_LAUNCH(hold_backward, nl_grid_over(run, count), NL_THREADS, *op, run->stride, count, run->time);
}

static __global__ void zero(float *y, size_t stride, size_t count)
{
    size_t at = nl_element();
    if (at < count)
        nl_at(y, stride)[at] = 0.0f;
}

static void launch_zero(const struct nl_run *run, const void *arguments)
{
    const struct nl_zero *op = (const struct nl_zero *)arguments;
    size_t count = op->count * (op->per_sample ? (size_t)run->samples : 1);
    NL_LAUNCH(zero, nl_grid_over(run, count), NL_THREADS, (float *)op->y, run->stride, count);
}

NL_CUDA_KERNEL(transpose, NULL, launch_transpose_forward, launch_transpose_backward);
NL_CUDA_KERNEL(transpose_int32, NULL, launch_transpose_int32, NULL);
NL_CUDA_KERNEL(hold, NULL, launch_hold_forward, launch_hold_backward);
NL_CUDA_KERNEL(zero, NULL, launch_zero, NULL);
