/* Convolution, and depthwise convolution: one kernel for each channel. The padding keeps the size where the stride is 1 and the kernel odd. */
#include "operation/conv.h"

#include "operation/product.h"

enum { X = NL_PRODUCT_X, WEIGHT = NL_PRODUCT_WEIGHT, BIAS = NL_PRODUCT_BIAS };

static int declare_grouped(struct nl_conv *conv, int groups, const struct nl_extent *in, struct nl_declaration *d)
{
    conv->groups = groups;
    conv->height = in[X].height;
    conv->width = in[X].width;
    conv->in = in[X].channels;
    conv->pad = conv->kernel / 2;
    conv->out_height = (conv->height - 1) / conv->stride + 1;
    conv->out_width = (conv->width - 1) / conv->stride + 1;
    size_t taps = (size_t)conv->kernel;
    d->output[d->outputs++] = (struct nl_extent){conv->out_height, conv->out_width, conv->out};
    nl_declare_product(d, 4, (size_t[]){(size_t)conv->out, (size_t)(conv->in / groups), taps, taps});
    return NL_OK;
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    (void)err;
    return declare_grouped(arguments, 1, in, d);
}

static int declare_depthwise(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_conv *conv = arguments;
    (void)err;
    conv->out = in[X].channels;
    return declare_grouped(conv, conv->out, in, d);
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_conv *conv = arguments;
    conv->x = at->in[X], conv->w = at->in[WEIGHT], conv->b = at->in[BIAS];
    conv->y = at->out[0], conv->dy = at->d_out[0];
    conv->dx = at->d_in[X], conv->dw = at->d_in[WEIGHT], conv->db = at->d_in[BIAS];
    conv->sums = at->sums;
}

static double work(const void *arguments)
{
    const struct nl_conv *conv = arguments;
    return (double)(conv->kernel * conv->kernel) * (conv->out_height * conv->out_width) * (conv->in / conv->groups) * conv->out;
}

const struct nl_operation nl_conv_operation = {
    .name = "conv",
    .arguments = sizeof(struct nl_conv),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_PRODUCT_SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bind = bind,
    .reads = nl_product_reads,
    .work = work,
};

const struct nl_operation nl_depthwise_conv_operation = {
    .name = "depthwise_conv",
    .arguments = sizeof(struct nl_conv),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_PRODUCT_SLOTS,
    .skips = 1u << X,
    .declare = declare_depthwise,
    .bind = bind,
    .reads = nl_product_reads,
    .work = work,
};
