/* Upsampling: each position becomes 2 x 2. */
#include "operation/upsample.h"

#include <limits.h>

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_upsample *up = arguments;
    if (in[0].height > INT_MAX / 2 || in[0].width > INT_MAX / 2)
        return nl_fail(err, "maps of twice %d x %d are too large", in[0].height, in[0].width);
    up->height = in[0].height, up->width = in[0].width, up->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){2 * in[0].height, 2 * in[0].width, in[0].channels};
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_upsample *up = arguments;
    return 4.0 * up->height * up->width * up->channels;
}

/* ---- the reference ---- */

/* Place in x of element (n, i, j, 0) of y. */
static size_t source(const struct nl_upsample *op, int n, int i, int j)
{
    return (((size_t)n * op->height + i / 2) * op->width + j / 2) * op->channels;
}

#define FOR_OUTPUTS(op, run)                                                                                           \
    for (int n = 0; n < (run)->samples; n++)                                                                           \
        for (int i = 0; i < 2 * (op)->height; i++)                                                                     \
            for (int j = 0; j < 2 * (op)->width; j++)                                                                  \
                for (int c = 0; c < (op)->channels; c++)

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_upsample *op = arguments;
    const real *x = op->x;
    real *y = op->y;
    FOR_OUTPUTS(op, run) *y++ = x[source(op, n, i, j) + c];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_upsample *op = arguments;
    const real *dy = op->dy;
    real *dx = op->dx;
    for (size_t i = 0; i < (size_t)run->samples * op->height * op->width * op->channels; i++)
        dx[i] = 0;
    FOR_OUTPUTS(op, run) dx[source(op, n, i, j) + c] += *dy++;
}

NL_KERNEL(upsample) = {.forward = forward, .backward = backward};

NL_OPERATION(upsample) = {
    .name = "upsample",
    .arguments = sizeof(struct nl_upsample),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_upsample, x, in[0], 1), NL_BOUND(nl_upsample, y, out[0], 1),
              NL_BOUND(nl_upsample, dy, d_out[0], 1), NL_BOUND(nl_upsample, dx, d_in[0], 1)},
    .work = work,
    .reference = NL_REFERENCES(upsample),
};
