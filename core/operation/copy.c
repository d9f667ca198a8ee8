/* y = x: what a parameter was before a step. */
#include "operation/copy.h"

#include <string.h>

#include "operation/reference.h"

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_copy *copy = arguments;
    copy->x = at->in[0], copy->y = at->out[0];
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = arguments;
    for (int r = 0; r < run->replicas; r++)
        memcpy(nl_in_replica(run, op->y, r), nl_in_replica(run, op->x, r), op->count * sizeof(real));
}

NL_KERNEL(copy) = {.forward = forward};

NL_OPERATION(copy) = {
    .name = "copy",
    .arguments = sizeof(struct nl_copy),
    .span = NL_SPAN_PARAMETERS,
    .slots = 1,
    .bind = bind,
    .reference = NL_REFERENCES(copy),
};
