/* y = x: what a parameter was before a step. */
#include "operation/copy.h"

#include <string.h>

#include "operation/reference.h"

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = arguments;
    (void)run;
    memcpy(op->y, op->x, op->count * sizeof(real));
}

NL_KERNEL(copy) = {.forward = forward};

NL_OPERATION(copy) = {
    .name = "copy",
    .arguments = sizeof(struct nl_copy),
    .span = NL_SPAN_PARAMETERS,
    .slots = 1,
    .bound = {NL_BOUND(nl_copy, x, in[0], 1), NL_BOUND(nl_copy, y, out[0], 1)},
    .reference = NL_REFERENCES(copy),
};
