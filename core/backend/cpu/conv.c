/* Convolution: one image at a time is unfolded into rows of taps (im2col), so that what the product reads is still in the
 * cache. With `positions` rows of kernel kernel in taps each:
 *
 *     y = taps w + b      dw = sum over images of taps' dy      dtaps = dy w', folded back onto dx      db = column sums of dy
 */
#include <string.h>

#include "backend/cpu/cpu.h"

/* The taps of output pixel (i, j) in kernel row p: input columns j stride - pad + q for q in [first, end) are inside. */
struct span {
    int first, end;
};

static struct span inside(int start, int kernel, int size)
{
    struct span span = {start < 0 ? -start : 0, size - start < kernel ? size - start : kernel};
    if (span.end < span.first)
        span.end = span.first;
    return span;
}

static void unfold(const struct nl_conv *op, const float *x, float *taps)
{
    size_t in = (size_t)op->in, line = (size_t)op->kernel * in; /* taps of one kernel row: neighbours in x as well */
    for (int i = 0; i < op->out_height; i++)
        for (int j = 0; j < op->out_width; j++)
            for (int p = 0; p < op->kernel; p++, taps += line) {
                int row = i * op->stride + p - op->pad, column = j * op->stride - op->pad;
                if (row < 0 || row >= op->height) {
                    memset(taps, 0, line * sizeof *taps);
                    continue;
                }
                struct span span = inside(column, op->kernel, op->width);
                const float *from = x + (size_t)row * (size_t)op->width * in;
                for (size_t k = 0; k < (size_t)span.first * in; k++)
                    taps[k] = 0;
                for (size_t k = (size_t)span.first * in; k < (size_t)span.end * in; k++)
                    taps[k] = from[(ptrdiff_t)k + column * (ptrdiff_t)in];
                for (size_t k = (size_t)span.end * in; k < line; k++)
                    taps[k] = 0;
            }
}

static void fold(const struct nl_conv *op, const float *dtaps, float *dx)
{
    size_t in = (size_t)op->in, line = (size_t)op->kernel * in;
    memset(dx, 0, (size_t)op->height * (size_t)op->width * in * sizeof *dx);
    for (int i = 0; i < op->out_height; i++)
        for (int j = 0; j < op->out_width; j++)
            for (int p = 0; p < op->kernel; p++, dtaps += line) {
                int row = i * op->stride + p - op->pad, column = j * op->stride - op->pad;
                if (row < 0 || row >= op->height)
                    continue;
                struct span span = inside(column, op->kernel, op->width);
                float *to = dx + (size_t)row * (size_t)op->width * in;
                for (size_t k = (size_t)span.first * in; k < (size_t)span.end * in; k++)
                    to[(ptrdiff_t)k + column * (ptrdiff_t)in] += dtaps[k];
            }
}

/* A 1x1 convolution at stride 1 needs no unfolding: its taps are the image. */
static bool is_product(const struct nl_conv *op)
{
    return op->kernel == 1 && op->stride == 1 && op->pad == 0;
}

void nl_cpu_conv_forward(const struct nl_run *run, const struct nl_conv *op)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, taps_count = (size_t)op->kernel * (size_t)op->kernel * in;
    size_t positions = (size_t)op->out_height * (size_t)op->out_width, image = (size_t)op->height * (size_t)op->width * in;
    float *taps = is_product(op) ? NULL : nl_cpu_scratch(positions * taps_count * sizeof *taps); /* (positions, taps_count) */
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(op->x, at), *w = NL_AT(op->w, at), *b = NL_AT(op->b, at);
        float *y = NL_AT(op->y, at);
        for (int n = 0; n < run->samples; n++, x += image, y += positions * out) {
            if (taps)
                unfold(op, x, taps);
            if (b)
                nl_cpu_set_rows(positions, out, b, y);
            nl_cpu_gemm(NL_PLAIN, positions, out, taps_count, taps ? taps : x, w, y, b != NULL);
        }
    }
}

void nl_cpu_conv_backward(const struct nl_run *run, const struct nl_conv *op)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, taps_count = (size_t)op->kernel * (size_t)op->kernel * in;
    size_t positions = (size_t)op->out_height * (size_t)op->out_width, image = (size_t)op->height * (size_t)op->width * in;
    size_t room = nl_cpu_column_sums_room(out), taps_bytes = positions * taps_count * sizeof(float);
    char *scratch = nl_cpu_scratch(taps_bytes > room ? taps_bytes : room);
    float *taps = is_product(op) ? NULL : (float *)scratch; /* (positions, taps_count); then their gradient */
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(op->x, at), *w = NL_AT(op->w, at), *dy = NL_AT(op->dy, at);
        float *dx = NL_AT(op->dx, at), *dw = NL_AT(op->dw, at);
        if (op->db)
            nl_cpu_column_sums((size_t)run->samples * positions, out, dy, NL_AT(op->db, at), scratch);
        for (int n = 0; n < run->samples; n++, x += image, dy += positions * out) {
            if (taps)
                unfold(op, x, taps);
            nl_cpu_gemm(NL_TRANSPOSED_A, taps_count, out, positions, taps ? taps : x, dy, dw, n > 0);
            if (!dx)
                continue;
            nl_cpu_gemm(NL_TRANSPOSED_B, positions, taps_count, out, dy, w, taps ? taps : dx, false);
            if (taps)
                fold(op, taps, dx);
            dx += image;
        }
    }
}
