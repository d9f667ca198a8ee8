/* Sequences from sample-major to time-major order and back: where a loop over time begins and ends (graph/loop.h).
 *
 * One copy there lets every kernel of the body keep its dense (N, C), and lets one call take all times of a sequence as
 * so many samples. */
#include "operation/transpose.h"

#include <string.h>

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_transpose *transpose = arguments;
    int times = transpose->times;
    if (!transpose->leaves && times > 1 && nl_positions(in[0]) != times)
        return nl_fail(err, "a sequence of %d positions is none of %d times", nl_positions(in[0]), times);
    transpose->channels = (int)nl_elements(in[0]) / (transpose->leaves ? 1 : times);
    struct nl_extent out = {1, transpose->leaves ? times : 1, transpose->channels};
    d->output[d->outputs++] = times == 1 ? in[0] : out;
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_transpose *transpose = arguments;
    return (double)transpose->times * transpose->channels;
}

/* ---- the reference ---- */

/* (rows, columns) of vectors of so many bytes to (columns, rows). */
static void turn(size_t rows, size_t columns, size_t bytes, const void *from, void *to)
{
    const char *x = from;
    char *y = to;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            memcpy(y + (column * rows + row) * bytes, x + (row * columns + column) * bytes, bytes);
}

static void turn_forward(const struct nl_run *run, const struct nl_transpose *op, size_t element)
{
    size_t samples = (size_t)run->samples, times = (size_t)op->times;
    turn(op->leaves ? times : samples, op->leaves ? samples : times, (size_t)op->channels * element, op->x, op->y);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    turn_forward(run, arguments, sizeof(real));
}

static void int32_forward(const struct nl_run *run, const void *arguments)
{
    turn_forward(run, arguments, sizeof(int32_t));
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = arguments;
    size_t samples = (size_t)run->samples, times = (size_t)op->times;
    turn(op->leaves ? samples : times, op->leaves ? times : samples, (size_t)op->channels * sizeof(real), op->dy,
         op->dx);
}

NL_KERNEL(transpose) = {.forward = forward, .backward = backward};
NL_KERNEL(transpose_int32) = {.forward = int32_forward};

NL_OPERATION(transpose) = {
    .name = "transpose",
    .arguments = sizeof(struct nl_transpose),
    .span = NL_SPAN_BATCH,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_transpose, x, in[0], 1), NL_BOUND(nl_transpose, y, out[0], 1),
              NL_BOUND(nl_transpose, dy, d_out[0], 1), NL_BOUND(nl_transpose, dx, d_in[0], 1)},
    .work = work,
    .reference = NL_REFERENCES(transpose),
};

NL_OPERATION(transpose_int32) = {
    .name = "transpose_int32",
    .arguments = sizeof(struct nl_transpose),
    .span = NL_SPAN_BATCH,
    .slots = 1,
    .takes_int32 = 1,
    .makes_int32 = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_transpose, x, in[0], 1), NL_BOUND(nl_transpose, y, out[0], 1),
              NL_BOUND(nl_transpose, dy, d_out[0], 1), NL_BOUND(nl_transpose, dx, d_in[0], 1)},
    .work = work,
    .reference = NL_REFERENCES(transpose_int32),
};
