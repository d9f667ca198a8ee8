/* Linear: y = x w + b. An image is flattened in height, width, channel order. */
#include "operation/linear.h"

#include "operation/product.h"

enum { X = NL_PRODUCT_X, WEIGHT = NL_PRODUCT_WEIGHT, BIAS = NL_PRODUCT_BIAS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_linear *linear = arguments;
    (void)err;
    linear->in = (int)nl_elements(in[X]);
    d->output[d->outputs++] = (struct nl_extent){1, 1, linear->out};
    nl_declare_product(d, 2, (size_t[]){(size_t)linear->out, (size_t)linear->in});
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

static double work(const void *arguments)
{
    const struct nl_linear *linear = arguments;
    return (double)linear->in * linear->out;
}

const struct nl_operation nl_linear_operation = {
    .name = "linear",
    .arguments = sizeof(struct nl_linear),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_PRODUCT_SLOTS,
    .skips = 1u << X,
    .together = 1u << WEIGHT | 1u << BIAS,
    .declare = declare,
    .bind = bind,
    .reads = nl_product_reads,
    .work = work,
};
