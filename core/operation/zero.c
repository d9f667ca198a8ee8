/* y = 0: what a state is before the first time of a loop, and a sum before it begins. */
#include "operation/zero.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_zero *zero = arguments;
    (void)in, (void)err;
    zero->count = (size_t)zero->channels;
    zero->per_sample = true;
    d->output[d->outputs++] = (struct nl_extent){1, 1, zero->channels};
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_zero *zero = arguments;
    return (double)zero->count;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_zero *op = arguments;
    real *y = op->y;
    for (size_t i = 0; i < op->count * (op->per_sample ? (size_t)run->samples : 1); i++)
        y[i] = 0;
}

NL_KERNEL(zero) = {.forward = forward};

NL_OPERATION(zero) = {
    .name = "zero",
    .arguments = sizeof(struct nl_zero),
    .span = NL_SPAN_SAMPLE,
    .declare = declare,
    .bound = {NL_BOUND(nl_zero, y, out[0], 1)},
    .work = work,
    .reference = NL_REFERENCES(zero),
};
