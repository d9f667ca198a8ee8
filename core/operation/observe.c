/* Sums over a tensor, or over what it has changed by. It has no output that a node could take. */
#include "operation/observe.h"

enum { X, BEFORE, SLOTS };

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_observe *observe = arguments;
    observe->x = at->in[X], observe->before = at->in[BEFORE];
    observe->seen = at->sums;
}

const struct nl_operation nl_observe_operation = {
    .name = "observe",
    .arguments = sizeof(struct nl_observe),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .bind = bind,
};
