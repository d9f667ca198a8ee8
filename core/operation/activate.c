/* An activation function, element by element. */
#include "operation/activate.h"

#include "operation/activation.h"
#include "operation/describe.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_activate *activate = arguments;
    (void)err;
    activate->count = nl_elements(in[0]);
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

/* The sign of ReLU's output is that of its input: backward takes the one for the other. */
/* Where backward reads y alone, x is not kept. */
static void complete(void *arguments, const struct nl_operands *at)
{
    struct nl_activate *activate = arguments;
    if (!at->in[0])
        activate->x = activate->y;
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

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    const real *x = op->x;
    real *y = op->y;
    for (size_t i = 0; i < (size_t)run->samples * op->count; i++)
        y[i] = nl_activation_of(op->kind, op->gelu, x[i]);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_activate *op = arguments;
    const real *x = op->x, *dy = op->dy;
    real *dx = op->dx;
    for (size_t i = 0; i < (size_t)run->samples * op->count; i++)
        dx[i] = dy[i] * nl_activation_slope(op->kind, op->gelu, x[i]);
}

NL_KERNEL(activate) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_activate *op = arguments;
    nl_json_member(json, "kind", nl_activation_names[op->kind]);
    nl_json_member(json, "approximate", nl_gelu_names[op->gelu]);
}

NL_OPERATION(activate) = {
    .name = "activate",
    .arguments = sizeof(struct nl_activate),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_activate, x, in[0], 1), NL_BOUND(nl_activate, y, out[0], 1),
              NL_BOUND(nl_activate, dy, d_out[0], 1), NL_BOUND(nl_activate, dx, d_in[0], 1)},
    .complete = complete,
    .reads = reads,
    .sharing = sharing,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(activate),
};
