/* Fully connected layers and convolutions: y = x w + b, plain loops. */
#include "backend/ref/ref.h"
#include "operation/conv.h"
#include "operation/linear.h"

/* Outputs whose sums are made side by side. */
enum { BLOCK = 64 };

static int block_end(int first, int count)
{
    return count - first < BLOCK ? count : first + BLOCK;
}

/* y = x w + b of one sample. */
static void multiply(int in, int out, const real *x, const real *w, const real *b, real *y)
{
    for (int first = 0, end; first < out; first = end) {
        accumulator sum[BLOCK];
        end = block_end(first, out);
        for (int o = first; o < end; o++)
            sum[o - first] = b ? b[o] : 0;
        for (int i = 0; i < in; i++)
            for (int o = first; o < end; o++)
                sum[o - first] += (accumulator)x[i] * w[(size_t)i * out + o];
        for (int o = first; o < end; o++)
            y[o] = sum[o - first];
    }
}

void NL_REFERENCE(linear_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r); /* (N, I) */
        const real *w = nl_in_replica(run, op->w, r); /* (I, O) */
        const real *b = nl_in_replica(run, op->b, r); /* (O) or NULL */
        real *y = nl_in_replica(run, op->y, r);       /* (N, O) */
        for (int n = 0; n < run->samples; n++)
            multiply(in, out, x + (size_t)n * in, w, b, y + (size_t)n * out);
    }
}

/* sum over o of dy[o] w[o]: the gradient of what w is multiplied with. */
static accumulator gradient_of_input(int out, const real *dy, const real *w)
{
    accumulator sum = 0;
    for (int o = 0; o < out; o++)
        sum += (accumulator)dy[o] * w[o];
    return sum;
}

/* db[o] = sum over rows of dy. */
static void sum_rows(size_t rows, int out, const real *dy, real *db)
{
    for (int o = 0; o < out; o++) {
        accumulator sum = 0;
        for (size_t row = 0; row < rows; row++)
            sum += dy[row * out + o];
        db[o] = sum;
    }
}

void NL_REFERENCE(linear_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        const real *w = nl_in_replica(run, op->w, r);
        const real *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        for (int i = 0; dw && i < in; i++)
            for (int first = 0, end; first < out; first = end) {
                accumulator sum[BLOCK] = {0};
                end = block_end(first, out);
                for (int n = 0; n < run->samples; n++)
                    for (int o = first; o < end; o++)
                        sum[o - first] += (accumulator)x[(size_t)n * in + i] * dy[(size_t)n * out + o];
                for (int o = first; o < end; o++)
                    dw[(size_t)i * out + o] = sum[o - first];
            }
        if (db)
            sum_rows((size_t)run->samples, out, dy, db);
        for (int n = 0; dx && n < run->samples; n++)
            for (int i = 0; i < in; i++)
                dx[(size_t)n * in + i] = gradient_of_input(out, dy + (size_t)n * out, w + (size_t)i * out);
    }
}

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
    *row = i * op->stride + p - op->pad;
    *column = j * op->stride + q - op->pad;
    return *row >= 0 && *row < op->height && *column >= 0 && *column < op->width;
}

/* y of output pixel (i, j) of sample n, channels [first, end). */
static void convolve(const struct nl_conv *op, const real *x, const real *w, const real *b, int n, int i, int j, int first, int end, real *y)
{
    accumulator sum[BLOCK];
    int row, column;
    for (int o = first; o < end; o++)
        sum[o - first] = b ? b[o] : 0;
    for (int p = 0; p < op->kernel; p++)
        for (int q = 0; q < op->kernel; q++) {
            if (!tap_of(op, i, j, p, q, &row, &column))
                continue;
            const real *from = x + pixel_in(op, n, row, column) * op->in, *tap = w + (size_t)(p * op->kernel + q) * op->in * op->out;
            for (int c = 0; c < op->in; c++)
                for (int o = first; o < end; o++)
                    sum[o - first] += (accumulator)from[c] * tap[(size_t)c * op->out + o];
        }
    for (int o = first; o < end; o++)
        y[o] = sum[o - first];
}

void NL_REFERENCE(conv_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r); /* (N, H, W, I) */
        const real *w = nl_in_replica(run, op->w, r); /* (kernel, kernel, I, O) */
        const real *b = nl_in_replica(run, op->b, r);
        real *y = nl_in_replica(run, op->y, r);       /* (N, out_height, out_width, O) */
        for (int n = 0; n < run->samples; n++)
            for (int i = 0; i < op->out_height; i++)
                for (int j = 0; j < op->out_width; j++)
                    for (int first = 0; first < op->out; first = block_end(first, op->out))
                        convolve(op, x, w, b, n, i, j, first, block_end(first, op->out), y + pixel_out(op, n, i, j) * op->out);
    }
}

/* dw of kernel position (p, q), channel c of x and channels [first, end) of y. */
static void conv_dw(const struct nl_conv *op, int samples, const real *x, const real *dy, int p, int q, int c, int first, int end, real *dw)
{
    accumulator sum[BLOCK] = {0};
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
    *i = row + op->pad - p;
    *j = column + op->pad - q;
    bool between = *i % op->stride != 0 || *j % op->stride != 0;
    *i /= op->stride;
    *j /= op->stride;
    return !between && *i >= 0 && *i < op->out_height && *j >= 0 && *j < op->out_width;
}

/* dx of input pixel (row, column) of sample n, channel c: from all output pixels that take it, the last kernel position's first. */
static accumulator conv_dx(const struct nl_conv *op, const real *dy, const real *w, int n, int row, int column, int c)
{
    accumulator sum = 0;
    for (int p = op->kernel - 1; p >= 0; p--)
        for (int q = op->kernel - 1; q >= 0; q--) {
            int i, j;
            if (!output_of(op, row, column, p, q, &i, &j))
                continue;
            sum += gradient_of_input(op->out, dy + pixel_out(op, n, i, j) * op->out, w + ((size_t)(p * op->kernel + q) * op->in + c) * op->out);
        }
    return sum;
}

void NL_REFERENCE(conv_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        const real *w = nl_in_replica(run, op->w, r);
        const real *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        for (int p = 0; p < op->kernel; p++)
            for (int q = 0; q < op->kernel; q++)
                for (int c = 0; c < op->in; c++)
                    for (int first = 0; first < op->out; first = block_end(first, op->out))
                        conv_dw(op, run->samples, x, dy, p, q, c, first, block_end(first, op->out), dw);
        if (db)
            sum_rows((size_t)run->samples * op->out_height * op->out_width, op->out, dy, db);
        for (int n = 0; dx && n < run->samples; n++)
            for (int row = 0; row < op->height; row++)
                for (int column = 0; column < op->width; column++)
                    for (int c = 0; c < op->in; c++)
                        dx[pixel_in(op, n, row, column) * op->in + c] = conv_dx(op, dy, w, n, row, column, c);
    }
}

void NL_REFERENCE(depthwise_conv_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out, row, column;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r); /* (N, H, W, C) */
        const real *w = nl_in_replica(run, op->w, r); /* (kernel, kernel, 1, C) */
        const real *b = nl_in_replica(run, op->b, r);
        real *y = nl_in_replica(run, op->y, r);       /* (N, out_height, out_width, C) */
        for (int n = 0; n < run->samples; n++)
            for (int i = 0; i < op->out_height; i++)
                for (int j = 0; j < op->out_width; j++)
                    for (int c = 0; c < channels; c++) {
                        accumulator sum = b ? b[c] : 0;
                        for (int tap = 0; tap < op->kernel * op->kernel; tap++)
                            if (tap_of(op, i, j, tap / op->kernel, tap % op->kernel, &row, &column))
                                sum += (accumulator)x[pixel_in(op, n, row, column) * channels + c] * w[(size_t)tap * channels + c];
                        y[pixel_out(op, n, i, j) * channels + c] = sum;
                    }
    }
}

/* dw of tap (p, q), channel c. */
static accumulator depthwise_dw(const struct nl_conv *op, int samples, const real *x, const real *dy, int p, int q, int c)
{
    accumulator sum = 0;
    int row, column;
    for (int n = 0; n < samples; n++)
        for (int i = 0; i < op->out_height; i++)
            for (int j = 0; j < op->out_width; j++)
                if (tap_of(op, i, j, p, q, &row, &column))
                    sum += (accumulator)x[pixel_in(op, n, row, column) * op->in + c] * dy[pixel_out(op, n, i, j) * op->out + c];
    return sum;
}

/* dx of input pixel (row, column) of sample n, channel c. */
static accumulator depthwise_dx(const struct nl_conv *op, const real *dy, const real *w, int n, int row, int column, int c)
{
    accumulator sum = 0;
    int i, j;
    for (int tap = op->kernel * op->kernel - 1; tap >= 0; tap--)
        if (output_of(op, row, column, tap / op->kernel, tap % op->kernel, &i, &j))
            sum += (accumulator)dy[pixel_out(op, n, i, j) * op->out + c] * w[(size_t)tap * op->out + c];
    return sum;
}

void NL_REFERENCE(depthwise_conv_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        const real *w = nl_in_replica(run, op->w, r);
        const real *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        for (int tap = 0; tap < op->kernel * op->kernel; tap++)
            for (int c = 0; c < channels; c++)
                dw[(size_t)tap * channels + c] = depthwise_dw(op, run->samples, x, dy, tap / op->kernel, tap % op->kernel, c);
        if (db)
            sum_rows((size_t)run->samples * op->out_height * op->out_width, channels, dy, db);
        for (int n = 0; dx && n < run->samples; n++)
            for (int row = 0; row < op->height; row++)
                for (int column = 0; column < op->width; column++)
                    for (int c = 0; c < channels; c++)
                        dx[pixel_in(op, n, row, column) * channels + c] = depthwise_dx(op, dy, w, n, row, column, c);
    }
}
