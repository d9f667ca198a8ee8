/* Weights go into their average, beside the training. The trainer calls it (train/average.c); it is no node of a
 * graph. */
#include "operation/weight_average.h"

#include "operation/reference.h"

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_weight_average *op = arguments;
    const real *value = op->value, share = (real)op->share;
    real *average = op->average;
    (void)run;
    for (size_t i = 0; i < op->count; i++)
        average[i] = op->share < 1 ? average[i] + share * (value[i] - average[i]) : value[i];
}

NL_KERNEL(weight_average) = {.forward = forward};

NL_OPERATION(weight_average) = {
    .name = "weight_average",
    .arguments = sizeof(struct nl_weight_average),
    .span = NL_SPAN_PARAMETERS,
    .reference = NL_REFERENCES(weight_average),
};
