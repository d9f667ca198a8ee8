/* A bias by itself. */
#include "operation/bias.h"

#include "operation/product.h"

enum { X, B, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_bias_add *bias = arguments;
    (void)err;
    bias->positions = nl_positions(in[X]);
    bias->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    d->parameter[d->parameters++] = (struct nl_tensor_spec){
        .name = "bias", .role = NL_BIAS, .slot = B, .dims = 1, .shape = {(size_t)in[X].channels}};
    return NL_OK;
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_sharing){.output = 1u << X, .gradient = 1u << X};
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_bias_add *op = arguments;
    const real *x = op->x, *b = op->b;
    real *y = op->y;
    for (size_t row = 0; row < (size_t)run->samples * (size_t)op->positions; row++)
        for (int c = 0; c < op->channels; c++)
            *y++ = *x++ + b[c];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_bias_add *op = arguments;
    size_t rows = (size_t)run->samples * (size_t)op->positions;
    const real *dy = op->dy;
    real *dx = op->dx, *db = op->db;
    for (size_t i = 0; dx && i < rows * (size_t)op->channels; i++)
        dx[i] = dy[i];
    if (db)
        nl_sum_rows(rows, op->channels, dy, db);
}

NL_KERNEL(bias) = {.forward = forward, .backward = backward};

NL_OPERATION(bias) = {
    .name = "bias",
    .arguments = sizeof(struct nl_bias_add),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .together = 1u << B,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_bias_add, x, in[X], 2), NL_BOUND(nl_bias_add, y, out[0], 1),
              NL_BOUND(nl_bias_add, dy, d_out[0], 1), NL_BOUND(nl_bias_add, dx, d_in[X], 2)},
    .sharing = sharing,
    .reference = NL_REFERENCES(bias),
};
