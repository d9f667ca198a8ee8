/* Convolution, and depthwise convolution: one kernel for each channel. Where no padding is given, it keeps the size at
 * stride 1. */
#include "operation/conv.h"

#include "operation/describe.h"
#include "operation/product.h"

enum { X = NL_PRODUCT_X, WEIGHT = NL_PRODUCT_WEIGHT, BIAS = NL_PRODUCT_BIAS };

/* The places where the kernel stands along an axis of so many pixels. */
static int outputs_of(const struct nl_conv *conv, int size)
{
    int steps = conv->pads ? size + 2 * conv->pad - conv->dilation * (conv->kernel - 1) - 1 : size - 1;
    return steps < 0 ? 0 : steps / conv->stride + 1;
}

static int declare_grouped(struct nl_conv *conv, int groups, const struct nl_extent *in, struct nl_declaration *d,
                           struct nl_error *err)
{
    conv->groups = groups;
    conv->height = in[X].height;
    conv->width = in[X].width;
    conv->in = in[X].channels;
    conv->dilation = conv->dilation ? conv->dilation : 1;
    conv->pad = conv->pads ? conv->pad : conv->kernel / 2 * conv->dilation;
    conv->out_height = outputs_of(conv, conv->height);
    conv->out_width = outputs_of(conv, conv->width);
    if (conv->out_height < 1 || conv->out_width < 1)
        return nl_fail(err,
                       "a kernel of %d at dilation %d reaches over %d positions, and with padding %d there are %d x %d",
                       conv->kernel, conv->dilation, conv->dilation * (conv->kernel - 1) + 1, conv->pad,
                       conv->height + 2 * conv->pad, conv->width + 2 * conv->pad);
    size_t taps = (size_t)conv->kernel;
    d->output[d->outputs++] = (struct nl_extent){conv->out_height, conv->out_width, conv->out};
    nl_declare_product(d, 4, (size_t[]){(size_t)conv->out, (size_t)(conv->in / groups), taps, taps});
    return NL_OK;
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    return declare_grouped(arguments, 1, in, d, err);
}

static int declare_depthwise(void *arguments, const struct nl_extent *in, struct nl_declaration *d,
                             struct nl_error *err)
{
    struct nl_conv *conv = arguments;
    conv->out = in[X].channels;
    return declare_grouped(conv, conv->out, in, d, err);
}

static double work(const void *arguments)
{
    const struct nl_conv *conv = arguments;
    return (double)(conv->kernel * conv->kernel) * (conv->out_height * conv->out_width) * (conv->in / conv->groups) *
           conv->out;
}

/* ---- the reference ---- */

static size_t pixel_in(const struct nl_conv *op, int n, int row, int column)
{
    return ((size_t)n * op->height + row) * op->width + column;
}

static size_t pixel_out(const struct nl_conv *op, int n, int i, int j)
{
    return ((size_t)n * op->out_height + i) * op->out_width + j;
}

/* The input pixel that kernel position (p, q) takes for output pixel (i, j); false: it lies outside. */
static bool tap_of(const struct nl_conv *op, int i, int j, int p, int q, int *row, int *column)
{
    *row = i * op->stride + p * op->dilation - op->pad;
    *column = j * op->stride + q * op->dilation - op->pad;
    return *row >= 0 && *row < op->height && *column >= 0 && *column < op->width;
}

/* y of output pixel (i, j) of sample n, channels [first, end). */
static void convolve(const struct nl_conv *op, const real *x, const real *w, const real *b, int n, int i, int j,
                     int first, int end, real *y)
{
    accumulator sum[NL_PRODUCT_BLOCK];
    int row, column;
    for (int o = first; o < end; o++)
        sum[o - first] = b ? b[o] : 0;
    for (int p = 0; p < op->kernel; p++)
        for (int q = 0; q < op->kernel; q++) {
            if (!tap_of(op, i, j, p, q, &row, &column))
                continue;
            const real *from = x + pixel_in(op, n, row, column) * op->in,
                       *tap = w + (size_t)(p * op->kernel + q) * op->in * op->out;
            for (int c = 0; c < op->in; c++)
                for (int o = first; o < end; o++)
                    sum[o - first] += (accumulator)from[c] * tap[(size_t)c * op->out + o];
        }
    for (int o = first; o < end; o++)
        y[o] = sum[o - first];
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    const real *x = op->x; /* (N, H, W, I) */
    const real *w = op->w; /* (kernel, kernel, I, O) */
    const real *b = op->b;
    real *y = op->y; /* (N, out_height, out_width, O) */
    for (int n = 0; n < run->samples; n++)
        for (int i = 0; i < op->out_height; i++)
            for (int j = 0; j < op->out_width; j++)
                for (int first = 0; first < op->out; first = nl_block_end(first, op->out))
                    convolve(op, x, w, b, n, i, j, first, nl_block_end(first, op->out),
                             y + pixel_out(op, n, i, j) * op->out);
}

/* dw of kernel position (p, q), channel c of x and channels [first, end) of y. */
static void conv_dw(const struct nl_conv *op, int samples, const real *x, const real *dy, int p, int q, int c,
                    int first, int end, real *dw)
{
    accumulator sum[NL_PRODUCT_BLOCK] = {0};
    int row, column;
    for (int n = 0; n < samples; n++)
        for (int i = 0; i < op->out_height; i++)
            for (int j = 0; j < op->out_width; j++) {
                if (!tap_of(op, i, j, p, q, &row, &column))
                    continue;
                accumulator value = x[pixel_in(op, n, row, column) * op->in + c];
                const real *from = dy + pixel_out(op, n, i, j) * op->out;
                for (int o = first; o < end; o++)
                    sum[o - first] += value * from[o];
            }
    for (int o = first; o < end; o++)
        dw[((size_t)(p * op->kernel + q) * op->in + c) * op->out + o] = sum[o - first];
}

/* The output pixel that takes input pixel (row, column) at kernel position (p, q); false: none does. */
static bool output_of(const struct nl_conv *op, int row, int column, int p, int q, int *i, int *j)
{
    *i = row + op->pad - p * op->dilation;
    *j = column + op->pad - q * op->dilation;
    bool between = *i % op->stride != 0 || *j % op->stride != 0;
    *i /= op->stride;
    *j /= op->stride;
    return !between && *i >= 0 && *i < op->out_height && *j >= 0 && *j < op->out_width;
}

/* dx of input pixel (row, column) of sample n, channel c: from all output pixels that take it, the last kernel
 * position's first. */
static accumulator conv_dx(const struct nl_conv *op, const real *dy, const real *w, int n, int row, int column, int c)
{
    accumulator sum = 0;
    for (int p = op->kernel - 1; p >= 0; p--)
        for (int q = op->kernel - 1; q >= 0; q--) {
            int i, j;
            if (!output_of(op, row, column, p, q, &i, &j))
                continue;
            sum += nl_gradient_of_input(op->out, dy + pixel_out(op, n, i, j) * op->out,
                                        w + ((size_t)(p * op->kernel + q) * op->in + c) * op->out);
        }
    return sum;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    const real *x = op->x;
    const real *w = op->w;
    const real *dy = op->dy;
    real *dx = op->dx, *dw = op->dw, *db = op->db;
    for (int p = 0; p < op->kernel; p++)
        for (int q = 0; q < op->kernel; q++)
            for (int c = 0; c < op->in; c++)
                for (int first = 0; first < op->out; first = nl_block_end(first, op->out))
                    conv_dw(op, run->samples, x, dy, p, q, c, first, nl_block_end(first, op->out), dw);
    if (db)
        nl_sum_rows((size_t)run->samples * op->out_height * op->out_width, op->out, dy, db);
    for (int n = 0; dx && n < run->samples; n++)
        for (int row = 0; row < op->height; row++)
            for (int column = 0; column < op->width; column++)
                for (int c = 0; c < op->in; c++)
                    dx[pixel_in(op, n, row, column) * op->in + c] = conv_dx(op, dy, w, n, row, column, c);
}

static void depthwise_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out, row, column;
    const real *x = op->x; /* (N, H, W, C) */
    const real *w = op->w; /* (kernel, kernel, 1, C) */
    const real *b = op->b;
    real *y = op->y; /* (N, out_height, out_width, C) */
    for (int n = 0; n < run->samples; n++)
        for (int i = 0; i < op->out_height; i++)
            for (int j = 0; j < op->out_width; j++)
                for (int c = 0; c < channels; c++) {
                    accumulator sum = b ? b[c] : 0;
                    for (int tap = 0; tap < op->kernel * op->kernel; tap++)
                        if (tap_of(op, i, j, tap / op->kernel, tap % op->kernel, &row, &column))
                            sum += (accumulator)x[pixel_in(op, n, row, column) * channels + c] *
                                   w[(size_t)tap * channels + c];
                    y[pixel_out(op, n, i, j) * channels + c] = sum;
                }
}

/* dw of tap (p, q), channel c. */
static accumulator depthwise_dw(const struct nl_conv *op, int samples, const real *x, const real *dy, int p, int q,
                                int c)
{
    accumulator sum = 0;
    int row, column;
    for (int n = 0; n < samples; n++)
        for (int i = 0; i < op->out_height; i++)
            for (int j = 0; j < op->out_width; j++)
                if (tap_of(op, i, j, p, q, &row, &column))
                    sum += (accumulator)x[pixel_in(op, n, row, column) * op->in + c] *
                           dy[pixel_out(op, n, i, j) * op->out + c];
    return sum;
}

/* dx of input pixel (row, column) of sample n, channel c. */
static accumulator depthwise_dx(const struct nl_conv *op, const real *dy, const real *w, int n, int row, int column,
                                int c)
{
    accumulator sum = 0;
    int i, j;
    for (int tap = op->kernel * op->kernel - 1; tap >= 0; tap--)
        if (output_of(op, row, column, tap / op->kernel, tap % op->kernel, &i, &j))
            sum += (accumulator)dy[pixel_out(op, n, i, j) * op->out + c] * w[(size_t)tap * op->out + c];
    return sum;
}

static void depthwise_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out;
    const real *x = op->x;
    const real *w = op->w;
    const real *dy = op->dy;
    real *dx = op->dx, *dw = op->dw, *db = op->db;
    for (int tap = 0; tap < op->kernel * op->kernel; tap++)
        for (int c = 0; c < channels; c++)
            dw[(size_t)tap * channels + c] =
                depthwise_dw(op, run->samples, x, dy, tap / op->kernel, tap % op->kernel, c);
    if (db)
        nl_sum_rows((size_t)run->samples * op->out_height * op->out_width, channels, dy, db);
    for (int n = 0; dx && n < run->samples; n++)
        for (int row = 0; row < op->height; row++)
            for (int column = 0; column < op->width; column++)
                for (int c = 0; c < channels; c++)
                    dx[pixel_in(op, n, row, column) * channels + c] = depthwise_dx(op, dy, w, n, row, column, c);
}

NL_KERNEL(conv) = {.forward = forward, .backward = backward};
NL_KERNEL(depthwise_conv) = {.forward = depthwise_forward, .backward = depthwise_backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_conv *op = arguments;
    nl_json_member_number(json, "stride", op->stride);
    nl_json_member_number(json, "pad", op->pad);
    nl_json_member_number(json, "dilation", op->dilation);
    nl_json_member_number(json, "groups", op->groups);
}

NL_OPERATION(conv) = {
    .name = "conv",
    .arguments = sizeof(struct nl_conv),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_PRODUCT_SLOTS,
    .skips = 1u << X,
    .adds = 1u << X,
    .remakes = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_conv, x, in[X], 3), NL_BOUND(nl_conv, y, out[0], 1), NL_BOUND(nl_conv, dy, d_out[0], 1),
              NL_BOUND(nl_conv, dx, d_in[X], 3), NL_BOUND(nl_conv, adds, adds, 1), NL_BOUND(nl_conv, sums, sums, 1)},
    .reads = nl_product_reads,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(conv),
};

NL_OPERATION(depthwise_conv) = {
    .name = "depthwise_conv",
    .arguments = sizeof(struct nl_conv),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_PRODUCT_SLOTS,
    .skips = 1u << X,
    .declare = declare_depthwise,
    .bound = {NL_BOUND(nl_conv, x, in[X], 3), NL_BOUND(nl_conv, y, out[0], 1), NL_BOUND(nl_conv, dy, d_out[0], 1),
              NL_BOUND(nl_conv, dx, d_in[X], 3), NL_BOUND(nl_conv, adds, adds, 1), NL_BOUND(nl_conv, sums, sums, 1)},
    .reads = nl_product_reads,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(depthwise_conv),
};
