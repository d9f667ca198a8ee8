/* What a state of a loop is after a time: the new one, or, after the end of a sample's sequence, the one before. */
#include "operation/hold.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_hold *hold = arguments;
    (void)err;
    hold->count = nl_elements(in[NL_HOLD_X]);
    d->output[d->outputs++] = in[NL_HOLD_X];
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << NL_HOLD_LENGTHS};
}

/* ---- the reference ---- */

static bool counts(const struct nl_run *run, const int32_t *lengths, size_t n)
{
    return run->time < lengths[n];
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_hold *op = arguments;
    const real *x = op->x, *before = op->before;
    const int32_t *lengths = op->lengths;
    real *y = op->y;
    for (size_t at = 0; at < (size_t)run->samples * op->count; at++)
        y[at] = counts(run, lengths, at / op->count) ? x[at] : before[at];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_hold *op = arguments;
    const real *dy = op->dy;
    const int32_t *lengths = op->lengths;
    real *dx = op->dx, *dbefore = op->dbefore;
    for (size_t at = 0; at < (size_t)run->samples * op->count; at++) {
        bool now = counts(run, lengths, at / op->count);
        if (dx)
            dx[at] = now ? dy[at] : 0;
        if (dbefore)
            dbefore[at] = now ? 0 : dy[at];
    }
}

NL_KERNEL(hold) = {.forward = forward, .backward = backward};

NL_OPERATION(hold) = {
    .name = "hold",
    .arguments = sizeof(struct nl_hold),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_HOLD_SLOTS,
    .skips = 1u << NL_HOLD_X | 1u << NL_HOLD_BEFORE,
    .takes_int32 = 1u << NL_HOLD_LENGTHS,
    .lengths = NL_HOLD_LENGTHS,
    .declare = declare,
    .bound = {NL_BOUND(nl_hold, x, in[NL_HOLD_X], 3), NL_BOUND(nl_hold, y, out[0], 1),
              NL_BOUND(nl_hold, dy, d_out[0], 1), NL_BOUND(nl_hold, dx, d_in[NL_HOLD_X], 2)},
    .reads = reads,
    .reference = NL_REFERENCES(hold),
};
