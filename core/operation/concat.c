/* Values side by side. */
#include "operation/concat.h"

#include <limits.h>

#include "operation/reference.h"

enum { SLOTS = NL_MOST_CONCATENATED };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_concat *concat = arguments;
    struct nl_extent out = {in[0].height, in[0].width, 0};
    concat->positions = nl_positions(in[0]);
    for (int i = 0; i < SLOTS; i++) {
        if (in[i].channels > 0 && (in[i].height != out.height || in[i].width != out.width))
            return nl_fail(err, "values of %d x %d and of %d x %d positions cannot stand side by side", out.height,
                           out.width, in[i].height, in[i].width);
        if (in[i].channels > INT_MAX - out.channels)
            return nl_fail(err, "%d and %d channels are too many to stand side by side", out.channels, in[i].channels);
        out.channels += concat->channels[i] = in[i].channels;
    }
    d->output[d->outputs++] = out;
    return NL_OK;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_concat *op = arguments;
    const real *x[SLOTS];
    for (int i = 0; i < SLOTS; i++)
        x[i] = op->x[i];
    real *y = op->y;
    for (size_t row = 0; row < (size_t)run->samples * (size_t)op->positions; row++)
        for (int i = 0; i < SLOTS; i++)
            for (int c = 0; c < op->channels[i]; c++)
                *y++ = *x[i]++;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_concat *op = arguments;
    const real *dy = op->dy;
    real *dx[SLOTS];
    for (int i = 0; i < SLOTS; i++)
        dx[i] = op->dx[i];
    for (size_t row = 0; row < (size_t)run->samples * (size_t)op->positions; row++)
        for (int i = 0; i < SLOTS; i++)
            for (int c = 0; c < op->channels[i]; c++, dy++)
                if (dx[i])
                    *dx[i]++ = *dy;
}

NL_KERNEL(concat) = {.forward = forward, .backward = backward};

NL_OPERATION(concat) = {
    .name = "concat",
    .arguments = sizeof(struct nl_concat),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = (1u << SLOTS) - 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_concat, x, in[0], SLOTS), NL_BOUND(nl_concat, y, out[0], 1),
              NL_BOUND(nl_concat, dy, d_out[0], 1), NL_BOUND(nl_concat, dx, d_in[0], SLOTS)},
    .reference = NL_REFERENCES(concat),
};
