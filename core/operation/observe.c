/* Sums over a tensor, or over what it has changed by. It has no output that a node could take. */
#include "operation/observe.h"

#include "operation/reference.h"

enum { X, BEFORE, SLOTS };

/* ---- the reference ---- */

static double element(const real *x, const real *before, size_t i)
{
    return before ? (double)real_part(x[i]) - real_part(before[i]) : real_part(x[i]);
}

/* before: NULL, or what is subtracted. */
static struct nl_observed look(size_t count, const real *x, const real *before)
{
    struct nl_observed seen = nl_unseen();
    seen.elements = (double)count;
    for (size_t i = 0; i < count; i++)
        nl_see(&seen, element(x, before, i), before ? real_part(before[i]) : 0);
    double mean = seen.sum / seen.elements, along = nl_seen_along(&seen);
    for (size_t i = 0; i < count; i++) {
        double value = element(x, before, i);
        nl_see_again(&seen, value - mean, before ? value - along * real_part(before[i]) : 0);
    }
    return seen;
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = arguments;
    size_t rows = op->per_sample ? (size_t)run->samples : 1;
    const real *x = (const real *)op->x + op->first, *before = op->before;
    struct nl_observed *seen = op->seen;
    if (run->viewer)
        run->viewer->show(run->viewer, run, seen, x, rows, op->count);
    if (run->before + run->first == 0)
        *seen = nl_unseen();
    for (size_t n = 0; n < rows; n++)
        *seen = nl_seen_together(*seen, look(op->count, x + n * op->count, before ? before + n * op->count : NULL));
}

NL_KERNEL(observe) = {.forward = forward};

NL_OPERATION(observe) = {
    .name = "observe",
    .arguments = sizeof(struct nl_observe),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .bound = {NL_BOUND(nl_observe, x, in[X], 2), NL_BOUND(nl_observe, seen, sums, 1)},
    .reference = NL_REFERENCES(observe),
};
