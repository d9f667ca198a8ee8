/* The sum at the end of a residual block: a, and every stride-th pixel of the shortcut b, without its new channels. */
#include "operation/add.h"

enum { A, B, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_add *add = arguments;
    int stride = add->stride, height = (in[B].height - 1) / stride + 1, width = (in[B].width - 1) / stride + 1;
    if (height != in[A].height || width != in[A].width || in[B].channels > in[A].channels)
        return nl_fail(err, "%d x %d x %d numbers cannot be added to %d x %d x %d", height, width, in[B].channels, in[A].height, in[A].width,
                       in[A].channels);
    add->height = in[A].height, add->width = in[A].width, add->channels = in[A].channels;
    add->from_height = in[B].height, add->from_width = in[B].width, add->from_channels = in[B].channels;
    d->output[d->outputs++] = in[A];
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_add *add = arguments;
    add->a = at->in[A], add->b = at->in[B];
    add->y = at->out[0], add->dy = at->d_out[0];
    add->da = at->d_in[A], add->db = at->d_in[B];
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    const struct nl_add *add = arguments;
    (void)filled;
    return (struct nl_reads){.outputs = add->relu};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    const struct nl_add *add = arguments;
    (void)filled;
    bool identity = nl_add_is_identity(add);
    return (struct nl_sharing){.output = identity ? 1u << A | 1u << B : 0, .gradient = 1u << A, .same = identity ? 1u << B : 0};
}

static double work(const void *arguments)
{
    const struct nl_add *add = arguments;
    return 4.0 * add->height * add->width * add->channels;
}

bool nl_add_is_identity(const struct nl_add *add)
{
    return add->stride == 1 && add->from_channels == add->channels;
}

const struct nl_operation nl_add_operation = {
    .name = "add",
    .arguments = sizeof(struct nl_add),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .declare = declare,
    .bind = bind,
    .reads = reads,
    .sharing = sharing,
    .work = work,
};
