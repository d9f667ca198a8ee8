/* An activation function, element by element. */
#include "operation/activate.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_activate *activate = arguments;
    (void)err;
    activate->count = nl_elements(in[0]);
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

/* The sign of ReLU's output is that of its input: backward takes the one for the other. */
static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_activate *activate = arguments;
    activate->x = at->in[0] ? at->in[0] : at->out[0];
    activate->y = at->out[0];
    activate->dy = at->d_out[0], activate->dx = at->d_in[0];
}

static bool is_relu(const void *arguments)
{
    const struct nl_activate *activate = arguments;
    return activate->kind == NL_RELU;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)filled;
    return is_relu(arguments) ? (struct nl_reads){.outputs = 1} : (struct nl_reads){.inputs = 1};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)filled;
    return (struct nl_sharing){.output = is_relu(arguments), .gradient = 1};
}

static double work(const void *arguments)
{
    const struct nl_activate *activate = arguments;
    return 4.0 * (double)activate->count;
}

const struct nl_operation nl_activate_operation = {
    .name = "activate",
    .arguments = sizeof(struct nl_activate),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bind = bind,
    .reads = reads,
    .sharing = sharing,
    .work = work,
};
