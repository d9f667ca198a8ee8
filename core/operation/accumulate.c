/* y += x, of weights: gradients of a parameter that several nodes take. */
#include "operation/accumulate.h"

#include "operation/reference.h"

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_accumulate *op = arguments;
    const real *x = op->x;
    real *y = op->y;
    (void)run;
    for (size_t i = 0; i < op->count; i++)
        y[i] += x[i];
}

NL_KERNEL(accumulate) = {.forward = forward};

NL_OPERATION(accumulate) = {
    .name = "accumulate",
    .arguments = sizeof(struct nl_accumulate),
    .span = NL_SPAN_PARAMETERS,
    .slots = 2,
    .bound = {NL_BOUND(nl_accumulate, x, in[1], 1), NL_BOUND(nl_accumulate, y, out[0], 1)},
    .reference = NL_REFERENCES(accumulate),
};
