/* Fully connected layers and convolutions: y = x w + b, plain loops. */
#include <string.h>

#include "backend/ref/ref.h"

void nl_ref_linear_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r); /* (N, I) */
        const double *w = nl_in_replica(run, op->w, r); /* (I, O) */
        const double *b = nl_in_replica(run, op->b, r); /* (O) or NULL */
        double *y = nl_in_replica(run, op->y, r);       /* (N, O) */
        for (int n = 0; n < run->samples; n++, x += in, y += out) {
            for (int o = 0; o < out; o++)
                y[o] = b ? b[o] : 0.0;
            for (int i = 0; i < in; i++)
                for (int o = 0; o < out; o++)
                    y[o] += x[i] * w[(size_t)i * out + o];
        }
    }
}

void nl_ref_linear_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r);
        const double *w = nl_in_replica(run, op->w, r);
        const double *dy = nl_in_replica(run, op->dy, r);
        double *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        memset(dw, 0, (size_t)in * out * sizeof *dw);
        if (db)
            memset(db, 0, (size_t)out * sizeof *db);
        for (int n = 0; n < run->samples; n++, x += in, dy += out) {
            for (int i = 0; i < in; i++)
                for (int o = 0; o < out; o++)
                    dw[(size_t)i * out + o] += x[i] * dy[o];
            for (int o = 0; db && o < out; o++)
                db[o] += dy[o];
            for (int i = 0; dx && i < in; i++) {
                double sum = 0.0;
                for (int o = 0; o < out; o++)
                    sum += dy[o] * w[(size_t)i * out + o];
                dx[(size_t)n * in + i] = sum;
            }
        }
    }
}

/* Calls `tap` for every pair of an input pixel and an output pixel that a kernel position joins: their offsets in x and y
 * (in pixels) and the kernel position. */
#define FOR_TAPS(op)                                                                             \
    for (int i_ = 0; i_ < (op)->out_height; i_++)                                                   \
        for (int j_ = 0; j_ < (op)->out_width; j_++)                                                \
            for (int p_ = 0; p_ < (op)->kernel; p_++)                                               \
                for (int q_ = 0; q_ < (op)->kernel; q_++)                                           \
                    if (inside((op), i_ * (op)->stride + p_ - (op)->pad, j_ * (op)->stride + q_ - (op)->pad))

static bool inside(const struct nl_conv *op, int row, int column)
{
    return row >= 0 && row < op->height && column >= 0 && column < op->width;
}

static size_t pixel_in(const struct nl_conv *op, int n, int i, int j, int p, int q)
{
    return ((size_t)n * op->height + (i * op->stride + p - op->pad)) * op->width + (j * op->stride + q - op->pad);
}

static size_t pixel_out(const struct nl_conv *op, int n, int i, int j)
{
    return ((size_t)n * op->out_height + i) * op->out_width + j;
}

/* A depthwise convolution: each channel a convolution of one channel, its weights the others' neighbours. */
void nl_ref_depthwise_conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r); /* (N, H, W, C) */
        const double *w = nl_in_replica(run, op->w, r); /* (kernel, kernel, 1, C) */
        const double *b = nl_in_replica(run, op->b, r);
        double *y = nl_in_replica(run, op->y, r);       /* (N, out_height, out_width, C) */
        for (int n = 0; n < run->samples; n++) {
            for (int s = 0; s < op->out_height * op->out_width; s++)
                for (int c = 0; c < channels; c++)
                    y[pixel_out(op, n, 0, s) * channels + c] = b ? b[c] : 0.0;
            FOR_TAPS(op)
            {
                const double *from = x + pixel_in(op, n, i_, j_, p_, q_) * channels, *tap = w + (size_t)(p_ * op->kernel + q_) * channels;
                double *to = y + pixel_out(op, n, i_, j_) * channels;
                for (int c = 0; c < channels; c++)
                    to[c] += from[c] * tap[c];
            }
        }
    }
}

void nl_ref_depthwise_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int channels = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r);
        const double *w = nl_in_replica(run, op->w, r);
        const double *dy = nl_in_replica(run, op->dy, r);
        double *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        memset(dw, 0, (size_t)op->kernel * op->kernel * channels * sizeof *dw);
        if (db)
            memset(db, 0, (size_t)channels * sizeof *db);
        if (dx)
            memset(dx, 0, (size_t)run->samples * op->height * op->width * channels * sizeof *dx);
        for (int n = 0; n < run->samples; n++) {
            for (int s = 0; db && s < op->out_height * op->out_width; s++)
                for (int c = 0; c < channels; c++)
                    db[c] += dy[pixel_out(op, n, 0, s) * channels + c];
            FOR_TAPS(op)
            {
                size_t at = pixel_in(op, n, i_, j_, p_, q_) * channels, tap = (size_t)(p_ * op->kernel + q_) * channels;
                const double *from = dy + pixel_out(op, n, i_, j_) * channels;
                for (int c = 0; c < channels; c++) {
                    dw[tap + c] += x[at + c] * from[c];
                    if (dx)
                        dx[at + c] += from[c] * w[tap + c];
                }
            }
        }
    }
}

void nl_ref_conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int in = op->in, out = op->out;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r); /* (N, H, W, I) */
        const double *w = nl_in_replica(run, op->w, r); /* (kernel, kernel, I, O) */
        const double *b = nl_in_replica(run, op->b, r);
        double *y = nl_in_replica(run, op->y, r);       /* (N, out_height, out_width, O) */
        for (int n = 0; n < run->samples; n++) {
            for (int s = 0; s < op->out_height * op->out_width; s++)
                for (int o = 0; o < out; o++)
                    y[pixel_out(op, n, 0, s) * out + o] = b ? b[o] : 0.0;
            FOR_TAPS(op)
            {
                const double *from = x + pixel_in(op, n, i_, j_, p_, q_) * in, *tap = w + (size_t)(p_ * op->kernel + q_) * in * out;
                double *to = y + pixel_out(op, n, i_, j_) * out;
                for (int c = 0; c < in; c++)
                    for (int o = 0; o < out; o++)
                        to[o] += from[c] * tap[c * out + o];
            }
        }
    }
}

void nl_ref_conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    int in = op->in, out = op->out;
    size_t image = (size_t)op->height * op->width * in;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r);
        const double *w = nl_in_replica(run, op->w, r);
        const double *dy = nl_in_replica(run, op->dy, r);
        double *dx = nl_in_replica(run, op->dx, r), *dw = nl_in_replica(run, op->dw, r), *db = nl_in_replica(run, op->db, r);
        memset(dw, 0, (size_t)op->kernel * op->kernel * in * out * sizeof *dw);
        if (db)
            memset(db, 0, (size_t)out * sizeof *db);
        if (dx)
            memset(dx, 0, (size_t)run->samples * image * sizeof *dx);
        for (int n = 0; n < run->samples; n++) {
            for (int s = 0; db && s < op->out_height * op->out_width; s++)
                for (int o = 0; o < out; o++)
                    db[o] += dy[pixel_out(op, n, 0, s) * out + o];
            FOR_TAPS(op)
            {
                size_t at = pixel_in(op, n, i_, j_, p_, q_) * in, tap = (size_t)(p_ * op->kernel + q_) * in * out;
                const double *from = dy + pixel_out(op, n, i_, j_) * out;
                for (int c = 0; c < in; c++) {
                    double sum = 0.0;
                    for (int o = 0; o < out; o++) {
                        dw[tap + (size_t)c * out + o] += x[at + c] * from[o];
                        sum += from[o] * w[tap + (size_t)c * out + o];
                    }
                    if (dx)
                        dx[at + c] += sum;
                }
            }
        }
    }
}
