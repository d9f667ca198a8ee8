/* A learned factor for each channel. */
#include "operation/layer_scale.h"

#include "operation/affine.h"
#include "operation/reference.h"

enum { X, GAMMA, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_layer_scale *scale = arguments;
    (void)err;
    scale->positions = nl_positions(in[X]);
    scale->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    nl_declare_gamma(d, GAMMA, (size_t)in[X].channels, &in[X]);
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_layer_scale *scale = arguments;
    return 4.0 * scale->positions * scale->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_layer_scale *op = arguments;
    const real *x = op->x, *gamma = op->gamma;
    real *y = op->y;
    for (size_t row = 0; row < (size_t)run->samples * (size_t)op->positions; row++)
        for (int c = 0; c < op->channels; c++)
            *y++ = gamma[c] * *x++;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_layer_scale *op = arguments;
    size_t rows = (size_t)run->samples * (size_t)op->positions, channels = (size_t)op->channels;
    const real *x = op->x, *gamma = op->gamma, *dy = op->dy;
    real *dx = op->dx, *dgamma = op->dgamma;
    for (size_t c = 0; c < channels; c++) {
        accumulator sum = 0;
        for (size_t row = 0; row < rows; row++) {
            size_t at = row * channels + c;
            sum += (accumulator)x[at] * dy[at];
            if (dx)
                dx[at] = gamma[c] * dy[at];
        }
        dgamma[c] = sum;
    }
}

NL_KERNEL(layer_scale) = {.forward = forward, .backward = backward};

NL_OPERATION(layer_scale) = {
    .name = "layer_scale",
    .arguments = sizeof(struct nl_layer_scale),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_layer_scale, x, in[X], 2), NL_BOUND(nl_layer_scale, y, out[0], 1),
              NL_BOUND(nl_layer_scale, dy, d_out[0], 1), NL_BOUND(nl_layer_scale, dx, d_in[X], 2)},
    .reads = nl_reads_inputs,
    .sharing = nl_shares_gradient,
    .work = work,
    .reference = NL_REFERENCES(layer_scale),
};
