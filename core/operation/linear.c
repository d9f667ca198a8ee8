/* Linear: y = x w + b. An image is flattened in height, width, channel order. */
#include "operation/operation.h"

enum { X, WEIGHT, BIAS, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_linear *linear = arguments;
    (void)err;
    linear->in = (int)nl_elements(in[X]);
    size_t outs = (size_t)linear->out;
    d->output[d->outputs++] = (struct nl_extent){1, 1, linear->out};
    d->parameter[d->parameters++] =
        (struct nl_tensor_spec){.name = "weight", .role = NL_WEIGHT, .slot = WEIGHT, .dims = 2, .shape = {outs, (size_t)linear->in}};
    d->parameter[d->parameters++] = (struct nl_tensor_spec){.name = "bias", .role = NL_BIAS, .slot = BIAS, .dims = 1, .shape = {outs}};
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_linear *linear = arguments;
    linear->x = at->in[X], linear->w = at->in[WEIGHT], linear->b = at->in[BIAS];
    linear->y = at->out[0], linear->dy = at->d_out[0];
    linear->dx = at->d_in[X], linear->dw = at->d_in[WEIGHT], linear->db = at->d_in[BIAS];
    linear->update = at->update;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << X | 1u << WEIGHT};
}

static double work(const void *arguments)
{
    const struct nl_linear *linear = arguments;
    return (double)linear->in * linear->out;
}

const struct nl_operation nl_linear_operation = {
    .name = "linear",
    .arguments = sizeof(struct nl_linear),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bind = bind,
    .reads = reads,
    .work = work,
};
