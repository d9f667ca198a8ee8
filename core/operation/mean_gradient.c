/* The gradients of micro-batches become that of their batch. The trainer calls it (train/step.c); it is no node of a
 * graph. */
#include "operation/mean_gradient.h"

#include "operation/reference.h"

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_gradient *op = arguments;
    const struct nl_loss_sums *sums = run->sums;
    const real *grad = op->grad;
    real *mean = op->mean;
    double *counted = op->counted, before = run->before > 0 ? *counted : 0;
    double share = sums->counted > before ? (sums->counted - before) / sums->counted : 0;
    for (size_t i = 0; i < op->count; i++)
        mean[i] = before > 0 ? mean[i] + (real)share * (grad[i] - mean[i]) : grad[i];
    *counted = sums->counted;
}

NL_KERNEL(mean_gradient) = {.forward = forward};

NL_OPERATION(mean_gradient) = {
    .name = "mean_gradient",
    .arguments = sizeof(struct nl_mean_gradient),
    .span = NL_SPAN_PARAMETERS,
    .reference = NL_REFERENCES(mean_gradient),
};
