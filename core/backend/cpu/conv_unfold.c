/* Any convolution, by im2col: one image after another is unfolded, so that the product finds its taps in the cache.
 * They are an array (positions, kernel, kernel, in), of the positions of y:
 *
 *     y = taps w + b      dw = sum over images of taps' dy      dtaps = dy w', folded back onto dx
 */
#include <string.h>

#include "backend/cpu/conv.h"

/* Columns that stand side by side in x and among the taps: those of a kernel row, or, of a dilated one, one alone. */
static int run_of(const struct nl_conv *op)
{
    return op->dilation == 1 ? op->kernel : 1;
}

/* The columns of x from `start` on, so many, of which those in [first, end) are inside. */
struct span {
    int first, end;
};

static struct span inside(int start, int columns, int size)
{
    struct span span = {start < 0 ? -start : 0, size - start < columns ? size - start : columns};
    if (span.first > columns)
        span.first = columns;
    if (span.end < span.first)
        span.end = span.first;
    return span;
}

struct pixel {
    int row, column;
};

/* The input pixel, maybe outside, that output pixel (i, j) sees through a tap. */
static struct pixel first_of(const struct nl_conv *op, int i, int j, int tap)
{
    return (struct pixel){i * op->stride + tap / op->kernel * op->dilation - op->pad,
                          j * op->stride + tap % op->kernel * op->dilation - op->pad};
}

static void unfold(const struct nl_conv *op, const float *x, float *taps)
{
    int columns = run_of(op), runs = op->kernel * op->kernel / columns;
    size_t in = (size_t)op->in, line = (size_t)columns * in;
    for (int i = 0; i < op->out_height; i++)
        for (int j = 0; j < op->out_width; j++)
            for (int run = 0; run < runs; run++, taps += line) {
                struct pixel first = first_of(op, i, j, run * columns);
                if (first.row < 0 || first.row >= op->height) {
                    memset(taps, 0, line * sizeof *taps);
                    continue;
                }
                struct span span = inside(first.column, columns, op->width);
                const float *from = x + (size_t)first.row * (size_t)op->width * in;
                for (size_t k = 0; k < (size_t)span.first * in; k++)
                    taps[k] = 0;
                for (size_t k = (size_t)span.first * in; k < (size_t)span.end * in; k++)
                    taps[k] = from[(ptrdiff_t)k + first.column * (ptrdiff_t)in];
                for (size_t k = (size_t)span.end * in; k < line; k++)
                    taps[k] = 0;
            }
}

static void fold(const struct nl_conv *op, const float *dtaps, float *dx)
{
    int columns = run_of(op), runs = op->kernel * op->kernel / columns;
    size_t in = (size_t)op->in, line = (size_t)columns * in;
    memset(dx, 0, (size_t)op->height * (size_t)op->width * in * sizeof *dx);
    for (int i = 0; i < op->out_height; i++)
        for (int j = 0; j < op->out_width; j++)
            for (int run = 0; run < runs; run++, dtaps += line) {
                struct pixel first = first_of(op, i, j, run * columns);
                if (first.row < 0 || first.row >= op->height)
                    continue;
                struct span span = inside(first.column, columns, op->width);
                float *to = dx + (size_t)first.row * (size_t)op->width * in;
                for (size_t k = (size_t)span.first * in; k < (size_t)span.end * in; k++)
                    to[(ptrdiff_t)k + first.column * (ptrdiff_t)in] += dtaps[k];
            }
}

/* A 1x1 convolution at stride 1 needs no unfolding: its taps are the image. */
static bool is_product(const struct nl_conv *op)
{
    return op->kernel == 1 && op->stride == 1 && op->pad == 0;
}

static size_t positions_of(const struct nl_conv *op)
{
    return (size_t)op->out_height * (size_t)op->out_width;
}

static size_t taps_of(const struct nl_conv *op)
{
    return (size_t)op->kernel * (size_t)op->kernel * (size_t)op->in;
}

static size_t image_of(const struct nl_conv *op)
{
    return (size_t)op->height * (size_t)op->width * (size_t)op->in;
}

/* (positions, taps), or NULL where the image serves. */
static float *take_taps(const struct nl_conv *op)
{
    return is_product(op) ? NULL : nl_cpu_scratch(positions_of(op) * taps_of(op) * sizeof(float));
}

void nl_cpu_conv_forward_unfold(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                float *y)
{
    size_t out = (size_t)op->out, positions = positions_of(op), image = image_of(op);
    float *taps = take_taps(op);
    for (int n = 0; n < samples; n++, x += image, y += positions * out) {
        if (taps)
            unfold(op, x, taps);
        nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){NL_PLAIN, positions, out, taps_of(op), .a = taps ? taps : x, .b = w,
                                                    .start = b, .c = y});
    }
}

void nl_cpu_conv_dw_unfold(const struct nl_conv *op, int samples, const float *x, const float *dy, float *dw)
{
    size_t out = (size_t)op->out, positions = positions_of(op), image = image_of(op);
    float *taps = take_taps(op);
    for (int n = 0; n < samples; n++, x += image, dy += positions * out) {
        if (taps)
            unfold(op, x, taps);
        nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){NL_TRANSPOSED_A, taps_of(op), out, positions, .a = taps ? taps : x,
                                                    .b = dy, .c = dw, .add = n > 0});
    }
}

void nl_cpu_conv_dx_unfold(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx)
{
    size_t out = (size_t)op->out, positions = positions_of(op), image = image_of(op);
    float *dtaps = take_taps(op);
    for (int n = 0; n < samples; n++, dx += image, dy += positions * out) {
        nl_cpu_gemm(op->gemm, &(struct nl_cpu_gemm){NL_TRANSPOSED_B, positions, taps_of(op), out, .a = dy, .b = w,
                                                    .c = dtaps ? dtaps : dx});
        if (dtaps)
            fold(op, dtaps, dx);
    }
}
