/* Gain and bias of a layer from the first batch. */
#include "operation/standardize.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_standardize *s = arguments;
    (void)err;
    s->positions = nl_positions(in[NL_STANDARDIZE_X]), s->channels = in[NL_STANDARDIZE_X].channels;
    d->output[d->outputs++] = in[NL_STANDARDIZE_X];
    return NL_OK;
}

/* ---- the reference ---- */

/* One channel: x, y, gain and bias point to it. */
static void standardize(size_t rows, int channels, const real *x, real *gain, real *bias, real *y)
{
    accumulator sum = 0, squares = 0;
    for (size_t row = 0; row < rows; row++)
        sum += x[row * channels];
    accumulator mean = sum / (double)rows;
    for (size_t row = 0; row < rows; row++)
        squares += (x[row * channels] - mean) * (x[row * channels] - mean);
    accumulator scale = real_part(squares) == 0 ? 1 : 1.0 / sqrt(squares / (double)rows), shift = bias ? mean : 0;
    *gain *= scale;
    if (bias)
        *bias = (*bias - shift) * scale;
    for (size_t row = 0; row < rows; row++)
        y[row * channels] = (x[row * channels] - shift) * scale;
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_standardize *op = arguments;
    const real *x = op->x;
    real *gain = op->gain, *bias = op->bias, *y = op->y;
    for (int c = 0; c < op->channels; c++)
        standardize((size_t)run->samples * op->positions, op->channels, x + c, gain + c, bias ? bias + c : NULL, y + c);
}

NL_KERNEL(standardize) = {.forward = forward};

NL_OPERATION(standardize) = {
    .name = "standardize",
    .arguments = sizeof(struct nl_standardize),
    .span = NL_SPAN_BATCH,
    .slots = NL_STANDARDIZE_SLOTS,
    .initializes = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_standardize, x, in[NL_STANDARDIZE_X], 3), NL_BOUND(nl_standardize, y, out[0], 1)},
    .reference = NL_REFERENCES(standardize),
};
