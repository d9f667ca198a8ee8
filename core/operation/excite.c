/* A factor for each channel of each sample. */
#include "operation/excite.h"

#include "operation/affine.h"
#include "operation/reference.h"

enum { X, G, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_excite *excite = arguments;
    if (nl_positions(in[G]) != 1 || in[G].channels != in[X].channels)
        return nl_fail(err, "%d x %d x %d numbers cannot be a factor for each of %d channels", in[G].height,
                       in[G].width, in[G].channels, in[X].channels);
    excite->positions = nl_positions(in[X]);
    excite->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_excite *excite = arguments;
    return 4.0 * excite->positions * excite->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_excite *op = arguments;
    const real *x = op->x, *g = op->g;
    real *y = op->y;
    for (int n = 0; n < run->samples; n++, g += op->channels)
        for (int s = 0; s < op->positions; s++)
            for (int c = 0; c < op->channels; c++)
                *y++ = *x++ * g[c];
}

/* dg of a sample's channel, and its dx. */
static accumulator channel(const struct nl_excite *op, real g, const real *x, const real *dy, real *dx)
{
    accumulator sum = 0;
    for (size_t at = 0; at < (size_t)op->positions * (size_t)op->channels; at += (size_t)op->channels) {
        sum += (accumulator)dy[at] * x[at];
        dx[at] = dy[at] * g;
    }
    return sum;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_excite *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels;
    const real *x = op->x, *g = op->g, *dy = op->dy;
    real *dx = op->dx, *dg = op->dg;
    for (size_t n = 0; n < (size_t)run->samples; n++)
        for (size_t c = 0; c < (size_t)op->channels; c++) {
            size_t at = n * (size_t)op->channels + c, first = n * sample + c;
            dg[at] = channel(op, g[at], x + first, dy + first, dx + first);
        }
}

NL_KERNEL(excite) = {.forward = forward, .backward = backward};

NL_OPERATION(excite) = {
    .name = "excite",
    .arguments = sizeof(struct nl_excite),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .declare = declare,
    .bound = {NL_BOUND(nl_excite, x, in[X], 2), NL_BOUND(nl_excite, y, out[0], 1), NL_BOUND(nl_excite, dy, d_out[0], 1),
              NL_BOUND(nl_excite, dx, d_in[X], 2)},
    .reads = nl_reads_inputs,
    .sharing = nl_shares_gradient,
    .work = work,
    .reference = NL_REFERENCES(excite),
};
