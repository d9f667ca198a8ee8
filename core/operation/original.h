/* What the operations that compute a weight have in common: the original weight, and how a step on the host is made of
 * their reference. */
#ifndef NL_OPERATION_ORIGINAL_H
#define NL_OPERATION_ORIGINAL_H

#include "operation/parametrize.h"
#include "operation/reference.h" /* which says whether numbers are complex */

#include "norm/weight_scale.h"

/* The weight as an output, (taps, I, O), and the original as the parameter of that name. */
static inline void nl_declare_original(struct nl_declaration *d, const char *name, int kernel, int in, int out)
{
    struct nl_tensor_spec original = {.name = name, .role = NL_WEIGHT, .slot = NL_ORIGINAL, .dims = kernel ? 4 : 2,
                                      .shape = {(size_t)out, (size_t)in, (size_t)kernel, (size_t)kernel}};
    d->output[d->outputs++] = (struct nl_extent){nl_weight_taps(kernel), in, out};
    d->parameter[d->parameters++] = original;
}

static inline struct nl_reads nl_reads_original(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled};
}

/* A step of training. */
static const struct nl_run nl_once = {.statistics = NL_STATS_TRAIN};

#endif
