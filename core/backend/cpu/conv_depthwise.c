/* Depthwise convolution: rows of channels, multiplied element by element. A sum of floats runs over the taps of a
 * pixel, or over the pixels of one image; over images it is one of doubles. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/clones.h"
#include "base/team.h"
#include "operation/conv.h"

/* The output positions whose input position i stride + tap dilation - pad lies in [0, size): [first, end). */
struct span {
    int first, end;
};

static struct span inside(const struct nl_conv *op, int tap, int size, int outputs)
{
    int offset = tap * op->dilation - op->pad, last = size - 1 - offset;
    struct span span = {offset < 0 ? (-offset + op->stride - 1) / op->stride : 0, last < 0 ? 0 : last / op->stride + 1};
    span.end = span.end > outputs ? outputs : span.end;
    span.first = span.first > span.end ? span.end : span.first;
    return span;
}

NL_CLONES
static void multiply_add(size_t pixels, size_t channels, const float *a, size_t a_step, const float *b, size_t b_step,
                         float *out, size_t out_step)
{
    for (size_t i = 0; i < pixels; i++, a += a_step, b += b_step, out += out_step)
        for (size_t c = 0; c < channels; c++)
            out[c] += a[c] * b[c];
}

/* The pixels of one row of y that a tap has an input for: how many, where they and their inputs begin, and from input
 * to input. */
struct row {
    size_t pixels, x, y, x_step;
};

static struct row row_of(const struct nl_conv *op, int i, int p, int q)
{
    struct span columns = inside(op, q, op->width, op->out_width);
    size_t channels = (size_t)op->out, pixels = (size_t)(columns.end - columns.first);
    ptrdiff_t x = (ptrdiff_t)(i * op->stride + p * op->dilation - op->pad) * op->width + columns.first * op->stride +
                  q * op->dilation - op->pad;
    return (struct row){pixels, pixels ? (size_t)x * channels : 0,
                        ((size_t)i * (size_t)op->out_width + (size_t)columns.first) * channels,
                        (size_t)op->stride * channels};
}

static size_t image_of(const struct nl_conv *op)
{
    return (size_t)op->height * (size_t)op->width * (size_t)op->out;
}

static size_t out_image_of(const struct nl_conv *op)
{
    return (size_t)op->out_height * (size_t)op->out_width * (size_t)op->out;
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_conv *op = operation;
    size_t channels = (size_t)op->out, positions = (size_t)op->out_height * (size_t)op->out_width;
    const float *x = (const float *)op->x + first * image_of(op), *w = op->w, *b = op->b;
    float *y = (float *)op->y + first * out_image_of(op);
    for (int n = 0; n < run->samples; n++, x += image_of(op), y += out_image_of(op)) {
        for (size_t s = 0; b && s < positions; s++)
            memcpy(y + s * channels, b, channels * sizeof *y);
        if (!b)
            memset(y, 0, out_image_of(op) * sizeof *y);
        for (int tap = 0; tap < op->kernel * op->kernel; tap++) {
            struct span rows = inside(op, tap / op->kernel, op->height, op->out_height);
            for (int i = rows.first; i < rows.end; i++) {
                struct row row = row_of(op, i, tap / op->kernel, tap % op->kernel);
                multiply_add(row.pixels, channels, x + row.x, row.x_step, w + (size_t)tap * channels, 0, y + row.y,
                             channels);
            }
        }
    }
}

static void backward_x(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_conv *op = operation;
    size_t channels = (size_t)op->out;
    const float *dy = (const float *)op->dy + first * out_image_of(op), *w = op->w;
    float *dx = (float *)op->dx + first * image_of(op);
    memset(dx, 0, (size_t)run->samples * image_of(op) * sizeof *dx);
    for (int n = 0; n < run->samples; n++, dx += image_of(op), dy += out_image_of(op))
        for (int tap = 0; tap < op->kernel * op->kernel; tap++) {
            struct span rows = inside(op, tap / op->kernel, op->height, op->out_height);
            for (int i = rows.first; i < rows.end; i++) {
                struct row row = row_of(op, i, tap / op->kernel, tap % op->kernel);
                multiply_add(row.pixels, channels, dy + row.y, channels, w + (size_t)tap * channels, 0, dx + row.x,
                             row.x_step);
            }
        }
}

/* The gradient of the weights. */
struct gradient {
    const struct nl_conv *op;
    int samples;
    const float *x, *dy;
    float *dw;
};

static void sum_taps(void *context, size_t first, size_t end, int thread)
{
    const struct gradient *g = context;
    const struct nl_conv *op = g->op;
    size_t channels = (size_t)op->out;
    double *total = nl_cpu_scratch(channels * (sizeof(double) + sizeof(float)));
    float *image = (float *)(total + channels);
    (void)thread;
    for (size_t tap = first; tap < end; tap++) {
        int p = (int)tap / op->kernel, q = (int)tap % op->kernel;
        struct span rows = inside(op, p, op->height, op->out_height);
        memset(total, 0, channels * sizeof *total);
        for (size_t n = 0; n < (size_t)g->samples; n++) {
            memset(image, 0, channels * sizeof *image);
            for (int i = rows.first; i < rows.end; i++) {
                struct row row = row_of(op, i, p, q);
                multiply_add(row.pixels, channels, g->x + n * image_of(op) + row.x, row.x_step,
                             g->dy + n * out_image_of(op) + row.y, channels, image, 0);
            }
            for (size_t c = 0; c < channels; c++)
                total[c] += (double)image[c];
        }
        for (size_t c = 0; c < channels; c++)
            g->dw[tap * channels + c] = (float)total[c];
    }
}

static size_t bytes_of(const struct nl_conv *op)
{
    return (size_t)(op->kernel * op->kernel) * out_image_of(op) * sizeof(float);
}

static void depthwise_conv_forward(const struct nl_run *run, const void *arguments)
{
    nl_cpu_share_samples(run, arguments, bytes_of(arguments), forward);
}

static void depthwise_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    size_t rows = (size_t)run->samples * (size_t)op->out_height * (size_t)op->out_width;
    struct gradient gradient = {op, run->samples, op->x, op->dy, op->dw};
    double work = 2.0 * (double)run->samples * (double)out_image_of(op);
    nl_parallel_for((size_t)(op->kernel * op->kernel), nl_cpu_grain(work), sum_taps, &gradient);
    if (op->db)
        nl_cpu_column_sums(rows, (size_t)op->out, gradient.dy, NULL, op->db);
    if (op->dx)
        nl_cpu_share_samples(run, op, bytes_of(op), backward_x);
}

/* The sums over a batch are made at once. */
static struct nl_micro depthwise_conv_micro(const void *arguments)
{
    (void)arguments;
    return (struct nl_micro){0};
}

NL_CPU_KERNEL(depthwise_conv) = {
    .forward = depthwise_conv_forward,
    .backward = depthwise_conv_backward,
    .micro = depthwise_conv_micro,
};
