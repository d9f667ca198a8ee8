/* y += x, of weights: gradients of a parameter that several nodes take. */
#include "operation/accumulate.h"

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_accumulate *accumulate = arguments;
    accumulate->y = at->out[0], accumulate->x = at->in[1];
}

const struct nl_operation nl_accumulate_operation = {
    .name = "accumulate",
    .arguments = sizeof(struct nl_accumulate),
    .span = NL_SPAN_PARAMETERS,
    .slots = 2,
    .bind = bind,
};
