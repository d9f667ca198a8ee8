/* One position of each sequence. */
#include "operation/take.h"

#include "operation/describe.h"
#include "operation/reference.h"

enum { X = NL_TAKE_X, LENGTHS = NL_TAKE_LENGTHS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_take *take = arguments;
    (void)err;
    take->positions = nl_positions(in[X]), take->channels = in[X].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, take->channels};
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & 1u << LENGTHS};
}

static double work(const void *arguments)
{
    const struct nl_take *take = arguments;
    return 4.0 * take->positions * take->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_take *op = arguments;
    const real *x = op->x;
    const int32_t *lengths = op->lengths;
    real *y = op->y;
    for (int n = 0; n < run->samples; n++) {
        int s = nl_take_position(op, lengths, n);
        for (int c = 0; c < op->channels; c++)
            *y++ = s >= 0 ? x[((size_t)n * op->positions + s) * op->channels + c] : 0;
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_take *op = arguments;
    const int32_t *lengths = op->lengths;
    const real *dy = op->dy;
    real *dx = op->dx;
    for (int n = 0; n < run->samples; n++)
        for (int s = 0; s < op->positions; s++)
            for (int c = 0; c < op->channels; c++)
                *dx++ = s == nl_take_position(op, lengths, n) ? dy[(size_t)n * op->channels + c] : 0;
}

NL_KERNEL(take) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_take *op = arguments;
    nl_json_member_number(json, "last", op->last);
}

NL_OPERATION(take) = {
    .name = "take",
    .arguments = sizeof(struct nl_take),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_TAKE_SLOTS,
    .takes_int32 = 1u << LENGTHS,
    .lengths = LENGTHS,
    .declare = declare,
    .bound = {NL_BOUND(nl_take, x, in[X], 2), NL_BOUND(nl_take, y, out[0], 1), NL_BOUND(nl_take, dy, d_out[0], 1),
              NL_BOUND(nl_take, dx, d_in[X], 1)},
    .reads = reads,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(take),
};
