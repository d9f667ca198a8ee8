/* y = x: what a parameter was before a step. */
#include "operation/copy.h"

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_copy *copy = arguments;
    copy->x = at->in[0], copy->y = at->out[0];
}

const struct nl_operation nl_copy_operation = {
    .name = "copy",
    .arguments = sizeof(struct nl_copy),
    .span = NL_SPAN_PARAMETERS,
    .slots = 1,
    .bind = bind,
};
