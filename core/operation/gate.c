/* A gated linear unit after its linear layer: one half of the channels, activated, times the other. */
#include "operation/gate.h"

#include "operation/activation.h"
#include "operation/describe.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_gate *gate = arguments;
    if (in[0].channels % 2)
        return nl_fail(err, "a gate needs an even number of channels, not %d", in[0].channels);
    gate->positions = nl_positions(in[0]), gate->channels = in[0].channels / 2;
    d->output[d->outputs++] = (struct nl_extent){in[0].height, in[0].width, gate->channels};
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1};
}

static double work(const void *arguments)
{
    const struct nl_gate *gate = arguments;
    return 8.0 * gate->positions * gate->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = arguments;
    const real *a = op->x;
    real *y = op->y;
    for (int row = 0; row < run->samples * op->positions; row++, a += 2 * op->channels)
        for (int c = 0; c < op->channels; c++)
            *y++ = nl_activation_of(op->kind, op->gelu, a[c]) * a[op->channels + c];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gate *op = arguments;
    const real *a = op->x, *dy = op->dy;
    real *da = op->dx;
    for (int row = 0; row < run->samples * op->positions; row++, a += 2 * op->channels, da += 2 * op->channels)
        for (int c = 0; c < op->channels; c++, dy++) {
            da[c] = *dy * a[op->channels + c] * nl_activation_slope(op->kind, op->gelu, a[c]);
            da[op->channels + c] = *dy * nl_activation_of(op->kind, op->gelu, a[c]);
        }
}

NL_KERNEL(gate) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_gate *op = arguments;
    nl_json_member(json, "kind", nl_activation_names[op->kind]);
    nl_json_member(json, "approximate", nl_gelu_names[op->gelu]);
}

NL_OPERATION(gate) = {
    .name = "gate",
    .arguments = sizeof(struct nl_gate),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_gate, x, in[0], 1), NL_BOUND(nl_gate, y, out[0], 1), NL_BOUND(nl_gate, dy, d_out[0], 1),
              NL_BOUND(nl_gate, dx, d_in[0], 1)},
    .reads = reads,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(gate),
};
