/* What is observed by passes of its own, beside a training whose bits stay as they are: how a step of the layers below
 * shifts a gradient, and the loss along the gradient, in random directions, and on the way to other parameters
 * (graph/observers.h). */
#ifndef NL_TRAIN_ASIDE_H
#define NL_TRAIN_ASIDE_H

#include "train/training.h"

/* Makes them on the batch of a step that comes next, which pass train's gather.index names, with the rates of that step
 * in place. Returns what was seen, (replicas, observers), of those observers alone; to be freed. */
struct nl_observed *nl_look_aside(struct nl_training *training, const struct nl_run *step);

/* What is seen of x, or where `before` is not NULL of x - before; whole: with quantiles. */
struct nl_observed nl_look_at(size_t count, const double *x, const double *before);
struct nl_observed nl_look_at_whole(size_t count, const double *x, const double *before);

/* What is seen where there was nothing to see: NaN all over. */
struct nl_observed nl_saw_nothing(void);

/* Runs `look` on the state of all replicas, and puts parameters, gradients, the optimizer's buffers and statistics back
 * as they were. */
void nl_aside(const struct nl_plan *plan, void (*look)(void *context), void *context);

#endif
